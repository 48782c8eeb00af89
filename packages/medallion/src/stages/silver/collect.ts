import type { BytesColumn } from '@assay/core'
import { columnOf, type ResultChunk, type Session } from '@assay/engine'
import { concatBytes } from '../../source/concat-records.js'
import { cutPlan, type LanePlan } from '../../source/lane-plan.js'
import type { TableBatch } from '../../source/table-source.js'
import type { BronzeRows } from './rows.js'

interface Chunk {
  readonly count: number
  readonly ranks: Int32Array
  readonly offsets: BigInt64Array
  readonly kafka_us: BigInt64Array
  readonly kafkaNulls: Uint8Array | undefined
  readonly bronze_us: BigInt64Array
  readonly raw: BytesColumn
}

/**
 * Reads the batch's rows in order until `maxBytes` of records are held; the plan that comes back ends
 * where the rows do.
 */
export async function collectBronzeRows(
  session: Session,
  batch: TableBatch,
  maxBytes: number,
): Promise<{ readonly rows: BronzeRows; readonly plan: LanePlan }> {
  const chunks: Chunk[] = []
  let bytes = 0
  const sql = `SELECT lane_rank, "offset", kafka_timestamp, ingestion_timestamp, raw_bytes
    FROM (${batch.select(batch.plan)}) ORDER BY lane_rank, "offset"`
  for await (const result of session.read(sql)) {
    const chunk = toChunk(result)
    if (bytes + rawBytes(chunk.raw, chunk.count) > maxBytes) {
      const taken = rowsWithin(chunk, maxBytes - bytes, chunks.length === 0)
      chunks.push({ ...chunk, count: taken })
      const cut = taken < chunk.count
      bytes += rawBytes(chunk.raw, taken)
      if (cut) {
        const plan = cutPlan(batch.plan, chunk.ranks[taken] as number, chunk.offsets[taken] as bigint)
        return { rows: concat(chunks), plan }
      }
      continue
    }
    bytes += rawBytes(chunk.raw, chunk.count)
    chunks.push(chunk)
  }
  return { rows: concat(chunks), plan: batch.plan }
}

function toChunk(result: ResultChunk): Chunk {
  const kafka = columnOf(result, 'kafka_timestamp', 'TIMESTAMPTZ')
  return {
    count: result.count,
    ranks: columnOf(result, 'lane_rank', 'INTEGER').data,
    offsets: columnOf(result, 'offset', 'BIGINT').data,
    kafka_us: kafka.data,
    kafkaNulls: kafka.nulls,
    bronze_us: columnOf(result, 'ingestion_timestamp', 'TIMESTAMPTZ').data,
    raw: columnOf(result, 'raw_bytes', 'BLOB'),
  }
}

function rawBytes(raw: BytesColumn, count: number): number {
  return (raw.offsets[count] as number) - (raw.offsets[0] as number)
}

/** Rows that fit; the first row of a batch is taken whatever its size, so that every batch moves on. */
function rowsWithin(chunk: Chunk, bytesLeft: number, first: boolean): number {
  let taken = 0
  while (taken < chunk.count && rawBytes(chunk.raw, taken + 1) <= bytesLeft) taken++
  return taken === 0 && first ? 1 : taken
}

function concat(chunks: readonly Chunk[]): BronzeRows {
  const count = chunks.reduce((sum, chunk) => sum + chunk.count, 0)
  const rows = {
    ranks: new Int32Array(count),
    offsets: new BigInt64Array(count),
    kafka_us: new BigInt64Array(count),
    kafkaNulls: new Uint8Array(count),
    bronze_us: new BigInt64Array(count),
  }
  let at = 0
  for (const chunk of chunks) {
    rows.ranks.set(chunk.ranks.subarray(0, chunk.count), at)
    rows.offsets.set(chunk.offsets.subarray(0, chunk.count), at)
    rows.kafka_us.set(chunk.kafka_us.subarray(0, chunk.count), at)
    if (chunk.kafkaNulls) rows.kafkaNulls.set(chunk.kafkaNulls.subarray(0, chunk.count), at)
    rows.bronze_us.set(chunk.bronze_us.subarray(0, chunk.count), at)
    at += chunk.count
  }
  return { count, ...rows, raw: concatBytes(chunks.map((chunk) => ({ column: chunk.raw, count: chunk.count }))) }
}
