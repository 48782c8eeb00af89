import { type ColumnField, physicalOf } from '../format/schema.js'
import { BooleanWriter } from '../values/booleans.js'
import { ByteArrayWriter, textSource } from '../values/byte-arrays.js'
import { DecimalWriter } from '../values/decimals.js'
import { joined, type PlainWriter, type Slice, type ValueBounds } from '../values/plain-writer.js'
import { indexWidth, RunEncoder } from '../values/runs.js'
import { DoubleWriter, Int32Writer, Int64Writer, UuidWriter } from '../values/words.js'
import { grown } from './levels.js'
import { type Entries, type ValuesSource, ZEROS } from './sources.js'

/** Beyond this, a dictionary saves nothing that compression would not. */
const ENTRIES_MAX = 8192
const DICTIONARY_BYTES_MAX = 256 * 1024
const NO_LEVELS = new Uint8Array(0)

interface PageValues {
  readonly body: Uint8Array
  readonly isDictionary: boolean
}

/**
 * Values of a column in a row group, nulls left out. What comes as codes or as a constant is written as indices of a
 * dictionary, never value by value; once other values come, or the dictionary is full, the rest of the group is PLAIN.
 */
export class ChunkValues {
  readonly #plain: PlainWriter<ValuesSource>
  readonly #dictionary: PlainWriter<ValuesSource>
  readonly #hasDictionary: boolean
  readonly #entries = new Map<bigint | number | boolean | string, number>()
  readonly #encoder = new RunEncoder()
  #indices = new Uint16Array(0)
  #count = 0
  #isPlain = false
  #hasPages = false
  #bounds: ValueBounds | undefined
  /** Stands for the chunk in the dictionaries of columns. */
  #chunk = {}

  constructor({ type }: ColumnField) {
    this.#plain = writerOf(type)
    this.#dictionary = writerOf(type)
    this.#hasDictionary = type !== 'BOOLEAN'
  }

  /** Bytes of the page so far. */
  get size(): number {
    return this.#plain.page.size + this.#count * 2
  }

  /** True if values of other kinds need a new page. */
  get hasIndices(): boolean {
    return this.#count > 0
  }

  addPlain(values: ValuesSource, slice: Slice): void {
    this.#isPlain = true
    this.#plain.add(values, slice)
  }

  /** Codes of entries, none of them null. False, and nothing is added, if they have to be PLAIN. */
  addCodes(entries: Entries, codes: Uint32Array, count: number): boolean {
    if (!this.#prepare(entries, count)) return false
    const { indices } = entries
    const target = this.#indices
    for (let i = 0, at = this.#count; i < count; i++, at++) {
      const code = codes[i] as number
      let index = indices[code] as number
      if (index < 0) index = this.#indexOf(entries, code)
      if (index < 0) return false
      target[at] = index
    }
    this.#count += count
    return true
  }

  /** The same of the codes of rows, in one pass. False, and nothing is added, if one of them is null, too. */
  addRowCodes(entries: Entries, codes: Int32Array, { rows, from, to }: Slice): boolean {
    if (!this.#prepare(entries, to - from)) return false
    const { indices } = entries
    const target = this.#indices
    for (let i = from, at = this.#count; i < to; i++, at++) {
      const code = codes[rows[i] as number] as number
      if (code < 0) return false
      let index = indices[code] as number
      if (index < 0) index = this.#indexOf(entries, code)
      if (index < 0) return false
      target[at] = index
    }
    this.#count += to - from
    return true
  }

  #prepare(entries: Entries, count: number): boolean {
    if (this.#isPlain) return false
    if (entries.chunk !== this.#chunk) {
      entries.indices.fill(-1)
      entries.chunk = this.#chunk
    }
    this.#indices = grown(this.#indices, this.#count, count)
    return true
  }

  /** Of an entry that the chunk has not met under this code; -1 when the dictionary has no room for it. */
  #indexOf(entries: Entries, code: number): number {
    const text = entries.texts[code] as string
    const index = this.#entries.get(text) ?? this.#enter(text, textSource(text), entries.sizeOf(code))
    entries.indices[code] = index
    return index
  }

  /** The same value so many times. False, and nothing is added, if it has to be PLAIN. */
  addConstant(key: bigint | number | boolean | string, values: ValuesSource, count: number, size: number): boolean {
    if (this.#isPlain || !this.#hasDictionary) return false
    const index = this.#entries.get(key) ?? this.#enter(key, values, size)
    if (index < 0) return false
    this.#indices = grown(this.#indices, this.#count, count)
    this.#indices.fill(index, this.#count, this.#count + count)
    this.#count += count
    return true
  }

  /** A new entry of the dictionary; -1 when it has no room. */
  #enter(key: bigint | number | boolean | string, values: ValuesSource, size: number): number {
    const index = this.#entries.size
    if (index >= ENTRIES_MAX || this.#dictionary.page.size + size > DICTIONARY_BYTES_MAX) return -1
    this.#dictionary.add(values, { rows: ZEROS, from: 0, to: 1, isRun: true })
    this.#entries.set(key, index)
    return index
  }

  /** The page's body behind its levels. A page without values is PLAIN: it needs no dictionary. */
  takePage(levels: Uint8Array): PageValues {
    if (this.#count === 0) {
      this.#bounds = joined(this.#bounds, this.#plain.takeBounds())
      return { body: this.#plain.page.take(levels), isDictionary: false }
    }
    const width = indexWidth(this.#entries.size)
    this.#encoder.values(this.#indices, this.#count, width)
    this.#count = 0
    this.#hasPages = true
    return { body: Buffer.concat([levels, Uint8Array.of(width), this.#encoder.take()]), isDictionary: true }
  }

  /** Ends the row group: its dictionary, if it has one, and the bounds of all its values. */
  takeChunk(): {
    readonly dictionary?: Uint8Array
    readonly entries: number
    readonly bounds: ValueBounds | undefined
  } {
    const entries = this.#entries.size
    const bounds = joined(this.#bounds, this.#dictionary.takeBounds())
    const dictionary = entries > 0 ? this.#dictionary.page.take(NO_LEVELS) : undefined
    const isUsed = this.#hasPages
    this.#hasPages = false
    this.#bounds = undefined
    this.#isPlain = false
    this.#entries.clear()
    this.#chunk = {}
    return { entries, bounds, ...(dictionary && isUsed && { dictionary }) }
  }
}

function writerOf(type: ColumnField['type']): PlainWriter<ValuesSource> {
  if (typeof type === 'object') return new DecimalWriter(physicalOf(type).length as number)
  switch (type) {
    case 'BOOLEAN':
      return new BooleanWriter()
    case 'INTEGER':
    case 'DATE':
      return new Int32Writer()
    case 'BIGINT':
    case 'TIMESTAMPTZ':
      return new Int64Writer()
    case 'DOUBLE':
      return new DoubleWriter()
    case 'UUID':
      return new UuidWriter()
    case 'VARCHAR':
    case 'LIST':
      return new ByteArrayWriter(true)
    case 'BLOB':
      return new ByteArrayWriter(false)
  }
}
