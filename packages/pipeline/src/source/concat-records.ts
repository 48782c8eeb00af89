import type { BytesColumn, RecordBatch } from '@assay/core'

/** Records of several lanes as one set of columns, in the order read. */
export interface RecordColumns {
  readonly count: number
  /** Index of each record's lane in the list of lanes that was read. */
  readonly lanes: Int32Array
  readonly offsets: BigInt64Array
  readonly timestamps_ms: BigInt64Array
  readonly keys: BytesColumn
  readonly values: BytesColumn
  readonly headers: BytesColumn
}

export interface LaneRecords {
  readonly laneIndex: number
  readonly batch: RecordBatch
}

/** Copies the batches' columns one behind the other. */
export function concatRecords(parts: readonly LaneRecords[]): RecordColumns {
  const count = parts.reduce((sum, part) => sum + part.batch.count, 0)
  const lanes = new Int32Array(count)
  const offsets = new BigInt64Array(count)
  const timestamps_ms = new BigInt64Array(count)
  let row = 0
  for (const { laneIndex, batch } of parts) {
    lanes.fill(laneIndex, row, row + batch.count)
    offsets.set(batch.offsets.subarray(0, batch.count), row)
    timestamps_ms.set(batch.timestamps_ms.subarray(0, batch.count), row)
    row += batch.count
  }
  return {
    count,
    lanes,
    offsets,
    timestamps_ms,
    keys: concatBytes(parts.map((part) => slice(part.batch.keys, part.batch.count))),
    values: concatBytes(parts.map((part) => slice(part.batch.values, part.batch.count))),
    headers: concatBytes(parts.map((part) => slice(part.batch.headers, part.batch.count))),
  }
}

interface BytesSlice {
  readonly column: BytesColumn
  readonly count: number
}

function slice(column: BytesColumn, count: number): BytesSlice {
  return { column, count }
}

/** One column of the rows of several. */
export function concatBytes(parts: readonly BytesSlice[]): BytesColumn {
  const count = parts.reduce((sum, part) => sum + part.count, 0)
  const bytes = parts.reduce((sum, { column, count: n }) => sum + spanLength(column, n), 0)
  const data = new Uint8Array(bytes)
  const offsets = new Uint32Array(count + 1)
  const nulls = parts.some(({ column }) => column.nulls) ? new Uint8Array(count) : undefined
  let row = 0
  let at = 0
  for (const { column, count: n } of parts) {
    data.set(column.data.subarray(column.offsets[0], column.offsets[n]), at)
    const shift = at - (column.offsets[0] as number)
    shiftInto(offsets, row + 1, column.offsets, n, shift)
    if (nulls && column.nulls) nulls.set(column.nulls.subarray(0, n), row)
    row += n
    at += spanLength(column, n)
  }
  return nulls ? { data, offsets, nulls } : { data, offsets }
}

function shiftInto(target: Uint32Array, at: number, source: Uint32Array, count: number, shift: number): void {
  for (let i = 0; i < count; i++) target[at + i] = (source[i + 1] as number) + shift
}

function spanLength(column: BytesColumn, count: number): number {
  return (column.offsets[count] as number) - (column.offsets[0] as number)
}

/** The first `count` records of a batch. */
export function firstRecords(batch: RecordBatch, count: number, next: RecordBatch['next']): RecordBatch {
  return { ...batch, count, next }
}

/** Bytes of keys and values of the first `count` records. */
export function recordBytes(batch: RecordBatch, count: number): number {
  return spanLength(batch.keys, count) + spanLength(batch.values, count)
}
