import type { Exchange } from '../exchange.js'
import { simulatedSymbols } from './market-walk.js'
import type { SimulationOptions } from './options.js'

/** Records that may be held back at a time to be sent out of order. */
const HELD_BACK_MAX = 100_000
/** Names that a message lists. */
const LISTED_MAX = 10

type Options = Pick<
  SimulationOptions,
  'exchange' | 'count' | 'rate' | 'symbols' | 'skew' | 'pareto' | 'hot' | 'idle' | 'disorder_ms' | 'stall' | 'clockJump'
>

/**
 * What options, each right by itself, ask for that can't be had, or that would come to nothing. `named` makes of an
 * option's name in a command line (`clock-jump`) what messages call it.
 */
export function contradictions(options: Options, named: (option: string) => string): string[] {
  return [...shareMistakes(options, named), ...timeMistakes(options, named)]
}

function shareMistakes({ exchange, symbols, skew, pareto, hot = [], idle = [] }: Options, named: Named): string[] {
  const known = simulatedSymbols(exchange, symbols ?? exchange.simulated.symbols.length).map(({ symbol }) => symbol)
  const hotSymbols = hot.map(({ symbol }) => symbol)
  const both = hotSymbols.filter((symbol) => idle.includes(symbol))
  // The sum of 0.7, 0.2 and 0.1 is a little less than 1.
  const given = Number(hot.reduce((sum, { share }) => sum + share, 0).toPrecision(12))
  const others = known.length - new Set([...hotSymbols, ...idle]).size
  const mistakes = [
    ...unknownOrTwice(exchange, known, hotSymbols, named('hot')),
    ...unknownOrTwice(exchange, known, idle, named('idle')),
    ...both.map((symbol) => `${named('hot')} and ${named('idle')} both name ${symbol}`),
  ]
  if (skew !== undefined && pareto) {
    mistakes.push(`${named('skew')} and ${named('pareto')} ask for different shares: it takes one of them`)
  }
  if (given > 1) mistakes.push(`${named('hot')} takes shares of at most 1 together, not ${given}`)
  if (mistakes.length > 0 || others > 0) return mistakes
  if (hot.length === 0) return [`${named('idle')} names every symbol: one at least has to trade`]
  if (given === 1) return []
  return [`${named('hot')} takes shares of 1 together where no other symbol trades, not ${given}`]
}

function unknownOrTwice(
  { name }: Exchange,
  known: readonly string[],
  symbols: readonly string[],
  option: string,
): string[] {
  const more = known.length > LISTED_MAX ? ` and ${known.length - LISTED_MAX} more` : ''
  const listed = `${known.slice(0, LISTED_MAX).join(', ')}${more}`
  return symbols.flatMap((symbol, i) => {
    if (symbols.indexOf(symbol) < i) return `${option} names ${symbol} twice; it takes a symbol once`
    if (known.includes(symbol)) return []
    return `${option} takes symbols that are simulated for ${name} (${listed}), not ${JSON.stringify(symbol)}`
  })
}

function timeMistakes({ exchange, count, rate, disorder_ms = 0, stall, clockJump }: Options, named: Named): string[] {
  const per_second = rate ?? exchange.simulated.events_per_second
  const between_ms = 1000 / per_second
  const last_ms = (count - 1) * between_ms
  const heldBack = Math.ceil(disorder_ms / between_ms)
  const mistakes: string[] = []
  if (disorder_ms > 0 && disorder_ms <= between_ms) {
    mistakes.push(
      `${named('disorder')} takes more than the ${seconds(between_ms)} between two records, not ${seconds(disorder_ms)}: ` +
        'none could come before another',
    )
  }
  if (heldBack > HELD_BACK_MAX) {
    mistakes.push(
      `${named('disorder')} takes at most ${seconds(HELD_BACK_MAX * between_ms)} at ${per_second} records a second, ` +
        `not ${seconds(disorder_ms)}: no more than ${HELD_BACK_MAX} are held back`,
    )
  }
  if (stall && stall.from_ms > last_ms) {
    mistakes.push(
      `${named('stall')} takes a beginning before the last record, which comes after ${seconds(Math.max(0, last_ms))}, ` +
        `not ${seconds(stall.from_ms)}`,
    )
  }
  if (clockJump && clockJump.every > count) {
    mistakes.push(
      `${named('clock-jump')} takes at most the number of records, ${count}, not ${clockJump.every}: no clock would jump`,
    )
  }
  return mistakes
}

type Named = (option: string) => string

function seconds(ms: number): string {
  return `${Number((ms / 1000).toPrecision(6))} s`
}
