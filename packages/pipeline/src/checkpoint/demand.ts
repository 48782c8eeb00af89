import type { LaneKey } from '@assay/core'
import type { Checkpoint, LaneCheckpoint, TopicCheckpoint } from './checkpoint.js'

/** What a batch was derived from, and what it changes if that still holds. */
export interface CheckpointChange {
  /** The checkpoint that the batch was planned on. */
  readonly basis: Checkpoint
  /** Lanes that move, with all that is known of them afterwards. */
  readonly lanes: ReadonlyMap<LaneKey, LaneCheckpoint>
  /** True when decisions cross lanes: then no lane of the table may have changed. */
  readonly wholeCheckpoint: boolean
  readonly sources?: Readonly<Record<string, string>>
  readonly topics?: Readonly<Record<string, TopicCheckpoint>>
  readonly keys?: { readonly path: string; readonly sequence: number }
}

/** What of the table is no longer as the batch was derived from it: a lane's key, or other members. */
export function brokenDemand(
  change: CheckpointChange,
  current: Checkpoint,
): LaneKey | 'topics' | 'unknown members' | undefined {
  if (change.topics && !sameJson(change.basis.topics, current.topics)) return 'topics'
  if (change.wholeCheckpoint && !sameJson(change.basis.unknown, current.unknown)) return 'unknown members'
  return brokenLane(change, current)
}

/** The first lane whose position or state is no longer what the batch was derived from. */
function brokenLane(change: CheckpointChange, current: Checkpoint): LaneKey | undefined {
  const keys = change.wholeCheckpoint
    ? new Set([...current.lanes.keys(), ...change.basis.lanes.keys(), ...change.lanes.keys()])
    : change.lanes.keys()
  for (const key of keys) {
    if (!sameLane(change.basis.lanes.get(key), current.lanes.get(key))) return key
  }
  return undefined
}

function sameLane(a: LaneCheckpoint | undefined, b: LaneCheckpoint | undefined): boolean {
  if (a === undefined || b === undefined) return a === b
  return (
    a.position === b.position &&
    a.greatest_us === b.greatest_us &&
    a.candidate_us === b.candidate_us &&
    a.rules === b.rules &&
    a.stop?.reason === b.stop?.reason &&
    a.stop?.to === b.stop?.to &&
    sameJson(a.unknown, b.unknown)
  )
}

function sameJson(a: unknown, b: unknown): boolean {
  return a === b || JSON.stringify(a) === JSON.stringify(b)
}

/** The checkpoint after the change, committed with the given snapshot. What this version does not know stays. */
export function applyChange(
  current: Checkpoint,
  change: CheckpointChange,
  snapshot: { readonly id: bigint; readonly sequence: number },
): Checkpoint {
  const keys = change.keys ?? current.keys
  return {
    snapshot,
    sources: { ...current.sources, ...change.sources },
    topics: { ...current.topics, ...change.topics },
    lanes: new Map([...current.lanes, ...movedLanes(current, change)]),
    ...(keys && { keys }),
    ...(current.unknown && { unknown: current.unknown }),
  }
}

/** The lanes that the change moves, as they are afterwards. */
export function movedLanes(
  current: Checkpoint,
  { lanes }: Pick<CheckpointChange, 'lanes'>,
): Map<LaneKey, LaneCheckpoint> {
  return new Map(
    [...lanes].map(([key, lane]) => {
      const unknown = current.lanes.get(key)?.unknown
      return [key, unknown ? { ...lane, unknown } : lane]
    }),
  )
}
