import { type Lane, type LaneKey, type Position, parseLaneKey, position, START } from '@assay/core'
import type { Checkpoint, LaneCheckpoint } from '../checkpoint/checkpoint.js'

/** The part of one lane that a batch takes: offsets [from, upper) of the upstream table. */
export interface LaneRange {
  readonly key: LaneKey
  readonly lane: Lane
  readonly from: Position
  readonly upper: Position
  /** Sequence number of the upstream snapshot that the lane was last read to the end of, as far as it is trusted. */
  readonly sequence: number
  /** Upstream's own position: nothing beyond it exists in the pinned snapshot. */
  readonly upstream: Position
}

export interface LanePlan {
  /** Lanes that have something to take, in the order in which their rows are read. */
  readonly ranges: readonly LaneRange[]
  /** Lanes already at upstream's position: only their `sequence` moves. */
  readonly idle: readonly LaneKey[]
  /** Only files above this sequence number can hold rows of the ranges. */
  readonly afterSequence: number
  /** True when limits left rows behind. */
  readonly more: boolean
}

/** Lanes of one batch; the others wait for the next. */
const MAX_LANES = 32

/**
 * Chooses an upper offset for each lane within `maxRows`, shared evenly among the lanes with a backlog.
 * Offsets are counted rather than rows: a hole only makes the batch smaller. `turn` rotates the order of
 * lanes, so that a cut by bytes does not always fall on the same one.
 */
export function planLanes(upstream: Checkpoint, own: Checkpoint, maxRows: number, turn: number): LanePlan {
  const idle: LaneKey[] = []
  const waiting: { key: LaneKey; from: Position; upstream: Position; sequence: number }[] = []
  for (const [key, theirs] of upstream.lanes) {
    const mine = own.lanes.get(key)
    const from = mine?.position ?? START
    if (from >= theirs.position) idle.push(key)
    else waiting.push({ key, from, upstream: theirs.position, sequence: mine?.sequence ?? 0 })
  }
  const start = waiting.length === 0 ? 0 : turn % waiting.length
  const chosen = [...waiting.slice(start), ...waiting.slice(0, start)].slice(0, MAX_LANES)
  const share = BigInt(Math.max(1, Math.floor(maxRows / Math.max(1, chosen.length))))
  const ranges = chosen.map(({ key, from, sequence, upstream: end }) => ({
    key,
    sequence,
    lane: parseLaneKey(key),
    from,
    upper: end - from > share ? position(from + share) : end,
    upstream: end,
  }))
  return {
    ranges,
    idle,
    afterSequence: chosen.length === 0 ? 0 : Math.min(...chosen.map((lane) => lane.sequence)),
    more: chosen.length < waiting.length || ranges.some((range) => range.upper < range.upstream),
  }
}

/**
 * Cuts a plan short at a row: lanes before it are taken whole, its own lane up to its offset, lanes after
 * it not at all.
 */
export function cutPlan(plan: LanePlan, rank: number, offset: bigint): LanePlan {
  const ranges = plan.ranges
    .slice(0, rank + 1)
    .map((range, i) => (i === rank ? { ...range, upper: position(offset) } : range))
    .filter((range) => range.upper > range.from)
  return { ...plan, ranges, more: true }
}

/**
 * Cuts each lane of a plan at its own offset, those without one not at all; `uppers` is by rank in this plan. Lanes of
 * which nothing is left leave it, and stay where they are.
 */
export function cutLanes(plan: LanePlan, uppers: readonly (bigint | undefined)[]): LanePlan {
  let more = plan.more
  const ranges = plan.ranges.flatMap((range, rank) => {
    const upper = uppers[rank]
    if (upper === undefined || upper >= range.upper) return [range]
    more = true
    return upper > range.from ? [{ ...range, upper: position(upper) }] : []
  })
  return { ...plan, ranges, more }
}

/**
 * The lanes of a table after a batch: each range's lane stands at its upper offset, and once upstream has
 * been read to its end the lane's sequence is that of the pinned snapshot.
 */
export function lanesAfter(
  plan: LanePlan,
  own: Checkpoint,
  pinnedSequence: number,
  extra: (key: LaneKey) => Partial<LaneCheckpoint>,
): Map<LaneKey, LaneCheckpoint> {
  const lanes = new Map<LaneKey, LaneCheckpoint>()
  for (const range of plan.ranges) {
    const before = own.lanes.get(range.key)
    lanes.set(range.key, {
      ...before,
      position: range.upper,
      sequence: range.upper === range.upstream ? pinnedSequence : range.sequence,
      ...extra(range.key),
    })
  }
  for (const key of plan.idle) {
    const before = own.lanes.get(key)
    if (before && before.sequence !== pinnedSequence) lanes.set(key, { ...before, sequence: pinnedSequence })
  }
  return lanes
}
