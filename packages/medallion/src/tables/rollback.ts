import { AssayError, type LaneKey } from '@assay/core'
import type { Session } from '@assay/engine'
import { quoteIdentifier } from '@assay/engine'
import { ancestry, type TableMetadata } from '@assay/iceberg'
import type { Checkpoint } from '../checkpoint/checkpoint.js'
import { scanSql } from '../sql/scan.js'
import type { LakeTable, PinnedTable } from './lake-table.js'

/** What the table's history says of the snapshot that the checkpoint was committed with. */
export function checkpointStanding(
  metadata: TableMetadata,
  checkpoint: Checkpoint,
): 'held' | 'rolled_back' | 'unknown' {
  const { snapshot } = checkpoint
  if (!snapshot) return 'held'
  const found = ancestry(metadata, {
    snapshotId: snapshot.id,
    sequenceNumber: snapshot.sequence,
  })
  return found === 'same' || found === 'ancestor' ? 'held' : found
}

/**
 * The table's state with a checkpoint that may be worked on. Throws `table_rolled_back` when the rows that
 * the checkpoint speaks of are no longer there (T9).
 */
export async function pinTrusted(table: LakeTable, session: Session): Promise<PinnedTable> {
  const pinned = await table.pin()
  const standing = checkpointStanding(pinned.version.metadata, pinned.checkpoint)
  if (standing === 'held') return pinned
  const lost = standing === 'unknown' ? await laneWithLostRows(table, pinned, session) : undefined
  if (standing === 'unknown' && lost === undefined) return pinned
  throw rolledBack(table, lost)
}

function rolledBack(table: LakeTable, lane: LaneKey | undefined): AssayError {
  const { name } = table.definition
  const where = lane ? ` (rows of ${lane} are missing)` : ''
  return new AssayError('table_rolled_back', `${name} was rolled back behind its checkpoint${where}`, {
    hint: `roll ${name} forward to its newest snapshot again; or, to keep the rollback, restore property assay.checkpoint to the value that the current snapshot was committed with`,
  })
}

/** History was cut by an expiry: then each lane's greatest offset must still be what was written. */
async function laneWithLostRows(table: LakeTable, pinned: PinnedTable, session: Session): Promise<LaneKey | undefined> {
  const { coordinates } = table.definition
  const expected = [...pinned.checkpoint.lanes].filter(([, lane]) => lane.written !== undefined)
  if (!coordinates || expected.length === 0) return undefined
  const [topic, partition, offset] = [coordinates.topic, coordinates.partition, coordinates.offset].map(quoteIdentifier)
  const rows = await session.rows(
    `SELECT ${topic} || '/' || ${partition} AS lane, max(${offset}) AS greatest
     FROM (${scanSql(table.definition, await table.files(pinned))}) GROUP BY 1`,
  )
  const greatest = new Map(rows.map((row) => [String(row.lane), row.greatest as bigint]))
  return expected.find(([key, lane]) => (greatest.get(key) ?? -1n) < (lane.written as bigint))?.[0]
}
