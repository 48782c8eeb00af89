import { type LaneKey, numberAt, type Position, wordsOf } from '@assay/core'
import type { EventLog } from '@assay/event-log'
import type { BatchLimits } from '../stages/stage.js'
import { firstRecords, type LaneRecords, recordBytes } from './concat-records.js'
import type { LogLane } from './log-lanes.js'

const DAY_MS = 86_400_000
/** 2262-01-01, where nanosecond clocks of other systems end. */
const TIMESTAMP_LIMIT_MS = 9_214_646_400_000

export interface LogBatch {
  readonly parts: readonly LaneRecords[]
  /** Where each lane that was read stands now, also where no record came (holes). */
  readonly positions: ReadonlyMap<LaneKey, LogPosition>
  /** Lanes that were cut below their position and written anew, and where. */
  readonly diverged: ReadonlyMap<LaneKey, Position>
  readonly more: boolean
}

export interface LogPosition {
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
  const diverged = new Map<LaneKey, Position>()
  const days = new Set<number>()
  let rowsLeft = limits.maxRows
  let bytesLeft = limits.maxBytes
  let more = false
  for (const [laneIndex, lane] of lanes.entries()) {
    const lanesLeft = lanes.length - laneIndex
    let laneRows = Math.ceil(rowsLeft / lanesLeft)
    let laneBytes = Math.ceil(bytesLeft / lanesLeft)
    let { position, epoch } = lane
    while (laneRows > 0 && laneBytes > 0) {
      const read = await log.read(lane.status.lane, position, { maxRecords: laneRows, maxBytes: laneBytes }, epoch)
      // Found in the middle of a batch it is left to the next, which begins where this one ends.
      if (read.kind === 'diverged' && position === lane.position) diverged.set(lane.key, read.end)
      if (read.kind !== 'records') break
      const before = position
      epoch = read.epoch ?? epoch
      const end = read.end
      let full = false
      for (const batch of read.batches) {
        const count = countWithinDays(batch.timestamps_ms, batch.count, days, limits.maxPartitions)
        full = count < batch.count
        const taken = full ? firstRecords(batch, count, batch.offsets[count] as Position) : batch
        if (count > 0) parts.push({ laneIndex, batch: taken })
        position = taken.next
        rowsLeft -= count
        laneRows -= count
        const bytes = recordBytes(batch, count)
        bytesLeft -= bytes
        laneBytes -= bytes
        if (full) break
      }
      if (!full && read.next > position) position = read.next
      more ||= position < end
      if (full || position >= end || position === before) break
    }
    more ||= position < lane.status.end
    if (position > lane.position) positions.set(lane.key, { position, ...(epoch !== undefined && { epoch }) })
  }
  return { parts, positions, diverged, more }
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
