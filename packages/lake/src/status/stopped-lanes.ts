import { type LaneKey, type Position, START } from '@assay/core'
import type { LaneStatus } from '@assay/event-log'
import type { Checkpoint, LaneStop } from '@assay/pipeline'
import { isSuperseded, logLanesOf } from './log-lanes.js'

/** A lane that waits for an operator's word. */
export interface StoppedLane {
  readonly table: string
  readonly lane: LaneKey
  readonly reason: LaneStop['reason']
  readonly from: Position
  readonly to: Position
  /** The command that lets it go on. */
  readonly next_step: string
}

/** Lanes of the log that the table can't read on in, and those that the log takes no more records for. */
export function stopsOf(statuses: readonly LaneStatus[], table: string, checkpoint: Checkpoint): StoppedLane[] {
  const told = (lane: LaneKey, stop: LaneStop): StoppedLane => {
    const resume = resumeAt(stop)
    const next_step =
      resume === undefined
        ? 'a newer version of Assay stopped this lane: upgrade this one to see what to do'
        : `assay gaps accept ${lane} --to ${resume} --note "why"`
    return { table, lane, reason: stop.reason, from: stop.from, to: stop.to, next_step }
  }
  const read = [...checkpoint.lanes].flatMap(([lane, { stop }]) =>
    stop && !isSuperseded(lane, checkpoint) ? [told(lane, stop)] : [],
  )
  const written = logLanesOf(statuses, checkpoint).flatMap(({ lane, status: { lost } }) =>
    lost && !checkpoint.lanes.get(lane)?.stop ? [told(lane, { reason: 'log_damaged', ...lost })] : [],
  )
  return [...read, ...written]
}

/** The first offset that can be read again; undefined for a reason that only a newer version knows. */
export function resumeAt(stop: LaneStop): Position | undefined {
  switch (stop.reason) {
    case 'records_lost':
    case 'records_unreadable':
    case 'log_damaged':
      return stop.to
    case 'log_truncated':
      return stop.from
    case 'topic_recreated':
      return START
    default:
      return undefined
  }
}
