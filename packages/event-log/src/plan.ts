import { AssayError, type BytesColumn, type ProduceBatch, rowBytes, rowLength } from '@assay/core'
import { partitionOf } from './partition.js'

/** Rows of one stored batch; more are cut into several. */
export const BATCH_RECORDS_MAX = 65_536
/** Bytes of keys, values and headers of one stored batch, unless a single record is larger. */
export const BATCH_BYTES_MAX = 1024 * 1024

export interface ProduceLimits {
  /** Key, value and headers of one record. */
  readonly record_bytes_max: number
  /** Keys, values and headers of one call. */
  readonly produce_bytes_max: number
}

/** Rows of a producer's batch that are stored together, in this order. */
export interface PlannedBatch {
  readonly source: ProduceBatch
  readonly rows: Uint32Array
}

/**
 * Checks the rows and shares them out over the partitions: a list of planned batches for each partition that got
 * any. Throws `bad_batch`, `record_too_large` or `produce_too_large`.
 */
export function planProduce(
  source: ProduceBatch,
  partitions: number,
  keyless: number,
  limits: ProduceLimits,
): Map<number, PlannedBatch[]> {
  checkShape(source)
  checkSizes(source, limits)
  const plans = new Map<number, PlannedBatch[]>()
  for (const [partition, rows] of rowsByPartition(source, partitions, keyless)) {
    plans.set(partition, cut(source, rows))
  }
  return plans
}

function rowsByPartition(source: ProduceBatch, partitions: number, keyless: number): Map<number, Uint32Array> {
  const chosen = new Uint32Array(source.count)
  const counts = new Uint32Array(partitions)
  for (let i = 0; i < source.count; i += 1) {
    const partition = partitions === 1 ? 0 : partitionOf(rowBytes(source.keys, i), partitions, keyless)
    chosen[i] = partition
    counts[partition] = (counts[partition] as number) + 1
  }
  const rows = new Map<number, Uint32Array>()
  counts.forEach((count, partition) => {
    if (count > 0) rows.set(partition, new Uint32Array(count))
  })
  counts.fill(0)
  chosen.forEach((partition, i) => {
    const at = counts[partition] as number
    counts[partition] = at + 1
    ;(rows.get(partition) as Uint32Array)[at] = i
  })
  return rows
}

function cut(source: ProduceBatch, rows: Uint32Array): PlannedBatch[] {
  const batches: PlannedBatch[] = []
  let from = 0
  let bytes = 0
  rows.forEach((row, i) => {
    const size = recordBytes(source, row)
    if (i > from && (bytes + size > BATCH_BYTES_MAX || i - from >= BATCH_RECORDS_MAX)) {
      batches.push({ source, rows: rows.subarray(from, i) })
      from = i
      bytes = 0
    }
    bytes += size
  })
  if (from < rows.length) batches.push({ source, rows: rows.subarray(from) })
  return batches
}

function checkSizes(source: ProduceBatch, limits: ProduceLimits): void {
  let total = 0
  for (let i = 0; i < source.count; i += 1) {
    const size = recordBytes(source, i)
    total += size
    if (size <= limits.record_bytes_max) continue
    throw new AssayError('record_too_large', `record ${i} of ${source.count} has ${size} bytes`, {
      hint: `a record may have ${limits.record_bytes_max} bytes; nothing of this call was written`,
    })
  }
  if (total > limits.produce_bytes_max) {
    throw new AssayError('produce_too_large', `${source.count} records have ${total} bytes`, {
      hint: `a call may have ${limits.produce_bytes_max} bytes: produce in smaller batches`,
    })
  }
}

function recordBytes(source: ProduceBatch, i: number): number {
  return rowLength(source.keys, i) + rowLength(source.values, i) + rowLength(source.headers, i)
}

function checkShape(source: ProduceBatch): void {
  const { count } = source
  const isShaped = (column: BytesColumn): boolean => {
    if (column.offsets.length <= count || (column.nulls && column.nulls.length < count)) return false
    for (let i = 0; i < count; i += 1) {
      if ((column.offsets[i + 1] as number) < (column.offsets[i] as number)) return false
    }
    return (column.offsets[count] as number) <= column.data.length
  }
  if (
    Number.isSafeInteger(count) &&
    count >= 0 &&
    source.timestamps_ms.length >= count &&
    isShaped(source.keys) &&
    isShaped(source.values) &&
    isShaped(source.headers)
  ) {
    return
  }
  throw new AssayError('bad_batch', `the columns of a batch of ${count} records don't fit together`, {
    hint: 'a column needs count + 1 ascending offsets that end within its data',
  })
}
