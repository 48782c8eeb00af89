import { AssayError, type LaneKey } from '@assay/core'
import { ancestors, type Snapshot } from '@assay/iceberg'
import { z } from 'zod'
import type { Checkpoint, LaneCheckpoint } from '../checkpoint/checkpoint.js'
import { LANES_SUMMARY } from '../checkpoint/checkpoint.js'
import type { TableDefinition } from '../table/definition.js'
import type { PinnedTable } from '../table/lake-table.js'

/**
 * The checkpoint with only those sequences that upstream's history bears out: the newest snapshot at or below it that
 * moved the lane left it no further than we have read. Others become 0, which plans by positions alone: more files
 * are looked at and none is skipped. Throws `lane_ahead_of_upstream` for a sequence that upstream has not reached.
 */
export function withTrustedSequences(upstream: TableDefinition, pinned: PinnedTable, own: Checkpoint): Checkpoint {
  const lanes = new Map(own.lanes)
  const history = new LaneHistory(pinned)
  for (const [key, theirs] of pinned.checkpoint.lanes) {
    const mine = own.lanes.get(key)
    if (!mine || mine.sequence === 0) continue
    if (mine.sequence > pinned.sequence) throw laneAhead(upstream, key, mine, pinned)
    if (mine.position < theirs.position && !history.bearsOut(key, mine)) lanes.set(key, { ...mine, sequence: 0 })
  }
  return { ...own, lanes }
}

function laneAhead({ name }: TableDefinition, key: LaneKey, mine: LaneCheckpoint, pinned: PinnedTable): AssayError {
  return new AssayError(
    'lane_ahead_of_upstream',
    `lane ${key} was read up to sequence number ${mine.sequence} of ${name}, which has only reached ${pinned.sequence} ` +
      `(${pinned.version.metadataLocation})`,
    {
      hint: `sequence numbers of ${name} were lowered, by a rollback or another engine: nothing is skipped, since the lane stands still; start once with --adopt to go on by positions`,
    },
  )
}

/** Where the snapshots of upstream that can still be seen left each lane, newest first. */
class LaneHistory {
  readonly #snapshots: readonly Snapshot[]

  constructor({ version }: PinnedTable) {
    this.#snapshots = [...ancestors(version.metadata)]
  }

  bearsOut(key: LaneKey, { position, sequence }: LaneCheckpoint): boolean {
    for (const snapshot of this.#snapshots) {
      if (snapshot.sequenceNumber > sequence) continue
      const left = lanesMoved(snapshot)[key]?.position
      if (left !== undefined) return BigInt(left) <= position
    }
    return false
  }
}

const lanesSchema = z.record(z.string(), z.looseObject({ position: z.string().regex(/^\d{1,19}$/) }))
type LanesMoved = Readonly<Record<string, { readonly position: string }>>

/** Snapshots never change, and are asked again with every plan. */
const parsed = new WeakMap<Snapshot, LanesMoved>()

/** The lanes that a snapshot's batch moved; none for those of other engines. */
export function lanesMoved(snapshot: Snapshot): LanesMoved {
  const known = parsed.get(snapshot)
  if (known) return known
  const moved = parseLanes(snapshot.summary[LANES_SUMMARY])
  parsed.set(snapshot, moved)
  return moved
}

function parseLanes(text: string | undefined): LanesMoved {
  if (text === undefined) return {}
  try {
    return lanesSchema.parse(JSON.parse(text))
  } catch {
    // A summary that another hand wrote bears nothing out.
    return {}
  }
}
