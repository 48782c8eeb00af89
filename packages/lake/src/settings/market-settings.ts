import { CURRENCY_NAME, PAIR_NAME } from '@assay/exchanges'
import { z } from 'zod'
import type { Setting } from './setting.js'

const NAMES_MAX = 10_000

/** What silver knows of currencies beside what Assay does: every process that judges takes it. */
export const MARKET_SETTINGS = {
  ASSAY_QUOTES: {
    fallback: '',
    accepts: 'names with commas between: XEUR,KAS',
    means:
      'Quote currencies beside those that are known anyway. What is known is part of the rule set: rows that are there keep the currency that they have.',
    schema: namesOf(CURRENCY_NAME, 'currencies in letters and digits'),
  },
  ASSAY_BASES: {
    fallback: '',
    accepts: 'names with commas between: PEPE2,NEWCOIN',
    means:
      'Base currencies beside those that are known anyway. They decide where a joined name could be split in several ways.',
    schema: namesOf(CURRENCY_NAME, 'currencies in letters and digits'),
  },
  ASSAY_PAIRS: {
    fallback: '',
    accepts: 'pairs with commas between: ARB/USD,BTC/U',
    means: 'Pairs as base/quote: a joined name that is one of them is split like it, before anything else is asked.',
    schema: namesOf(PAIR_NAME, 'pairs like BASE/QUOTE'),
  },
} as const satisfies Readonly<Record<string, Setting<unknown>>>

function namesOf(pattern: RegExp, what: string): z.ZodType<readonly string[], string> {
  return z
    .string()
    .transform((text) => (text === '' ? [] : text.split(',').map((name) => name.trim())))
    .refine(
      (names) => names.length <= NAMES_MAX && names.every((name) => pattern.test(name)),
      `must be at most ${NAMES_MAX} ${what}, with commas between`,
    )
}
