import { type LaneKey, type Position, START } from '@assay/core'
import { isUnreadable, type LaneStatus } from '@assay/event-log'
import type { Layer } from '@assay/medallion'
import type { LaneStop } from '@assay/pipeline'
import type { Lake } from '../lake.js'
import { exchangeOfLane } from './lane-exchange.js'
import { logLanesOf } from './log-lanes.js'
import { arrivalInTable } from './table-arrivals.js'
import type { TableState } from './table-states.js'

/** A record whose own time is older was loaded: that time says nothing of its arrival. */
const HISTORY_AFTER_MS = 86_400_000

/** How far one table has come in one lane. */
export interface LaneProgress {
  readonly layer: string
  /** The exchange; null where the lane names none. */
  readonly exchange: string | null
  readonly table: string
  readonly lane: LaneKey
  readonly position: Position
  /** Where upstream (the log, or the table above) stands. */
  readonly end: Position
  /** Offsets that are there to be read; holes count too. */
  readonly lag_rows: bigint
  /**
   * How long the oldest record that waits has been there to be read; 0 without a lag. Counted from its arrival (in the
   * log, or in the table above), not from the time of its event. Null where nothing tells when it came.
   */
  readonly lag_seconds: number | null
  /** Greatest event time of valid rows, µs; of layers that judge by it. */
  readonly watermark_us: bigint | null
  readonly last_commit_ms: number | null
}

/** The exchange whose lanes they are. */
interface LaneOwner {
  readonly layer: Layer
  readonly table: string
}

/** How far a table has come in lanes of the log. */
export async function progressInLog(
  lake: Lake,
  owner: LaneOwner,
  statuses: readonly LaneStatus[],
  { checkpoint, last_commit_ms }: TableState,
): Promise<LaneProgress[]> {
  lake.arrivals.note(statuses)
  const lanes = logLanesOf(statuses, checkpoint)
  return Promise.all(
    lanes.map(async ({ lane, status }) => {
      const own = checkpoint.lanes.get(lane)
      const at = own?.position ?? START
      const unread = unreadOf(status, at, own?.stop)
      return {
        layer: owner.layer.name,
        table: owner.table,
        exchange: exchangeOfLane(lake, lane),
        lane,
        position: at,
        end: status.end,
        lag_rows: unread.rows,
        lag_seconds: unread.rows === 0n ? 0 : await ageInLog(lake, status, unread.from),
        watermark_us: null,
        last_commit_ms,
      }
    }),
  )
}

/** A topic that was made again is unread from its start, whatever the position in the one before. */
function unreadOf(status: LaneStatus, at: Position, stop: LaneStop | undefined): { from: Position; rows: bigint } {
  const isBeforeStart = stop?.reason === 'topic_recreated' || at < status.start
  const from = isBeforeStart ? status.start : at
  return { from, rows: status.end > from ? status.end - from : 0n }
}

/**
 * Seconds since a record came into the log; null where nothing tells when that was. What was there before this process
 * looked is dated by the log, or else by the record's own time, unless it is that of loaded history.
 */
async function ageInLog(lake: Lake, status: LaneStatus, from: Position): Promise<number | null> {
  const seen = lake.arrivals.arrivalOf(status, from)
  if (seen?.isExact) return ageOf(lake, seen.at_ms)
  const earliest_ms = (await lake.log.earliestArrival_ms?.(status.lane, from)) ?? Number.NEGATIVE_INFINITY
  const own_ms = await timestampOf(lake, status, from)
  const at_ms = Math.max(earliest_ms, own_ms ?? Number.NEGATIVE_INFINITY)
  const isHistory = lake.clock.now_ms() - at_ms > HISTORY_AFTER_MS && at_ms !== earliest_ms
  if (Number.isFinite(at_ms) && !isHistory) return ageOf(lake, Math.min(at_ms, seen?.at_ms ?? at_ms))
  return seen ? ageOf(lake, seen.at_ms) : null
}

async function timestampOf(lake: Lake, { lane }: LaneStatus, from: Position): Promise<number | undefined> {
  const read = await lake.log.read(lane, from, { maxRecords: 1, maxBytes: 1 }).catch((error: unknown) => {
    if (isUnreadable(error)) return undefined
    throw error
  })
  if (!read) return undefined
  const timestamp_ms = read.kind === 'records' ? read.batches[0]?.timestamps_ms[0] : undefined
  return timestamp_ms === undefined || timestamp_ms < 0n ? undefined : Number(timestamp_ms)
}

function ageOf({ clock }: Lake, at_ms: number): number {
  return Math.max(0, (clock.now_ms() - at_ms) / 1000)
}

/** How far a table has come in the lanes of a table above. */
export function progressInTable(
  lake: Lake,
  owner: LaneOwner,
  upstream: TableState & { readonly writtenAt: string },
  { checkpoint, last_commit_ms }: TableState,
): Promise<LaneProgress[]> {
  const { existing, writtenAt } = upstream
  const pinned = existing && { ...existing, writtenAt }
  return Promise.all(
    [...upstream.checkpoint.lanes].sort().map(async ([lane, { position: end }]) => {
      const state = checkpoint.lanes.get(lane)
      const at = state?.position ?? START
      const arrived_ms = end > at && pinned ? await arrivalInTable(lake, pinned, lane, at) : undefined
      return {
        layer: owner.layer.name,
        table: owner.table,
        exchange: exchangeOfLane(lake, lane),
        lane,
        position: at,
        end,
        lag_rows: end - at,
        lag_seconds: end <= at ? 0 : arrived_ms === undefined || arrived_ms === null ? null : ageOf(lake, arrived_ms),
        watermark_us: owner.layer.watermark_us(state) ?? null,
        last_commit_ms,
      }
    }),
  )
}
