import {
  type BytesColumn,
  type LaneKey,
  laneKey,
  type NamedColumn,
  type Position,
  parseLaneKey,
  position,
  type RecordBatch,
  type SpanColumn,
} from '@assay/core'
import type { Session, TemporaryTable } from '@assay/engine'
import { type LaneStatus, LogDamageError } from '@assay/event-log'
import { isSuperseded, logTopicOf } from '@assay/lake'
import { type CheckList, type Claim, Findings } from '../check.js'
import { compareRows, Tally } from '../compare/compare.js'
import type { OffsetRange, PinnedScan } from '../pinned/pinned-scan.js'
import { acceptedGaps, type BronzeCheck } from './check-offsets.js'

const READ_LIMITS = { maxRecords: 100_000, maxBytes: 32 * 2 ** 20 }
/** Bronze keeps timestamps from 1970 to the end of 2261 (B4). */
const IS_TIME = 'timestamp_ms BETWEEN 0 AND 9214646399999'

/**
 * Every record that the log still holds below bronze's position is in bronze once, byte for byte, and nothing else is
 * (B1). What the log acknowledged is there as it was written, or an operator has accepted that it is lost (B5).
 */
export async function checkLog(check: BronzeCheck): Promise<void> {
  const { lake, session, topic, bronze, gaps, checks } = check
  const statuses = await lake.log.lanes(topic)
  const accepted = await acceptedGaps(session, gaps)
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
    else if (stop && !IS_COMPARABLE.has(stop.reason)) checks.skipped(claim, `the lane is stopped: ${stop.reason}`)
    else {
      const damage = await checkLane(check, { key, status, end, claim })
      if (stop?.reason === 'log_damaged') damage.push({ key, ...stop })
      checkAcknowledged(check, { key, status }, damage, accepted.get(key) ?? [])
    }
  }
  checkUnread(bronze, statuses, checks)
}

/** Reasons for which a lane stops that leave what is below its position comparable with the log. */
const IS_COMPARABLE: ReadonlySet<string> = new Set(['records_lost', 'log_damaged', 'records_unreadable'])

interface LaneInLog {
  readonly key: LaneKey
  readonly status: LaneStatus
}

interface LaneToCompare extends LaneInLog {
  readonly end: Position
  readonly claim: Claim
}

/** Gives what of the lane can't be read any more. */
async function checkLane(check: BronzeCheck, { key, status, end, claim }: LaneToCompare): Promise<OffsetRange[]> {
  const { lake } = check
  const rows = check.rows.get(key)
  const tally = new Tally()
  const damage: OffsetRange[] = []
  let at = status.start
  let start: bigint = at
  let epoch: number | undefined
  while (at < end) {
    const read = await lake.log.read(status.lane, at, READ_LIMITS, epoch).catch((error: unknown) => {
      if (error instanceof LogDamageError) return error
      throw error
    })
    if (read instanceof LogDamageError) {
      damage.push({ key, from: at, to: read.to })
      at = read.to
      continue
    }
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
    await compareRead(check, { key, from: at, to: next }, read.batches, tally)
    if (read.next <= at) {
      tally.findings.add(`${key}: the log ends at ${read.end}, below the position ${end}`)
      break
    }
    epoch = read.epoch ?? epoch
    at = position(read.next)
  }
  const notes = [
    ...(rows && rows.least < start ? [`the log starts at ${start}: rows before it cannot be checked against it`] : []),
    ...damage.map(({ from, to }) => `the log has lost ${from}..${to - 1n}: these cannot be checked against it`),
  ]
  const note = notes.length > 0 ? notes.join('; ') : undefined
  check.checks.done(claim, { in_log: tally.expected, in_bronze: tally.found }, tally.findings, note)
  return damage
}

function acknowledgedClaim({ name }: PinnedScan, key: LaneKey): Claim {
  return { promise: 'B5', subject: `${name} ${key}`, claim: 'what the log acknowledged is in it as it was written' }
}

function checkAcknowledged(
  { bronze, checks }: BronzeCheck,
  { key, status }: LaneInLog,
  damage: readonly OffsetRange[],
  accepted: readonly OffsetRange[],
): void {
  const findings = new Findings()
  const all = status.lost ? [...damage, { key, ...status.lost }] : damage
  let known = 0
  for (const { from, to } of all) {
    if (accepted.some((gap) => gap.from <= from && to <= gap.to)) known += 1
    else findings.add(`${key}: the records from ${from} to ${to - 1n} are not in the log as they were written`)
  }
  checks.done(acknowledgedClaim(bronze, key), { damaged_ranges: all.length, accepted_ranges: known }, findings)
}

/** Lanes that bronze has never read from may have lost records all the same. */
function checkUnread(bronze: PinnedScan, statuses: readonly LaneStatus[], checks: CheckList): void {
  for (const { lane, lost } of statuses) {
    const key = laneKey(lane)
    if (!lost || bronze.checkpoint.lanes.has(key)) continue
    const findings = new Findings()
    findings.add(`${key}: the records from ${lost.from} to ${lost.to - 1n} are not in the log`)
    checks.done(acknowledgedClaim(bronze, key), { damaged_ranges: 1 }, findings)
  }
}

async function compareRead(
  { session, bronze }: BronzeCheck,
  range: OffsetRange,
  batches: readonly RecordBatch[],
  tally: Tally,
): Promise<void> {
  const log = await loadRecords(session, range.key, batches)
  await compareRows(
    session,
    {
      expected: `SELECT *, CASE WHEN ${IS_TIME} THEN make_timestamptz(timestamp_ms * 1000) END AS kafka_timestamp,
        CASE WHEN ${IS_TIME} THEN make_timestamptz(timestamp_ms * 1000)::DATE ELSE DATE '1970-01-01' END AS ingestion_date
        FROM ${log.name} WHERE "offset" >= ${range.from} AND "offset" < ${range.to}`,
      found: await bronze.rowsIn([range]),
      columns: bronze.definition.columns.filter(({ name }) => name !== 'ingestion_timestamp'),
      coordinates: bronze.coordinates(),
      missing: 'is in the log, but not in bronze',
      extra: 'is in bronze, but not in the log',
    },
    tally,
  )
}

async function loadRecords(session: Session, key: LaneKey, batches: readonly RecordBatch[]): Promise<TemporaryTable> {
  const { topic, partition } = parseLaneKey(key)
  const log = await session.load('verify_log', recordColumns(topic, partition, EMPTY), 0)
  for (const batch of batches) await session.append(log, recordColumns(topic, partition, batch), batch.count)
  return log
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
