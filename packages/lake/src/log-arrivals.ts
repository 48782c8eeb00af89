import { type Clock, type LaneKey, laneKey, type Position } from '@assay/core'
import type { LaneStatus } from '@assay/event-log'

/** Times kept for a lane at most; beyond it, neighbours are put together under the earlier time. */
const MARKS_MAX = 1_024

/** The log's end, and when it was seen there first. */
interface EndMark {
  readonly end: Position
  readonly seen_ms: number
}

/** When a record came into the log, as far as this process saw it. */
interface ObservedArrival {
  readonly at_ms: number
  /** False when the record was there before this process first looked: it came at that time or earlier. */
  readonly isExact: boolean
}

/**
 * When the log's ends were seen to move. A record's own timestamp can't tell when it arrived: loaded, backfilled and
 * simulated records carry the time of their event, which may be years ago.
 */
export class LogArrivals {
  readonly #clock: Clock
  /** By topic id and lane: a topic made again starts anew. */
  readonly #marks = new Map<string, EndMark[]>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Notes where the lanes end now. Whoever reads the log's lanes calls it; the more often, the finer the times. */
  note(statuses: readonly LaneStatus[]): void {
    const seen_ms = this.#clock.now_ms()
    for (const { lane, topicId, end } of statuses) {
      const marks = this.#marksOf(topicId, laneKey(lane))
      const last = marks.at(-1)
      if (last && end <= last.end) continue
      marks.push({ end, seen_ms })
      if (marks.length > MARKS_MAX) thin(marks)
    }
  }

  /** When the record at the position came into the lane; undefined for one that was never seen there. */
  arrivalOf({ lane, topicId }: LaneStatus, at: Position): ObservedArrival | undefined {
    const marks = this.#marksOf(topicId, laneKey(lane))
    const first = marks.findIndex(({ end }) => end > at)
    const mark = marks[first]
    return mark && { at_ms: mark.seen_ms, isExact: first > 0 }
  }

  #marksOf(topicId: string, lane: LaneKey): EndMark[] {
    const key = `${topicId} ${lane}`
    const known = this.#marks.get(key) ?? []
    this.#marks.set(key, known)
    return known
  }
}

/** Puts pairs of the older half together. The first mark stays: it tells what was there before. */
function thin(marks: EndMark[]): void {
  const half = Math.floor(marks.length / 2)
  const merged: EndMark[] = []
  for (let i = 1; i < half; i += 2) {
    const [earlier, later] = [marks[i], marks[i + 1]]
    if (earlier && later) merged.push({ end: later.end, seen_ms: earlier.seen_ms })
  }
  marks.splice(1, merged.length * 2, ...merged)
}
