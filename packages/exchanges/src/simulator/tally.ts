import type { Exchange } from '../exchange.js'
import { PRESENT_READING } from '../markets/reading.js'
import type { Fault } from './faults.js'

/** What the batches made so far hold, and so what the tables must come to hold. */
export interface SimulationTally {
  readonly produced: number
  /** Rows of silver: first deliveries and duplicates. */
  readonly valid: number
  /** Rows of gold_duplicates; gold has `valid - duplicates`. */
  readonly duplicates: number
  /** Rows of the dead-letter queue by `error_reason`. */
  readonly invalid: Readonly<Record<string, number>>
  /**
   * Valid rows that are at least two minutes behind the newest trade of their symbol, clock jumps aside; no other is
   * behind by more than 10 s and the disorder.
   */
  readonly late: number
  /** Records, neither late nor duplicates, that come after one that was made later. */
  readonly disordered: number
  /** Valid rows whose time lies ahead. */
  readonly clock_jumps: number
  /** Rows of gold by silver's symbol. */
  readonly by_symbol: Readonly<Record<string, number>>
}

/** What a record that is sent counts as; for an invalid one, its fault. */
export type SentKind = 'trade' | 'duplicate' | 'late' | 'clock_jump' | Fault

/** Counts what was sent. */
export class Tally {
  produced = 0
  disordered = 0
  private readonly kinds = { trade: 0, duplicate: 0, late: 0, clock_jump: 0 }
  private readonly bySymbol = new Map<string, number>()
  private readonly invalid = new Map<string, number>()

  /** `symbol`: as the exchange writes it. */
  count(kind: SentKind, symbol: string): void {
    this.produced++
    if (typeof kind === 'object') {
      this.invalid.set(kind.reason, (this.invalid.get(kind.reason) ?? 0) + 1)
      return
    }
    this.kinds[kind]++
    if (kind !== 'duplicate') this.bySymbol.set(symbol, (this.bySymbol.get(symbol) ?? 0) + 1)
  }

  report({ market }: Exchange): SimulationTally {
    const { trade, duplicate, late, clock_jump } = this.kinds
    const by_symbol: Record<string, number> = {}
    for (const [symbol, count] of this.bySymbol) {
      const name = market(symbol, PRESENT_READING).symbol ?? symbol
      by_symbol[name] = (by_symbol[name] ?? 0) + count
    }
    return {
      produced: this.produced,
      valid: trade + duplicate + late + clock_jump,
      duplicates: duplicate,
      invalid: Object.fromEntries(this.invalid),
      late,
      disordered: this.disordered,
      clock_jumps: clock_jump,
      by_symbol,
    }
  }
}
