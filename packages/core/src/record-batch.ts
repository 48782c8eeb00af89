import type { Lane } from './lane.js'
import type { Position } from './position.js'

/**
 * A column of byte strings: row `i` is `data[offsets[i] .. offsets[i + 1])`.
 * `nulls[i] === 1` says that row `i` has no value at all; without `nulls` every row has one.
 */
export interface BytesColumn {
  readonly data: Uint8Array
  /** count + 1 entries, ascending. */
  readonly offsets: Uint32Array
  readonly nulls?: Uint8Array
}

/** Records of one lane in offset order, as columns. Buffers are shared, never changed. */
export interface RecordBatch {
  readonly lane: Lane
  readonly count: number
  /** Offset of each record, ascending; holes are allowed. */
  readonly offsets: BigInt64Array
  /** Kafka timestamp of each record in ms since 1970, as the log holds it: any int64, -1 for none. */
  readonly timestamps_ms: BigInt64Array
  readonly keys: BytesColumn
  readonly values: BytesColumn
  /** Kafka's own encoding of a record's headers; null where it has none. */
  readonly headers: BytesColumn
  /** Position after this batch, past holes and control records. Always > the last offset. */
  readonly next: Position
}

/** What a producer hands in: rows as columns, without coordinates. */
export type ProduceBatch = Pick<RecordBatch, 'count' | 'timestamps_ms' | 'keys' | 'values' | 'headers'>

/** Length of row `i` in bytes; 0 for a null. */
export function rowLength(column: BytesColumn, i: number): number {
  return (column.offsets[i + 1] as number) - (column.offsets[i] as number)
}

/** Row `i` without copying, or undefined for a null. */
export function rowBytes(column: BytesColumn, i: number): Uint8Array | undefined {
  if (column.nulls?.[i]) return undefined
  return column.data.subarray(column.offsets[i], column.offsets[i + 1])
}

/** A column of the given rows; `undefined` and `null` become nulls. Copies. */
export function bytesColumn(rows: readonly (Uint8Array | undefined | null)[]): BytesColumn {
  const offsets = new Uint32Array(rows.length + 1)
  let nulls: Uint8Array | undefined
  rows.forEach((row, i) => {
    offsets[i + 1] = (offsets[i] as number) + (row?.length ?? 0)
    if (!row) {
      nulls ??= new Uint8Array(rows.length)
      nulls[i] = 1
    }
  })
  const data = new Uint8Array(offsets[rows.length] as number)
  rows.forEach((row, i) => {
    if (row) data.set(row, offsets[i])
  })
  return nulls ? { data, offsets, nulls } : { data, offsets }
}

/** A column of `count` nulls. */
export function nullColumn(count: number): BytesColumn {
  return { data: new Uint8Array(0), offsets: new Uint32Array(count + 1), nulls: new Uint8Array(count).fill(1) }
}
