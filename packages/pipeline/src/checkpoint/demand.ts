import { isDeepStrictEqual } from 'node:util'
import type { LaneKey } from '@assay/core'
import type { Checkpoint, LaneCheckpoint, StateMembers, TopicCheckpoint } from './checkpoint.js'

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
  /** Members of the table's own state that the batch sets. */
  readonly state?: StateMembers
}

/**
 * What of the table is no longer as the batch was derived from it: a lane's key, `topics`, or the table's own `state`.
 * `noted` are members of that state that may have changed all the same.
 */
export function brokenDemand(
  change: CheckpointChange,
  current: Checkpoint,
  noted: readonly string[] = [],
): LaneKey | 'topics' | 'state' | undefined {
  const { basis, topics, wholeCheckpoint } = change
  if (topics && !isDeepStrictEqual(basis.topics, current.topics)) return 'topics'
  if (wholeCheckpoint && !isDeepStrictEqual(without(basis.state, noted), without(current.state, noted))) return 'state'
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
    a.stop?.reason === b.stop?.reason &&
    a.stop?.to === b.stop?.to &&
    isDeepStrictEqual(a.state, b.state)
  )
}

function without(state: StateMembers | undefined, noted: readonly string[]): StateMembers {
  return Object.fromEntries(Object.entries(state ?? {}).filter(([name]) => !noted.includes(name)))
}

/** The checkpoint after the change, committed with the given snapshot. State that the change does not name stays. */
export function applyChange(
  current: Checkpoint,
  change: CheckpointChange,
  snapshot: { readonly id: bigint; readonly sequence: number },
): Checkpoint {
  const state = { ...current.state, ...change.state }
  return {
    snapshot,
    sources: { ...current.sources, ...change.sources },
    topics: { ...current.topics, ...change.topics },
    lanes: new Map([...current.lanes, ...movedLanes(current, change)]),
    ...(Object.keys(state).length > 0 && { state }),
  }
}

/** The lanes that the change moves, as they are afterwards. */
export function movedLanes(
  current: Checkpoint,
  { lanes }: Pick<CheckpointChange, 'lanes'>,
): Map<LaneKey, LaneCheckpoint> {
  return new Map(
    [...lanes].map(([key, lane]) => {
      const state = { ...current.lanes.get(key)?.state, ...lane.state }
      return [key, Object.keys(state).length > 0 ? { ...lane, state } : lane]
    }),
  )
}
