import { type BytesColumn, position, type RecordBatch } from '@assay/core'

/** What a read may still take. */
export interface RowBudget {
  records: number
  bytes: number
}

/** Rows `from` (inclusive) to `to` (exclusive) of a batch, sharing its buffers. */
function sliceBatch(batch: RecordBatch, from: number, to: number): RecordBatch {
  if (from === 0 && to === batch.count) return batch
  return {
    lane: batch.lane,
    count: to - from,
    offsets: batch.offsets.subarray(from, to),
    timestamps_ms: batch.timestamps_ms.subarray(from, to),
    keys: sliceColumn(batch.keys, from, to),
    values: sliceColumn(batch.values, from, to),
    headers: sliceColumn(batch.headers, from, to),
    next: to === batch.count ? batch.next : position(batch.offsets[to] as bigint),
  }
}

/** Index of the first row at or after an offset. */
export function rowAt(batch: RecordBatch, offset: bigint): number {
  let low = 0
  let high = batch.count
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((batch.offsets[middle] as bigint) < offset) low = middle + 1
    else high = middle
  }
  return low
}

/**
 * The rows of a batch from row `from` on that the budget allows, which is reduced by them. `isFirst` rows are
 * allowed one row larger than the budget. Undefined when there are none.
 */
export function takeRows(
  batch: RecordBatch,
  from: number,
  budget: RowBudget,
  isFirst: boolean,
): RecordBatch | undefined {
  let to = Math.min(batch.count, from + budget.records)
  if (bytesBetween(batch, from, to) > budget.bytes) to = lastWithin(batch, from, to, budget.bytes)
  if (to === from && isFirst && from < batch.count && budget.records > 0) to = from + 1
  if (to <= from) return undefined
  budget.records -= to - from
  budget.bytes -= bytesBetween(batch, from, to)
  return sliceBatch(batch, from, to)
}

function lastWithin(batch: RecordBatch, from: number, to: number, bytes: number): number {
  let low = from
  let high = to
  while (low < high) {
    const middle = (low + high + 1) >>> 1
    if (bytesBetween(batch, from, middle) <= bytes) low = middle
    else high = middle - 1
  }
  return low
}

function bytesBetween(batch: RecordBatch, from: number, to: number): number {
  return columnBytes(batch.keys, from, to) + columnBytes(batch.values, from, to) + columnBytes(batch.headers, from, to)
}

function columnBytes(column: BytesColumn, from: number, to: number): number {
  return (column.offsets[to] as number) - (column.offsets[from] as number)
}

function sliceColumn(column: BytesColumn, from: number, to: number): BytesColumn {
  const offsets = column.offsets.subarray(from, to + 1)
  return column.nulls
    ? { data: column.data, offsets, nulls: column.nulls.subarray(from, to) }
    : { data: column.data, offsets }
}
