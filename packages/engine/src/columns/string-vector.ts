import { isUtf8 } from 'node:buffer'
import { AssayError, type DictionaryColumn, type SpanColumn } from '@assay/core'
import duckdb, { type Vector } from '@duckdb/node-bindings'

/**
 * DuckDB's string_t (its C header `duckdb.h`): 16 bytes, little-endian: a 32-bit length, then either the
 * bytes themselves, zero-padded (up to 12), or their first four and a 64-bit pointer.
 *
 * Long values are handed over in one call: the bytes of all rows are assigned as one string, which the vector
 * copies into memory of its own; the rows' entries then point into that copy. It lives as long as the vector's
 * contents, and the appender copies out of it before the vector is reset.
 */
export const ENTRY_BYTES = 16
export const INLINE_BYTES_MAX = 12

const ENTRY_WORDS = ENTRY_BYTES / 4
const TWO_32 = 2 ** 32

/** Where the bytes of long values went: the halves of their address in DuckDB's memory. */
interface Address {
  readonly low: number
  readonly high: number
}

/** Writes texts and byte strings into vectors. Holds scratch buffers, so one load at a time. */
export class StringVectorWriter {
  readonly #words: Uint32Array<ArrayBuffer>
  readonly #bytes: Uint8Array
  #heap = new Uint8Array(1 << 16)

  constructor(rowsMax: number) {
    this.#words = new Uint32Array(rowsMax * ENTRY_WORDS)
    this.#bytes = new Uint8Array(this.#words.buffer)
  }

  /** Rows `from` … `from + count` of the column into the vector. Null rows are left empty. */
  writeSpans(vector: Vector, column: SpanColumn, from: number, count: number): void {
    const isText = column.type === 'VARCHAR'
    const compact = isText ? undefined : compactRange(column, from, count)
    const pack = compact ? undefined : this.#pack(column, from, count)
    if (isText && pack) assertTexts(pack, column, from, count)
    const heap = compact ? column.source.subarray(compact.from, compact.to) : pack
    const address = heap && heap.length > INLINE_BYTES_MAX ? assignHeap(vector, heap) : undefined
    this.#writeEntries(column, from, count, address, compact?.from)
    duckdb.copy_data_to_vector(vector, 0, this.#words.buffer, 0, count * ENTRY_BYTES)
  }

  /** Copies the entries of a dictionary's codes into the vector; -1 gives an empty entry, to be marked as null. */
  writeCodes(vector: Vector, entries: Uint32Array, codes: Int32Array, from: number, count: number): void {
    const words = this.#words
    const size = entries.length / ENTRY_WORDS
    for (let i = 0, w = 0; i < count; i++, w += ENTRY_WORDS) {
      const code = codes[from + i] as number
      if (code < 0 || code >= size) {
        if (code !== -1) throw badColumn(`code ${code} is not in a dictionary of ${size} texts`)
        words.fill(0, w, w + ENTRY_WORDS)
        continue
      }
      const e = code * ENTRY_WORDS
      words[w] = entries[e] as number
      words[w + 1] = entries[e + 1] as number
      words[w + 2] = entries[e + 2] as number
      words[w + 3] = entries[e + 3] as number
    }
    duckdb.copy_data_to_vector(vector, 0, words.buffer, 0, count * ENTRY_BYTES)
  }

  /** All values one after the other, without gaps; valid until the next call. */
  #pack(column: SpanColumn, from: number, count: number): Uint8Array {
    const { source, starts, ends, nulls } = column
    const total = spanBytes(column, from, count)
    if (this.#heap.length < total) this.#heap = new Uint8Array(Math.max(total, this.#heap.length * 2))
    const heap = this.#heap
    let at = 0
    for (let i = from; i < from + count; i++) {
      if (nulls?.[i]) continue
      const start = starts[i] as number
      const end = ends[i] as number
      if (end - start > 24) {
        heap.set(source.subarray(start, end), at)
        at += end - start
      } else {
        for (let k = start; k < end; k++) heap[at++] = source[k] as number
      }
    }
    return heap.subarray(0, total)
  }

  /** With `base`, row bytes lie in the heap where they lay in the source from `base` on; without, packed. */
  #writeEntries(column: SpanColumn, from: number, count: number, address: Address | undefined, base?: number): void {
    const { source, starts, ends, nulls } = column
    const words = this.#words
    const bytes = this.#bytes
    let packedAt = 0
    for (let i = 0, w = 0; i < count; i++, w += ENTRY_WORDS) {
      const row = from + i
      const isNull = nulls?.[row] === 1
      const start = isNull ? 0 : (starts[row] as number)
      const length = isNull ? 0 : (ends[row] as number) - start
      words[w] = length
      if (length <= INLINE_BYTES_MAX) {
        words[w + 1] = 0
        words[w + 2] = 0
        words[w + 3] = 0
        for (let k = 0, b = w * 4 + 4; k < length; k++) bytes[b + k] = source[start + k] as number
      } else {
        const b = w * 4 + 4
        for (let k = 0; k < 4; k++) bytes[b + k] = source[start + k] as number
        const low = (address?.low ?? 0) + (base === undefined ? packedAt : start - base)
        words[w + 2] = low
        words[w + 3] = (address?.high ?? 0) + (low >= TWO_32 ? 1 : 0)
      }
      packedAt += length
    }
  }
}

