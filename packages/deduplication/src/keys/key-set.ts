import { AssayError } from '@assay/core'
import { IntervalSet } from './interval-set.js'
import type { StagedKeys } from './staged-keys.js'

/** The trade numbers of one symbol that gold holds. */
export interface SymbolKeys {
  readonly intervals: IntervalSet
  /** Numbers that a double can't hold exactly; no exchange gives such ids, but a record may claim one. */
  readonly large: Set<bigint>
}

const LARGE_ID_BYTES = 64

/** Trade numbers that gold holds, by symbol key (see `symbolKey`). */
export class KeySet {
  readonly #symbols = new Map<string, SymbolKeys>()
  readonly #cap_bytes: number

  constructor(cap_bytes: number) {
    this.#cap_bytes = cap_bytes
  }

  get symbols(): ReadonlyMap<string, SymbolKeys> {
    return this.#symbols
  }

  symbol(name: string): SymbolKeys {
    let symbol = this.#symbols.get(name)
    if (!symbol) {
      symbol = { intervals: new IntervalSet(), large: new Set() }
      this.#symbols.set(name, symbol)
    }
    return symbol
  }

  setSymbol(name: string, symbol: SymbolKeys): void {
    this.#symbols.set(name, symbol)
  }

  get size_bytes(): number {
    let sum = 0
    for (const symbol of this.#symbols.values()) sum += symbol.intervals.size_bytes + symbol.large.size * LARGE_ID_BYTES
    return sum
  }

  /** Takes in what a committed batch added. Throws `key_set_too_large` past the cap: it never forgets. */
  merge(staged: StagedKeys): void {
    for (const [name, added] of staged.symbols) {
      const { starts, ends } = added.runs()
      const { intervals, large } = this.symbol(name)
      intervals.addRuns(starts, ends)
      for (const id of added.large) large.add(id)
    }
    this.checkSize()
  }

  checkSize(): void {
    const size_bytes = this.size_bytes
    if (size_bytes <= this.#cap_bytes) return
    throw new AssayError(
      'key_set_too_large',
      `gold's key set takes ${size_bytes} bytes, more than the limit of ${this.#cap_bytes}`,
      { hint: 'raise ASSAY_KEY_SET_BYTES; the worker stops here because forgetting keys would let duplicates in' },
    )
  }
}

/** Sorted, disjoint, inclusive runs that do not touch. */
export interface IdRuns {
  readonly starts: Float64Array
  readonly ends: Float64Array
}
