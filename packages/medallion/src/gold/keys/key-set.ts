import { AssayError } from '@assay/core'
import { IntervalSet } from './interval-set.js'

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

  has(name: string, id: number): boolean {
    return this.#symbols.get(name)?.intervals.has(id) ?? false
  }

  hasLarge(name: string, id: bigint): boolean {
    return this.#symbols.get(name)?.large.has(id) ?? false
  }

  get size_bytes(): number {
    let sum = 0
    for (const symbol of this.#symbols.values()) sum += symbol.intervals.size_bytes + symbol.large.size * LARGE_ID_BYTES
    return sum
  }

  /** Takes in what a committed batch added. Throws `key_set_too_large` past the cap: it never forgets. */
  merge(staged: StagedKeys): void {
    for (const [name, { starts, ends }] of staged.runs()) this.symbol(name).intervals.addRuns(starts, ends)
    for (const [name, { large }] of staged.symbols) for (const id of large) this.symbol(name).large.add(id)
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

/** Keys that a batch adds, on top of a key set, until its commit has succeeded. */
export class StagedKeys {
  readonly symbols = new Map<string, { readonly numbers: Set<number>; readonly large: Set<bigint> }>()
  readonly #base: KeySet
  #runs: ReadonlyMap<string, IdRuns> | undefined

  constructor(base: KeySet) {
    this.#base = base
  }

  /** True when neither gold nor the batch so far has the id (within ±(2^53 - 1)), which it then has. */
  add(name: string, id: number): boolean {
    if (this.#base.has(name, id)) return false
    const { numbers } = this.#symbol(name)
    const before = numbers.size
    return numbers.add(id).size > before
  }

  /** The same for an id that a double can't hold exactly. */
  addLarge(name: string, id: bigint): boolean {
    if (this.#base.hasLarge(name, id)) return false
    const { large } = this.#symbol(name)
    const before = large.size
    return large.add(id).size > before
  }

  /** The numbers of each symbol; nothing may be added afterwards. */
  runs(): ReadonlyMap<string, IdRuns> {
    this.#runs ??= new Map([...this.symbols].map(([name, { numbers }]) => [name, runsOf(numbers)]))
    return this.#runs
  }

  #symbol(name: string): { readonly numbers: Set<number>; readonly large: Set<bigint> } {
    let symbol = this.symbols.get(name)
    if (!symbol) {
      symbol = { numbers: new Set(), large: new Set() }
      this.symbols.set(name, symbol)
    }
    return symbol
  }
}

function runsOf(numbers: ReadonlySet<number>): IdRuns {
  const sorted = Float64Array.from(numbers).sort()
  const starts = new Float64Array(sorted.length)
  const ends = new Float64Array(sorted.length)
  let count = 0
  for (let i = 0; i < sorted.length; i++) {
    const id = sorted[i] as number
    if (count > 0 && id === (ends[count - 1] as number) + 1) ends[count - 1] = id
    else {
      starts[count] = id
      ends[count++] = id
    }
  }
  return { starts: starts.slice(0, count), ends: ends.slice(0, count) }
}