/** Bytes of the rows' values. Throws `bad_column` for a span outside the source. */
export function spanBytes(column: SpanColumn, from: number, count: number): number {
  const { source, starts, ends, nulls } = column
  let total = 0
  for (let i = from; i < from + count; i++) {
    if (nulls?.[i]) continue
    const start = starts[i] as number
    const end = ends[i] as number
    if (end < start || end > source.length) {
      throw badColumn(`row ${i} is bytes ${start} to ${end} of a source of ${source.length}`)
    }
    total += end - start
  }
  return total
}

/**
 * Entries of a dictionary's texts, one per code. Long texts go into `holder`, a vector of the caller's that has
 * to stay as it is while the entries are in use.
 */
export function dictionaryEntries(column: DictionaryColumn, holder: Vector): Uint32Array<ArrayBuffer> {
  const texts = column.dictionary.map((text) => Buffer.from(text))
  const words = new Uint32Array(texts.length * ENTRY_WORDS)
  const bytes = new Uint8Array(words.buffer)
  const heap = Buffer.concat(texts)
  const address = heap.length > INLINE_BYTES_MAX ? assignHeap(holder, heap) : undefined
  let at = 0
  texts.forEach((text, code) => {
    const w = code * ENTRY_WORDS
    words[w] = text.length
    if (text.length <= INLINE_BYTES_MAX) {
      bytes.set(text, w * 4 + 4)
    } else {
      bytes.set(text.subarray(0, 4), w * 4 + 4)
      const low = (address?.low ?? 0) + at
      words[w + 2] = low
      words[w + 3] = (address?.high ?? 0) + (low >= TWO_32 ? 1 : 0)
    }
    at += text.length
  })
  return words
}

/** The range of the source that holds the rows' long values, if copying it whole wastes little. */
function compactRange(column: SpanColumn, from: number, count: number): { from: number; to: number } | undefined {
  const { starts, ends, nulls } = column
  let low = Number.MAX_SAFE_INTEGER
  let high = 0
  let total = 0
  for (let i = from; i < from + count; i++) {
    if (nulls?.[i]) continue
    const start = starts[i] as number
    const end = ends[i] as number
    if (end - start <= INLINE_BYTES_MAX) continue
    if (start < low) low = start
    if (end > high) high = end
    total += end - start
  }
  if (total === 0) return { from: 0, to: 0 }
  return high - low <= total + total / 2 ? { from: low, to: high } : undefined
}

/** DuckDB's functions read texts without checking them: bytes that are not UTF-8 must never get in. */
function assertTexts(packed: Uint8Array, column: SpanColumn, from: number, count: number): void {
  const { source, starts, ends, nulls } = column
  let valid = isUtf8(packed)
  for (let i = from; valid && i < from + count; i++) {
    // A value that begins in the middle of a character is cut off from its head, although the whole is valid.
    if (!nulls?.[i] && (ends[i] as number) > (starts[i] as number)) {
      valid = ((source[starts[i] as number] as number) & 0xc0) !== 0x80
    }
  }
  if (!valid) throw badColumn('a text is not valid UTF-8')
}

function assignHeap(vector: Vector, heap: Uint8Array): Address {
  duckdb.vector_assign_string_element_len(vector, 0, heap)
  const entry = duckdb.vector_get_data(vector, ENTRY_BYTES)
  const view = new DataView(entry.buffer, entry.byteOffset, ENTRY_BYTES)
  if (view.getUint32(0, true) !== heap.length) throw badColumn('the engine did not take the bytes of a column')
  return { low: view.getUint32(8, true), high: view.getUint32(12, true) }
}

export function badColumn(message: string): AssayError {
  return new AssayError('bad_column', message, {
    hint: 'the columns handed to the engine must be checked where they are made: this is a mistake in the code',
  })
}
