import { type LaneKey, numberAt, type Position, position, wordsOf } from '@assay/core'
import { type EventLog, isUnreadable, LogDamageError, type ReadLimits, type ReadResult } from '@assay/event-log'
import type { LaneStop } from '../checkpoint/checkpoint.js'
import type { BatchLimits } from '../stage/stage.js'
import { firstRecords, type LaneRecords, recordBytes } from './concat-records.js'
import type { LogLane } from './log-lanes.js'

const DAY_MS = 86_400_000
/** 2262-01-01, where nanosecond clocks of other systems end. */
const TIMESTAMP_LIMIT_MS = 9_214_646_400_000

export interface LogBatch {
  readonly parts: readonly LaneRecords[]
  /** Where each lane that was read stands now, also where no record came (holes). */
  readonly positions: ReadonlyMap<LaneKey, LogPosition>
  /** Lanes that can't be read on from their position. */
  readonly stops: ReadonlyMap<LaneKey, LaneStop>
  readonly more: boolean
}

interface LogPosition {
  readonly position: Position
  readonly epoch?: number
}

/** True when bronze can keep the timestamp as one. */
export function isUsableTimestamp(timestamp_ms: number): boolean {
  return timestamp_ms >= 0 && timestamp_ms < TIMESTAMP_LIMIT_MS
}

/** Day of a Kafka timestamp since 1970; 0 when it is none. */
export function kafkaDay(timestamp_ms: number): number {
  return isUsableTimestamp(timestamp_ms) ? Math.floor(timestamp_ms / DAY_MS) : 0
}

/**
 * Reads the lanes one after the other, each within an even share of what the ones before it left of the
 * limits, and stops before a record that would open one partition too many.
 */
export async function readLog(log: EventLog, lanes: readonly LogLane[], limits: BatchLimits): Promise<LogBatch> {
  const parts: LaneRecords[] = []
  const positions = new Map<LaneKey, LogPosition>()
  const stops = new Map<LaneKey, LaneStop>()
  const days = new Set<number>()
  let rowsLeft = limits.maxRows
  let bytesLeft = limits.maxBytes
  let more = false
  for (const [laneIndex, lane] of lanes.entries()) {
    const lanesLeft = lanes.length - laneIndex
    let laneRows = Math.ceil(rowsLeft / lanesLeft)
    let laneBytes = Math.ceil(bytesLeft / lanesLeft)
    let { position: at, epoch } = lane
    while (laneRows > 0 && laneBytes > 0) {
      const read = await readLane(log, { ...lane, position: at }, { maxRecords: laneRows, maxBytes: laneBytes }, epoch)
      // Found in the middle of a batch it is left to the next, which begins where this one ends.
      if (read.kind === 'stop' && at === lane.position) stops.set(lane.key, read.stop)
      if (read.kind !== 'records') break
      const before = at
      epoch = read.epoch ?? epoch
      const end = read.end
      let full = false
      for (const batch of read.batches) {
        const count = countWithinDays(batch.timestamps_ms, batch.count, days, limits.maxPartitions)
        full = count < batch.count
        const taken = full ? firstRecords(batch, count, batch.offsets[count] as Position) : batch
        if (count > 0) parts.push({ laneIndex, batch: taken })
        at = taken.next
        rowsLeft -= count
        laneRows -= count
        const bytes = recordBytes(batch, count)
        bytesLeft -= bytes
        laneBytes -= bytes
        if (full) break
      }
      if (!full && read.next > at) at = read.next
      more ||= at < end
      if (full || at >= end || at === before) break
    }
    more ||= at < lane.status.end
    if (at > lane.position) positions.set(lane.key, { position: at, ...(epoch !== undefined && { epoch }) })
  }
  return { parts, positions, stops, more }
}

/** `out_of_range` is left to the next look at the log's ends, which tells what is missing. */
async function readLane(
  log: EventLog,
  { status, position: from }: LogLane,
  limits: ReadLimits,
  epoch: number | undefined,
): Promise<
  Extract<ReadResult, { kind: 'records' | 'out_of_range' }> | { readonly kind: 'stop'; readonly stop: LaneStop }
> {
  try {
    const read = await log.read(status.lane, from, limits, epoch)
    if (read.kind !== 'diverged') return read
    return { kind: 'stop', stop: { reason: 'log_truncated', from: read.end, to: from } }
  } catch (error) {
    if (!isUnreadable(error)) throw error
    const to = error instanceof LogDamageError ? error.to : position(from + 1n)
    return {
      kind: 'stop',
      stop: { reason: error.code === 'log_corrupt' ? 'log_damaged' : 'records_unreadable', from, to },
    }
  }
}

function countWithinDays(timestamps: BigInt64Array, count: number, days: Set<number>, maxDays: number): number {
  const words = wordsOf(timestamps)
  let last = -1
  for (let i = 0; i < count; i++) {
    const day = kafkaDay(numberAt(words, i))
    if (day === last) continue
    last = day
    if (days.has(day)) continue
    if (days.size >= maxDays) return i
    days.add(day)
  }
  return count
}
