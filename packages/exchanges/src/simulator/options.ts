import { UsageError } from '@assay/core'
import type { Exchange } from '../exchange.js'
import { contradictions } from './contradictions.js'

/** The part of the trades that a symbol has. */
export interface HotSymbol {
  readonly symbol: string
  readonly share: number
}

/** Nothing is sent between two times after the first trade; no trade has a time in between, either. */
interface Stall {
  readonly from_ms: number
  readonly duration_ms: number
}

/** Every so many records, one has a time that lies ahead. */
interface ClockJump {
  readonly every: number
  readonly ahead_ms: number
}

export interface SimulationOptions {
  readonly exchange: Exchange
  /** Id of the exchange's schema in the registry. */
  readonly schemaId: number
  /** The registry's wire header of a schema id. */
  readonly wireHeader: (schemaId: number) => Uint8Array
  /** Records in all, whatever their kind. */
  readonly count: number
  /** The same seed and options give the same bytes. */
  readonly seed: number
  /** Time of the first trade. */
  readonly startTime_ms: number
  /** Trades a second of event time; the exchange's usual load by default. */
  readonly rate?: number
  /** Number of symbols; by default those of the exchange. */
  readonly symbols?: number
  /** Exponent of Zipf's law over the symbols: 0 is even, 1 (the default) is like real markets. */
  readonly skew?: number
  /** Pareto's law over the symbols in place of Zipf's: a fifth of them has four fifths of the trades. */
  readonly pareto?: boolean
  /** Symbols with shares of their own; the others share the rest as they would without. */
  readonly hot?: readonly HotSymbol[]
  /** Symbols that send nothing. */
  readonly idle?: readonly string[]
  /** Fractions of `count` that are duplicates, invalid or late; 0 by default. */
  readonly duplicates?: number
  readonly invalid?: number
  readonly late?: number
  /** How much older than a record before it a record may be; 0 by default. */
  readonly disorder_ms?: number
  readonly stall?: Stall
  readonly clockJump?: ClockJump
  /** Records in a batch, 5,000 by default. */
  readonly batchRecords?: number
}

type Optional = 'stall' | 'clockJump'
export type CheckedOptions = Required<Omit<SimulationOptions, Optional>> & Pick<SimulationOptions, Optional>

const DAY_MS = 86_400_000

/** Fills in the defaults. Throws a UsageError `bad_simulation` that lists every mistake. */
export function checkOptions(options: SimulationOptions): CheckedOptions {
  const { symbols, events_per_second } = options.exchange.simulated
  const checked: CheckedOptions = {
    rate: events_per_second,
    symbols: symbols.length,
    skew: 1,
    pareto: false,
    hot: [],
    idle: [],
    duplicates: 0,
    invalid: 0,
    late: 0,
    disorder_ms: 0,
    batchRecords: 5000,
    ...options,
  }
  const mistakes = rangeMistakes(checked)
  // What contradicts what can be told only of values that can be.
  if (mistakes.length === 0) mistakes.push(...contradictions(options, (name) => name))
  if (mistakes.length === 0) return checked
  throw new UsageError('bad_simulation', mistakes.join('; '), { hint: 'correct the options of the simulation' })
}

function rangeMistakes(options: CheckedOptions): string[] {
  const { duplicates, invalid, late, hot, stall, clockJump } = options
  const mistakes = [
    ...outside('count', options.count, 0, Number.MAX_SAFE_INTEGER, true),
    ...outside('seed', options.seed, 0, 2 ** 32 - 1, true),
    ...outside('rate', options.rate, 0.001, 1e9, false),
    ...outside('symbols', options.symbols, 1, 100_000, true),
    ...outside('skew', options.skew, 0, 10, false),
    ...outside('batchRecords', options.batchRecords, 1, 100_000, true),
    // Room on both sides, so that times far off are still times.
    ...outside('startTime_ms', options.startTime_ms, 500 * DAY_MS, 200 * 365 * DAY_MS, true),
    ...(['duplicates', 'invalid', 'late'] as const).flatMap((name) => outside(name, options[name], 0, 1, false)),
    ...hot.flatMap(({ symbol, share }) => outside(`hot share of ${symbol}`, share, 0, 1, false)),
    ...outside('disorder_ms', options.disorder_ms, 0, DAY_MS, true),
    ...(stall ? outside('stall.from_ms', stall.from_ms, 1, Number.MAX_SAFE_INTEGER, true) : []),
    // A feed that keeps a rate waits as long: timers take no more than 24 days.
    ...(stall ? outside('stall.duration_ms', stall.duration_ms, 1, 7 * DAY_MS, true) : []),
    ...(clockJump ? outside('clockJump.every', clockJump.every, 2, Number.MAX_SAFE_INTEGER, true) : []),
    ...(clockJump ? outside('clockJump.ahead_ms', clockJump.ahead_ms, 1, 3650 * DAY_MS, true) : []),
  ]
  if (duplicates + invalid + late > 1) mistakes.push('duplicates, invalid and late are more than all')
  return mistakes
}

function outside(name: string, value: number, least: number, most: number, isInteger: boolean): string[] {
  if (value >= least && value <= most && (!isInteger || Number.isInteger(value))) return []
  return [`${name} must be ${isInteger ? 'an integer' : 'a number'} from ${least} to ${most}, not ${value}`]
}
