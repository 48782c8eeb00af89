import { type BytesColumn, numberAt, position, wordsOf } from '@assay/core'
import { columnOf, type ResultChunk, type Session } from '@assay/engine'
import type { LanePlan, TableBatch } from '@assay/pipeline'
import { concatBytes } from '@assay/pipeline'
import type { BronzeRows } from './rows/rows.js'

/** Rows of one lane that follow one another in a result. */
interface Run {
  readonly rank: number
  readonly chunk: ResultChunk
  readonly start: number
  readonly end: number
}

/** Headers are looked at only where the value does not begin with a frame's zero byte. */
const HEADERS = `CASE WHEN raw_bytes >= '\\x01'::BLOB OR octet_length(raw_bytes) = 0 THEN headers END`

/** What a read gave: its rows, or how many of them were held when the bytes were too many. */
type Read = { readonly kind: 'rows'; readonly runs: readonly Run[]; readonly inOrder: boolean } | TooMany
interface TooMany {
  readonly kind: 'too_many_bytes'
  readonly rows: number
}

/**
 * Reads the batch's rows in order of (lane, offset), at most `maxBytes` of records: where there are more, the
 * plan is made smaller and read again, so that memory never follows what the records claim (A6). Files mostly
 * hold each lane in order, so that a sort is only paid for when they don't.
 */
export async function collectBronzeRows(
  session: Session,
  batch: TableBatch,
  maxBytes: number,
): Promise<{ readonly rows: BronzeRows; readonly plan: LanePlan }> {
  let { plan } = batch
  for (;;) {
    const select = `SELECT lane_rank, "offset", kafka_timestamp, ingestion_timestamp, raw_bytes, ${HEADERS} AS headers
      FROM (${batch.select(plan)})`
    const limit = offsetsOf(plan) === 1 ? Number.POSITIVE_INFINITY : maxBytes
    const read = await readRuns(session, select, limit)
    if (read.kind === 'too_many_bytes') {
      plan = smallerPlan(plan, read.rows)
      continue
    }
    if (read.inOrder) return { rows: concat(plan, read.runs), plan }
    const sorted = await readRuns(session, `${select} ORDER BY lane_rank, "offset"`, Number.POSITIVE_INFINITY)
    if (sorted.kind === 'rows') return { rows: concat(plan, sorted.runs), plan }
  }
}

async function readRuns(session: Session, sql: string, maxBytes: number): Promise<Read> {
  const runs: Run[] = []
  const last = new Map<number, number>()
  let inOrder = true
  let bytes = 0
  let rows = 0
  for await (const chunk of session.read(sql)) {
    const raw = columnOf(chunk, 'raw_bytes', 'BLOB')
    bytes += (raw.offsets[chunk.count] as number) - (raw.offsets[0] as number)
    if (bytes > maxBytes) return { kind: 'too_many_bytes', rows }
    rows += chunk.count
    const ranks = columnOf(chunk, 'lane_rank', 'INTEGER').data
    const offsets = wordsOf(columnOf(chunk, 'offset', 'BIGINT').data)
    let start = 0
    for (let i = 0; i < chunk.count; i++) {
      const rank = ranks[i] as number
      const offset = numberAt(offsets, i)
      if (offset <= (last.get(rank) ?? -1)) inOrder = false
      last.set(rank, offset)
      if (i + 1 < chunk.count && ranks[i + 1] === rank) continue
      runs.push({ rank, chunk, start, end: i + 1 })
      start = i + 1
    }
  }
  return { kind: 'rows', runs, inOrder }
}

function offsetsOf(plan: LanePlan): number {
  return plan.ranges.reduce((sum, { from, upper }) => sum + Number(upper - from), 0)
}

/** At most half of each lane's range, and about as many rows as were held; down to a single offset. */
function smallerPlan(plan: LanePlan, rowsHeld: number): LanePlan {
  const total = offsetsOf(plan)
  if (total <= plan.ranges.length) return { ...plan, ranges: plan.ranges.slice(0, Math.ceil(total / 2)), more: true }
  const share = Math.min(0.5, rowsHeld / total)
  const ranges = plan.ranges.map((range) => {
    const span = Math.max(1, Math.floor(Number(range.upper - range.from) * share))
    return { ...range, upper: position(range.from + BigInt(span)) }
  })
  return { ...plan, ranges, more: true }
}

/** The runs lane by lane; within a lane they are in order. */
function concat(plan: LanePlan, runs: readonly Run[]): BronzeRows {
  const ordered = plan.ranges.flatMap((_, rank) => runs.filter((run) => run.rank === rank))
  const count = ordered.reduce((sum, run) => sum + run.end - run.start, 0)
  const rows = {
    ranks: new Int32Array(count),
    offsets: new BigInt64Array(count),
    kafka_us: new BigInt64Array(count),
    kafkaNulls: new Uint8Array(count),
    bronze_us: new BigInt64Array(count),
  }
  let at = 0
  for (const { rank, chunk, start, end } of ordered) {
    const kafka = columnOf(chunk, 'kafka_timestamp', 'TIMESTAMPTZ')
    rows.ranks.fill(rank, at, at + end - start)
    rows.offsets.set(columnOf(chunk, 'offset', 'BIGINT').data.subarray(start, end), at)
    rows.kafka_us.set(kafka.data.subarray(start, end), at)
    if (kafka.nulls) rows.kafkaNulls.set(kafka.nulls.subarray(start, end), at)
    rows.bronze_us.set(columnOf(chunk, 'ingestion_timestamp', 'TIMESTAMPTZ').data.subarray(start, end), at)
    at += end - start
  }
  const raw = ordered.map(({ chunk, start, end }) => ({
    column: rowsOf(columnOf(chunk, 'raw_bytes', 'BLOB'), start, end),
    count: end - start,
  }))
  const headers = ordered.map(({ chunk, start, end }) => ({
    column: rowsOf(columnOf(chunk, 'headers', 'BLOB'), start, end),
    count: end - start,
  }))
  return { count, ...rows, raw: concatBytes(raw), headers: concatBytes(headers) }
}

function rowsOf(column: BytesColumn, start: number, end: number): BytesColumn {
  const { data, nulls } = column
  return { data, offsets: column.offsets.subarray(start, end + 1), ...(nulls && { nulls: nulls.subarray(start, end) }) }
}
