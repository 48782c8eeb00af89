import { UsageError } from '@assay/core'
import type { Exchange } from '../exchange.js'

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
  /** Fractions of `count` that are duplicates, invalid or late; 0 by default. */
  readonly duplicates?: number
  readonly invalid?: number
  readonly late?: number
  /** Records in a batch, 5,000 by default. */
  readonly batchRecords?: number
}

export type CheckedOptions = Required<SimulationOptions>

const DAY_MS = 86_400_000

/** Fills in the defaults. Throws a UsageError `bad_simulation` that lists every mistake. */
export function checkOptions(options: SimulationOptions): CheckedOptions {
  const { symbols, events_per_second } = options.exchange.simulated
  const checked = {
    rate: events_per_second,
    symbols: symbols.length,
    skew: 1,
    duplicates: 0,
    invalid: 0,
    late: 0,
    batchRecords: 5000,
    ...options,
  }
  const mistakes = [
    ...outside(checked, 'count', 0, Number.MAX_SAFE_INTEGER, true),
    ...outside(checked, 'seed', 0, 2 ** 32 - 1, true),
    ...outside(checked, 'rate', 0.001, 1e9, false),
    ...outside(checked, 'symbols', 1, 100_000, true),
    ...outside(checked, 'skew', 0, 10, false),
    ...outside(checked, 'batchRecords', 1, 100_000, true),
    // Room on both sides, so that times far off are still times.
    ...outside(checked, 'startTime_ms', 500 * DAY_MS, 200 * 365 * DAY_MS, true),
    ...(['duplicates', 'invalid', 'late'] as const).flatMap((name) => outside(checked, name, 0, 1, false)),
  ]
  if (checked.duplicates + checked.invalid + checked.late > 1)
    mistakes.push('duplicates, invalid and late are more than all')
  if (mistakes.length === 0) return checked
  throw new UsageError('bad_simulation', mistakes.join('; '), { hint: 'correct the options of the simulation' })
}

function outside(
  options: CheckedOptions,
  name: { [Key in keyof CheckedOptions]: CheckedOptions[Key] extends number ? Key : never }[keyof CheckedOptions],
  least: number,
  most: number,
  isInteger: boolean,
): string[] {
  const value = options[name]
  if (value >= least && value <= most && (!isInteger || Number.isInteger(value))) return []
  return [`${name} must be ${isInteger ? 'an integer' : 'a number'} from ${least} to ${most}, not ${value}`]
}
