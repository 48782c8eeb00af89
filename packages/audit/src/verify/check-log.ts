import {
  type BytesColumn,
  type LaneKey,
  type NamedColumn,
  type Position,
  parseLaneKey,
  position,
  type RecordBatch,
  type SpanColumn,
} from '@assay/core'
import type { Session } from '@assay/engine'
import type { LaneStatus } from '@assay/event-log'
import type { Exchange } from '@assay/exchanges'
import type { Lake } from '@assay/lake'
import { isSuperseded, logTopicOf } from '@assay/lake'
import type { CheckList } from '../compare/check.js'
import { compareRows, Tally } from '../compare/compare.js'
import type { LaneRows } from '../pinned/lane-rows.js'
import type { PinnedScan } from '../pinned/pinned-scan.js'

const LOG = 'verify_log'
const READ_LIMITS = { maxRecords: 100_000, maxBytes: 32 * 2 ** 20 }
/** Bronze keeps timestamps from 1970 to the end of 2261 (B4). */
const IS_TIME = 'timestamp_ms BETWEEN 0 AND 9214646399999'

/** Every record that the log still holds below bronze's position is in bronze once, byte for byte, and nothing else is. */
export async function checkLog(
  lake: Lake,
  session: Session,
  exchange: Exchange,
  bronze: PinnedScan,
  rows: ReadonlyMap<LaneKey, LaneRows>,
  checks: CheckList,
): Promise<void> {
  const statuses = await lake.log.lanes(exchange.topic)
  for (const [key, { position: end, stop }] of bronze.checkpoint.lanes) {
    const claim = {
      promise: 'B1',
      subject: `${bronze.name} ${key}`,
      claim: 'its rows are the records of the log, byte for byte',
    }
    const { partition } = parseLaneKey(key)
    const status = statuses.find(
      ({ lane }) => lane.partition === partition && lane.topic === logTopicOf(key, bronze.checkpoint),
    )
    if (isSuperseded(key, bronze.checkpoint))
      checks.skipped(claim, 'the log has another topic or other records under these offsets now')
    else if (!status) checks.skipped(claim, 'the log has no such lane')
    else if (stop && stop.reason !== 'records_lost') checks.skipped(claim, `the lane is stopped: ${stop.reason}`)
    else await checkLane(lake, session, bronze, key, status, end, rows.get(key), claim, checks)
  }
}

async function checkLane(
  lake: Lake,
  session: Session,
  bronze: PinnedScan,
  key: LaneKey,
  status: LaneStatus,
  end: Position,
  rows: LaneRows | undefined,
  claim: Parameters<CheckList['done']>[0],
  checks: CheckList,
): Promise<void> {
  const tally = new Tally()
  let at = status.start
  let start: bigint = at
  let epoch: number | undefined
  while (at < end) {
    const read = await lake.log.read(status.lane, at, READ_LIMITS, epoch)
    if (read.kind === 'diverged' || (read.kind === 'out_of_range' && read.start <= at)) {
      tally.findings.add(`${key}: the log ends at ${read.end}, below the position ${end}`)
      break
    }
    if (read.kind === 'out_of_range') {
      // Retention came nearer while we read; what it took can't be compared any more.
      at = read.start
      start = at
      continue
    }
    const next = read.next > end ? end : read.next
    await compareRead(session, bronze, key, { from: at, to: next }, read.batches, tally)
    if (read.next <= at) {
      tally.findings.add(`${key}: the log ends at ${read.end}, below the position ${end}`)
      break
    }
    epoch = read.epoch ?? epoch
    at = position(read.next)
  }
  const before = rows && rows.least < start
  checks.done(
    claim,
    { in_log: tally.expected, in_bronze: tally.found },
    tally.findings,
    before ? `the log starts at ${start}: rows before it cannot be checked against it` : undefined,
  )
}

async function compareRead(
  session: Session,
  bronze: PinnedScan,
  key: LaneKey,
  range: { readonly from: bigint; readonly to: bigint },
  batches: readonly RecordBatch[],
  tally: Tally,
): Promise<void> {
  await loadRecords(session, key, batches)
  await compareRows(
    session,
    {
      expected: `SELECT *, CASE WHEN ${IS_TIME} THEN make_timestamptz(timestamp_ms * 1000) END AS kafka_timestamp,
        CASE WHEN ${IS_TIME} THEN make_timestamptz(timestamp_ms * 1000)::DATE ELSE DATE '1970-01-01' END AS ingestion_date
        FROM ${LOG} WHERE "offset" >= ${range.from} AND "offset" < ${range.to}`,
      found: await bronze.rowsIn([{ key, ...range }]),
      columns: bronze.definition.columns.filter(({ name }) => name !== 'ingestion_timestamp'),
      place: bronze.place(),
      missing: 'is in the log, but not in bronze',
      extra: 'is in bronze, but not in the log',
    },
    tally,
  )
}

/** Fills the table of the log's records with those of the batches. */
async function loadRecords(session: Session, key: LaneKey, batches: readonly RecordBatch[]): Promise<void> {
  const { topic, partition } = parseLaneKey(key)
  await session.load(LOG, recordColumns(topic, partition, EMPTY), 0)
  for (const batch of batches) await session.append(LOG, recordColumns(topic, partition, batch), batch.count)
}

const NO_BYTES: BytesColumn = { data: new Uint8Array(0), offsets: new Uint32Array(1) }
const EMPTY = {
  count: 0,
  offsets: new BigInt64Array(0),
  timestamps_ms: new BigInt64Array(0),
  keys: NO_BYTES,
  values: NO_BYTES,
  headers: NO_BYTES,
}

function recordColumns(topic: string, partition: number, batch: Omit<RecordBatch, 'lane' | 'next'>): NamedColumn[] {
  const { count } = batch
  return [
    { name: 'raw_bytes', column: blob(batch.values, count) },
    { name: 'topic', column: { type: 'DICTIONARY', codes: new Int32Array(count), dictionary: [topic] } },
    { name: 'partition', column: { type: 'INTEGER', data: new Int32Array(count).fill(partition) } },
    { name: 'offset', column: { type: 'BIGINT', data: batch.offsets.subarray(0, count) } },
    { name: 'timestamp_ms', column: { type: 'BIGINT', data: batch.timestamps_ms.subarray(0, count) } },
    { name: 'key', column: blob(batch.keys, count) },
    { name: 'headers', column: blob(batch.headers, count) },
  ]
}

function blob({ data, offsets, nulls }: BytesColumn, count: number): SpanColumn {
  return {
    type: 'BLOB',
    source: data,
    starts: offsets.subarray(0, count),
    ends: offsets.subarray(1, count + 1),
    ...(nulls && { nulls }),
  }
}
