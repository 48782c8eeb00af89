import { IntervalSet } from './interval-set.js'
import type { IdRuns, KeySet, SymbolKeys } from './key-set.js'

/** Where a trade stands: new, or the row that was kept of it is in the batch or in gold. */
export const Standing = { new: 0, keptInBatch: 1, keptInGold: 2 } as const
export type Standing = (typeof Standing)[keyof typeof Standing]

/** Keys that a batch adds, on top of a key set, until its commit has succeeded. */
export class StagedKeys {
  readonly #base: KeySet
  readonly #symbols = new Map<string, StagedSymbol>()

  constructor(base: KeySet) {
    this.#base = base
  }

  get symbols(): ReadonlyMap<string, StagedSymbol> {
    return this.#symbols
  }

  /** The keys of a symbol key (see `symbolKey`). */
  symbol(name: string): StagedSymbol {
    let symbol = this.#symbols.get(name)
    if (!symbol) {
      symbol = new StagedSymbol(this.#base.symbols.get(name))
      this.#symbols.set(name, symbol)
    }
    return symbol
  }
}

/** The same of one symbol. */
export class StagedSymbol {
  readonly large = new Set<bigint>()
  readonly #base: SymbolKeys | undefined
  /** Numbers that were the greatest so far when they came, as most do. */
  readonly #ascending = new IntervalSet()
  #greatest = Number.NEGATIVE_INFINITY
  readonly #others = new Set<number>()
  #runs: IdRuns | undefined

  constructor(base: SymbolKeys | undefined) {
    this.#base = base
  }

  /** Takes in a number within ±(2^53 - 1), if neither gold nor the batch so far has it. */
  add(id: number): Standing {
    if (this.#base?.intervals.has(id)) return Standing.keptInGold
    if (id > this.#greatest) {
      this.#greatest = id
      this.#ascending.append(id)
      return Standing.new
    }
    if (this.#ascending.has(id)) return Standing.keptInBatch
    const before = this.#others.size
    return this.#others.add(id).size > before ? Standing.new : Standing.keptInBatch
  }

  /** The same for a number that a double can't hold exactly. */
  addLarge(id: bigint): Standing {
    if (this.#base?.large.has(id)) return Standing.keptInGold
    const before = this.large.size
    return this.large.add(id).size > before ? Standing.new : Standing.keptInBatch
  }

  /** The numbers as runs; none may be added afterwards. */
  runs(): IdRuns {
    this.#runs ??= this.#united()
    return this.#runs
  }

  #united(): IdRuns {
    const others = Float64Array.from(this.#others).sort()
    this.#ascending.addRuns(others, others)
    return this.#ascending.bounds()
  }
}
