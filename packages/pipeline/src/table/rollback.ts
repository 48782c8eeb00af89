import { AssayError, type LaneKey, parseLaneKey } from '@assay/core'
import type { Session } from '@assay/engine'
import { ancestry, type TableMetadata } from '@assay/iceberg'
import type { Checkpoint, LaneCheckpoint } from '../checkpoint/checkpoint.js'
import type { TableDefinition } from './definition.js'
import type { FileFilter, PinnedTable, UpstreamTable } from './lake-table.js'
import { isReplayLane, laneSql } from './replay-lane.js'
import { scanSql } from './scan.js'

const GREATEST = 2n ** 63n - 1n

/** What the table's history says of the snapshot that the checkpoint was committed with. */
export function rollbackState(metadata: TableMetadata, checkpoint: Checkpoint): 'present' | 'rolled_back' | 'unknown' {
  const { snapshot } = checkpoint
  if (!snapshot) return 'present'
  const found = ancestry(metadata, {
    snapshotId: snapshot.id,
    sequenceNumber: snapshot.sequence,
  })
  return found === 'same' || found === 'ancestor' ? 'present' : found
}

/**
 * The table's newest state, or the one given, with a checkpoint that may be worked on. Throws `table_rolled_back` when the rows that
 * the checkpoint speaks of are no longer there (T9).
 */
export async function pinTrusted(table: UpstreamTable, session: Session, given?: PinnedTable): Promise<PinnedTable> {
  const pinned = given ?? (await table.pin())
  const state = rollbackState(pinned.version.metadata, pinned.checkpoint)
  if (state === 'present') return pinned
  const lost = state === 'unknown' ? await laneWithLostRows(table, pinned, session) : undefined
  if (state === 'unknown' && lost === undefined) return pinned
  throw rolledBack(table, lost)
}

function rolledBack(table: UpstreamTable, lane: LaneKey | undefined): AssayError {
  const { name } = table.definition
  const where = lane ? ` (rows of ${lane} are missing)` : ''
  return new AssayError('table_rolled_back', `${name} was rolled back behind its checkpoint${where}`, {
    hint: `roll ${name} forward to its newest snapshot again; or, to keep the rollback, restore property assay.checkpoint to the value that the current snapshot was committed with`,
  })
}

/** History was cut by an expiry: then each lane's greatest offset must still be what was written. */
async function laneWithLostRows(
  table: UpstreamTable,
  pinned: PinnedTable,
  session: Session,
): Promise<LaneKey | undefined> {
  const { coordinates } = table.definition
  if (!coordinates) return undefined
  const expected = [...pinned.checkpoint.lanes].filter(
    ([key, lane]) => lane.written !== undefined && (coordinates.replay?.sequence || !isReplayLane(parseLaneKey(key))),
  )
  if (expected.length === 0) return undefined
  const lane = laneSql(table.definition)
  const rows = await session.rows(
    `SELECT ${lane.key} AS lane, max(${lane.offset}) AS greatest
     FROM (${scanSql(table.definition, await table.files(pinned, mayHoldLast(expected, coordinates)))}) GROUP BY 1`,
  )
  const greatest = new Map(rows.map((row) => [String(row.lane), row.greatest as bigint]))
  return expected.find(([key, lane]) => (greatest.get(key) ?? -1n) < (lane.written as bigint))?.[0]
}

/** Files that lie before the last rows of every lane are not opened; replays go by another column. */
function mayHoldLast(
  expected: readonly (readonly [LaneKey, LaneCheckpoint])[],
  { offset }: NonNullable<TableDefinition['coordinates']>,
): FileFilter {
  if (expected.some(([key]) => isReplayLane(parseLaneKey(key)))) return {}
  const least = expected.reduce((low, [, { written = 0n }]) => (written < low ? written : low), GREATEST)
  return { keep: (bounds) => bounds.meets(offset, least, GREATEST) }
}
