import type { Window } from './assign.js'
import { windowStart } from './assign.js'
import { floorDivide } from './floor-division.js'
import type { LaneClockState } from './lane-clock.js'
import { type AlignedSpec, stepOf, type TumblingSpec } from './window-spec.js'

/** A lane of an exchange, as its watermark sees it: its clock, and what is known beside. */
export interface WatermarkLane extends LaneClockState {
  /** False for lanes of replays, backfills and heals: old events by intent, which have no clock. */
  readonly live: boolean
  /**
   * Since when it has been read to its end, ms; undefined while there is more to read, while it is stopped, and while
   * it waits for something: silence of that kind says nothing.
   */
  readonly idle_since_ms: number | undefined
}

interface WatermarkLimits {
  /** How far a watermark stays behind. */
  readonly delay_ms: number
  /** How long a lane has to be idle until nobody waits for it. */
  readonly idle_timeout_ms: number
  /** The jump of the lanes' clocks. */
  readonly jump_ms: number
}

/** Wall clock, ms since 1970. */
interface WatermarkTimes {
  readonly now_ms: number
  /** When the last record of any live lane was taken; undefined before the first. */
  readonly taken_ms: number | undefined
}

/**
 * The watermark of an exchange, µs: the least trusted time of its active live lanes, less the delay; it never falls.
 * A live lane whose times are not known yet holds it where it was. When all lanes are idle it goes on with the wall clock
 * from the trusted greatest, as far as that has gone since the last record was taken, but only where the newest times
 * were then within the jump of it: where not, somebody loads a recording, and the wall clock says nothing of what comes
 * next.
 */
export function advanceWatermark(
  before: bigint | undefined,
  lanes: readonly WatermarkLane[],
  limits: WatermarkLimits,
  times: WatermarkTimes,
): bigint | undefined {
  const live = lanes.filter((lane) => lane.live)
  const active = live.filter(({ idle_since_ms }) => !isIdle(idle_since_ms, limits, times))
  const reached = active.length > 0 ? leastOf(active) : reachOfIdle(live, limits, times)
  return reached === undefined ? before : later(before, reached - micros(limits.delay_ms))
}

/**
 * The watermark of an exchange from which nothing more is to come: the end of the window that holds its trusted
 * greatest time, and never more. With several sizes of windows it is that of the smallest, the panes.
 */
export function drainWatermark(
  before: bigint | undefined,
  lanes: readonly WatermarkLane[],
  { size_us }: TumblingSpec,
): bigint | undefined {
  const greatest_us = greatestOf(lanes.filter((lane) => lane.live))
  return greatest_us === undefined ? before : later(before, windowStart(greatest_us, size_us) + size_us)
}

/** Whether no more rows are waited for: the watermark has reached the window's end. */
export function closedBy({ end_us }: Window, watermark_us: bigint | undefined): boolean {
  return watermark_us !== undefined && watermark_us >= end_us
}

/** The number of the first window that is not closed; all before it are. */
export function firstOpenWindow(spec: AlignedSpec, watermark_us: bigint): number {
  return Number(floorDivide(watermark_us - spec.size_us, stepOf(spec))) + 1
}

function isIdle(
  since_ms: number | undefined,
  { idle_timeout_ms }: WatermarkLimits,
  { now_ms }: WatermarkTimes,
): boolean {
  return since_ms !== undefined && now_ms - since_ms >= idle_timeout_ms
}

function reachOfIdle(
  lanes: readonly WatermarkLane[],
  { jump_ms }: WatermarkLimits,
  { now_ms, taken_ms }: WatermarkTimes,
): bigint | undefined {
  const greatest_us = greatestOf(lanes)
  if (greatest_us === undefined || taken_ms === undefined) return greatest_us
  // Where trades are rarer than the jump each is a candidate until the next: it tells as well that the lane is live.
  const times = lanes.flatMap((lane) => [lane.greatest_us, lane.candidate_us])
  const isLive = times.some((time_us) => time_us !== undefined && isWithin(time_us, taken_ms, jump_ms))
  return isLive ? greatest_us + micros(Math.max(0, now_ms - taken_ms)) : greatest_us
}

function isWithin(time_us: bigint, middle_ms: number, reach_ms: number): boolean {
  return time_us >= micros(middle_ms - reach_ms) && time_us <= micros(middle_ms + reach_ms)
}

/** Undefined where the times of one of them are not known. */
function leastOf(lanes: readonly WatermarkLane[]): bigint | undefined {
  let least: bigint | undefined
  for (const { greatest_us } of lanes) {
    if (greatest_us === undefined) return undefined
    if (least === undefined || greatest_us < least) least = greatest_us
  }
  return least
}

function greatestOf(lanes: readonly WatermarkLane[]): bigint | undefined {
  return lanes.reduce<bigint | undefined>(
    (most, { greatest_us }) => (greatest_us === undefined ? most : later(most, greatest_us)),
    undefined,
  )
}

function later(a: bigint | undefined, b: bigint): bigint {
  return a === undefined || b > a ? b : a
}

function micros(ms: number): bigint {
  return BigInt(Math.floor(ms)) * 1000n
}
