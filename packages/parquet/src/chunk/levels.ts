import { RunEncoder } from '../values/runs.js'

/** What a page says of its rows beside their values: nulls, and where lists begin. */
export interface Levels {
  /** Values of the page, nulls and empty lists counted. */
  readonly count: number
  /** Those without a value. */
  readonly nulls: number
  /** As a data page of version 1 begins with them; then there are none. */
  take(): Uint8Array
}

const NO_VALUES = new Uint16Array(0)

/** Definition levels of an optional column: 1 for a value, 0 for null. */
export class NullLevels implements Levels {
  count = 0
  nulls = 0
  #levels = NO_VALUES
  readonly #encoder = new RunEncoder()

  addSame(level: 0 | 1, count: number): void {
    const isSame = this.nulls === (level === 1 ? 0 : this.count)
    if (!isSame) this.#spread(count).fill(level, this.count, this.count + count)
    this.count += count
    if (level === 0) this.nulls += count
  }

  /** `present[i]` is 1 for a value and 0 for null. */
  add(present: Uint8Array, count: number, nulls: number): void {
    if (nulls === 0 || nulls === count) {
      this.addSame(nulls === 0 ? 1 : 0, count)
      return
    }
    this.#spread(count).set(present.subarray(0, count), this.count)
    this.count += count
    this.nulls += nulls
  }

  take(): Uint8Array {
    const isSame = this.nulls === 0 || this.nulls === this.count
    if (isSame) this.#encoder.run(this.nulls === 0 ? 1 : 0, this.count, 1)
    else this.#encoder.values(this.#levels, this.count, 1)
    this.count = 0
    this.nulls = 0
    return withLength(this.#encoder.take())
  }

  /** Room for more levels; those that were the same so far are written out. */
  #spread(more: number): Uint16Array {
    this.#levels = grown(this.#levels, this.count, more)
    if (this.nulls === 0 || this.nulls === this.count) this.#levels.fill(this.nulls === 0 ? 1 : 0, 0, this.count)
    return this.#levels
  }
}

/** Levels of an optional list of optional elements, the three-level list of LogicalTypes.md of parquet-format. */
export class ListLevels implements Levels {
  count = 0
  nulls = 0
  #definition = NO_VALUES
  #repetition = NO_VALUES
  readonly #encoder = new RunEncoder()

  /** A row: a list of so many elements, or null for -1. */
  add(length: number): void {
    const more = length > 0 ? length : 1
    this.#reserve(more)
    const level = length > 0 ? 3 : length + 1
    for (let i = this.count; i < this.count + more; i++) {
      this.#definition[i] = level
      this.#repetition[i] = 1
    }
    this.#repetition[this.count] = 0
    this.count += more
    if (length <= 0) this.nulls += 1
  }

  /** Says which elements of the list that was added last are null: those of [from, to) that `nulls` has as 1. */
  markNulls(nulls: Uint8Array, from: number, to: number): void {
    for (let i = from; i < to; i++) {
      if (nulls[i] !== 1) continue
      this.#definition[this.count - (to - i)] = 2
      this.nulls += 1
    }
  }

  /** Rows without an element: empty lists, or null for -1. */
  addEmpty(length: 0 | -1, rows: number): void {
    this.#reserve(rows)
    this.#definition.fill(length + 1, this.count, this.count + rows)
    this.#repetition.fill(0, this.count, this.count + rows)
    this.count += rows
    this.nulls += rows
  }

  #reserve(more: number): void {
    this.#definition = grown(this.#definition, this.count, more)
    this.#repetition = grown(this.#repetition, this.count, more)
  }

  take(): Uint8Array {
    this.#encoder.values(this.#repetition, this.count, 1)
    const repetition = withLength(this.#encoder.take())
    this.#encoder.values(this.#definition, this.count, 2)
    const definition = withLength(this.#encoder.take())
    this.count = 0
    this.nulls = 0
    return Buffer.concat([repetition, definition])
  }
}

function withLength(encoded: Uint8Array): Uint8Array {
  const bytes = Buffer.allocUnsafe(4 + encoded.length)
  bytes.writeUInt32LE(encoded.length)
  bytes.set(encoded, 4)
  return bytes
}

/** The same array where it has room for so many more values, else a larger one with the same values. */
export function grown(values: Uint16Array, count: number, more: number): Uint16Array<ArrayBuffer> {
  if (count + more <= values.length) return values as Uint16Array<ArrayBuffer>
  const larger = new Uint16Array(Math.max(1024, count + more, values.length * 2))
  larger.set(values.subarray(0, count))
  return larger
}
