import { AssayError } from '@assay/core'
import { IntervalSet } from './interval-set.js'

/** The numbers of one (exchange, symbol) that gold holds. */
export interface BookKeys {
  readonly intervals: IntervalSet
  /** Numbers that a double can't hold exactly; no exchange gives such ids, but a record may claim one. */
  readonly large: Set<bigint>
}

const LARGE_ID_BYTES = 64

/** Trade numbers that gold holds, by book (`exchange/symbol`). */
export class KeySet {
  readonly #books = new Map<string, BookKeys>()
  readonly #cap_bytes: number

  constructor(cap_bytes: number) {
    this.#cap_bytes = cap_bytes
  }

  get books(): ReadonlyMap<string, BookKeys> {
    return this.#books
  }

  book(name: string): BookKeys {
    let book = this.#books.get(name)
    if (!book) {
      book = { intervals: new IntervalSet(), large: new Set() }
      this.#books.set(name, book)
    }
    return book
  }

  setBook(name: string, book: BookKeys): void {
    this.#books.set(name, book)
  }

  has(name: string, id: number): boolean {
    return this.#books.get(name)?.intervals.has(id) ?? false
  }

  hasLarge(name: string, id: bigint): boolean {
    return this.#books.get(name)?.large.has(id) ?? false
  }

  get size_bytes(): number {
    let sum = 0
    for (const book of this.#books.values()) sum += book.intervals.size_bytes + book.large.size * LARGE_ID_BYTES
    return sum
  }

  /** Takes in what a committed batch added. Throws `key_set_too_large` past the cap: it never forgets. */
  merge(staged: StagedKeys): void {
    for (const [name, ids] of staged.books) {
      const book = this.book(name)
      const numbers = Float64Array.from(ids.numbers).sort()
      book.intervals.addRuns(numbers, numbers)
      for (const id of ids.large) book.large.add(id)
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

/** Keys that a batch adds, on top of a key set, until its commit has succeeded. */
export class StagedKeys {
  readonly books = new Map<string, { readonly numbers: Set<number>; readonly large: Set<bigint> }>()
  readonly #base: KeySet

  constructor(base: KeySet) {
    this.#base = base
  }

  /** True when neither gold nor the batch so far has the id (within ±(2^53 - 1)), which it then has. */
  add(name: string, id: number): boolean {
    if (this.#base.has(name, id)) return false
    const { numbers } = this.#book(name)
    const before = numbers.size
    return numbers.add(id).size > before
  }

  /** The same for an id that a double can't hold exactly. */
  addLarge(name: string, id: bigint): boolean {
    if (this.#base.hasLarge(name, id)) return false
    const { large } = this.#book(name)
    const before = large.size
    return large.add(id).size > before
  }

  #book(name: string): { readonly numbers: Set<number>; readonly large: Set<bigint> } {
    let book = this.books.get(name)
    if (!book) {
      book = { numbers: new Set(), large: new Set() }
      this.books.set(name, book)
    }
    return book
  }
}
