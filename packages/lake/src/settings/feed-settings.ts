import { type Exchange, exchanges } from '@assay/exchanges'
import { z } from 'zod'
import { oneOf, type Setting } from './setting.js'

const FEEDS = ['live', 'simulated', 'none'] as const
const RATE_MAX = 100_000
const BURST = /^(\d{1,3}(?:\.\d{1,3})?)\/(\d{1,5})$/
const TOKEN_CHARACTERS_MIN = 16
const TOKENS_MAX = 100

/** What only the feed service takes. */
export const FEED_SETTINGS = {
  ASSAY_FEED: {
    fallback: 'live',
    accepts: FEEDS.join(', '),
    means:
      "What the feed service puts into the log: the exchanges' own feeds, simulated trades, or only what is sent to it.",
    schema: oneOf(FEEDS),
  },
  ASSAY_SYMBOLS: {
    fallback: symbolsText(exchanges),
    accepts: 'exchange:symbol,symbol;exchange:symbol',
    means: "What is followed live, as the exchange writes it. An exchange that is not named follows its default's.",
    schema: symbolsOf(exchanges),
  },
  ASSAY_FEED_RATE: {
    fallback: 'usual',
    accepts: `usual, or a number from 1 to ${RATE_MAX}`,
    means: "Simulated records a second of each exchange; usual is the exchange's own load.",
    schema: z
      .string()
      .refine((text) => text === 'usual' || isWithin(text, 1, RATE_MAX), `must be usual or from 1 to ${RATE_MAX}`)
      .transform((text) => (text === 'usual' ? undefined : Number(text))),
  },
  ASSAY_FEED_SKEW: {
    fallback: '1',
    accepts: '0 to 10',
    means: "How unevenly simulated trades are spread over the symbols: the exponent of Zipf's law; 0 is even.",
    schema: z
      .string()
      .refine((text) => isWithin(text, 0, 10), 'must be a number from 0 to 10')
      .transform(Number),
  },
  ASSAY_FEED_BURST: {
    fallback: 'none',
    accepts: 'none, or factor/seconds',
    means:
      'Bursts of the simulation: 5/60 is one second at five times the rate in every sixty. The factor is 1 to 100, the seconds 2 to 86400.',
    schema: z.string().transform((text, context) => {
      if (text === 'none') return undefined
      const [, factor, every_seconds] = BURST.exec(text) ?? []
      if (isWithin(factor, 1, 100) && isWithin(every_seconds, 2, 86_400)) {
        return { factor: Number(factor), every_seconds: Number(every_seconds) }
      }
      context.addIssue({ code: 'custom', message: 'must be none or factor/seconds, like 5/60' })
      return z.NEVER
    }),
  },
  ASSAY_INGEST_TOKENS: {
    fallback: '',
    accepts: `texts of at least ${TOKEN_CHARACTERS_MIN} characters with commas between`,
    means:
      'Who sends events to the feed service must show one of them. Without tokens it takes events only if it listens on the loopback address.',
    schema: z
      .string()
      .transform((text) => (text === '' ? [] : text.split(',')))
      .refine(
        (tokens) => tokens.length <= TOKENS_MAX && tokens.every((token) => /^[\w.~+/=-]{16,512}$/.test(token)),
        `must be at most ${TOKENS_MAX} tokens of ${TOKEN_CHARACTERS_MIN} to 512 letters, digits or -._~+/=, with commas between`,
      ),
  },
} as const satisfies Readonly<Record<string, Setting<unknown>>>

function isWithin(text: string | undefined, least: number, most: number): boolean {
  return text !== undefined && /^\d{1,9}(\.\d{1,9})?$/.test(text) && Number(text) >= least && Number(text) <= most
}

function symbolsText(list: readonly Exchange[]): string {
  return list.map(({ name, live }) => `${name}:${live.symbols.join(',')}`).join(';')
}

/** Symbols by exchange; each mistake is named, all of them at once. */
function symbolsOf(list: readonly Exchange[]): z.ZodType<ReadonlyMap<string, readonly string[]>, string> {
  return z.string().transform((text, context) => {
    const symbols = new Map<string, readonly string[]>()
    const mistakes: string[] = []
    for (const part of text.split(';')) {
      const [, name = '', names = ''] = /^([^:]*):(.*)$/.exec(part) ?? []
      const exchange = list.find((one) => one.name === name)
      if (!exchange) mistakes.push(`${JSON.stringify(part)} does not begin with an exchange and a colon`)
      else if (symbols.has(name)) mistakes.push(`${name} is named twice`)
      else mistakes.push(...symbolMistakes(exchange, names.split(',')))
      symbols.set(name, [...new Set(names.split(','))])
    }
    if (mistakes.length === 0) return symbols
    context.addIssue({ code: 'custom', message: `must be like ${symbolsText(list)} (${mistakes.join('; ')})` })
    return z.NEVER
  })
}

function symbolMistakes({ name, live, symbols: grammar }: Exchange, symbols: readonly string[]): string[] {
  const odd = symbols.filter((symbol) => !grammar.test(symbol) || !live.isFollowable(symbol))
  return [
    ...odd.map((symbol) => `${name} has no symbol like ${JSON.stringify(symbol)}, but like ${live.symbolExample}`),
    ...(symbols.length > live.symbolsMax ? [`${name} follows at most ${live.symbolsMax} symbols`] : []),
  ]
}
