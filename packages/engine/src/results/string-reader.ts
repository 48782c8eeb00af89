import type { BytesColumn } from '@assay/core'
import duckdb, { type Vector } from '@duckdb/node-bindings'
import { ENTRY_BYTES, INLINE_BYTES_MAX } from '../columns/string-vector.js'

const TWO_32 = 2 ** 32

/**
 * Copies a vector's texts or byte strings out. A call into native code for each value would cost a microsecond;
 * long values lie one after the other in a few blocks of memory, so that a call for each unbroken run of them
 * is enough. Only bytes that belong to some row are ever read.
 */
export function readStrings(vector: Vector, count: number, nulls: Uint8Array | undefined): BytesColumn {
  const entries = duckdb.vector_get_data(vector, count * ENTRY_BYTES)
  const view = new DataView(entries.buffer, entries.byteOffset, entries.byteLength)
  const offsets = new Uint32Array(count + 1)
  let total = 0
  for (let i = 0; i < count; i++) {
    if (!nulls?.[i]) total += view.getUint32(i * ENTRY_BYTES, true)
    offsets[i + 1] = total
  }
  const data = new Uint8Array(total)
  const copy = { entries, view, offsets, data, count }
  for (let i = 0; i < count; ) {
    const length = (offsets[i + 1] as number) - (offsets[i] as number)
    if (length > INLINE_BYTES_MAX) {
      i = copyRun(copy, i)
      continue
    }
    for (let k = 0, from = i * ENTRY_BYTES + 4, to = offsets[i] as number; k < length; k++) {
      data[to + k] = entries[from + k] as number
    }
    i++
  }
  return nulls ? { data, offsets, nulls } : { data, offsets }
}

/** A vector's entries, and what its values are copied into. */
interface VectorCopy {
  readonly entries: Uint8Array
  readonly view: DataView
  readonly offsets: Uint32Array
  readonly data: Uint8Array
  readonly count: number
}

/**
 * Copies the longest run of rows from `first` on whose values touch each other in memory in the order of the
 * rows (rows without a value don't break it). Returns the row after it.
 */
function copyRun({ entries, view, offsets, data, count }: VectorCopy, first: number): number {
  const start = offsets[first] as number
  let end = addressAt(view, first) + (offsets[first + 1] as number) - start
  let row = first + 1
  for (; row < count; row++) {
    const length = (offsets[row + 1] as number) - (offsets[row] as number)
    if (length === 0) continue
    if (length <= INLINE_BYTES_MAX || addressAt(view, row) !== end) break
    end += length
  }
  const length = (offsets[row] as number) - start
  const pointer = entries.byteOffset + first * ENTRY_BYTES + 8
  data.set(duckdb.get_data_from_pointer(entries.buffer as ArrayBuffer, pointer, length), start)
  return row
}

/** User-space addresses are below 2^53 on every platform that DuckDB is built for. */
function addressAt(view: DataView, row: number): number {
  return view.getUint32(row * ENTRY_BYTES + 8, true) + view.getUint32(row * ENTRY_BYTES + 12, true) * TWO_32
}
