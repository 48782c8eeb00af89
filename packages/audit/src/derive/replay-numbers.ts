import type { TemporaryTable } from '@assay/engine'
import type { FileFilter } from '@assay/pipeline'

const COORDINATES = 'topic, "partition", "offset"'

/** Files of silver or gold that hold a replayed row. */
export const WITH_REPLAYS: FileFilter = { keep: (bounds) => bounds.hasValues('replay_id') }

/** SQL of the replayed ones of some rows. */
export function replayedSql(rows: string): string {
  return `SELECT * FROM (${rows}) WHERE replay_id IS NOT NULL`
}

/**
 * SQL of the rows, without `replay_sequence` where the replayed row of gold in the table lacks it: versions before
 * 0.2.0 wrote none, and gold's rows are never written again.
 */
export function numberedAs({ name }: TemporaryTable, rows: string): string {
  return `SELECT * REPLACE (CASE WHEN (${COORDINATES}) IN (
      SELECT (${COORDINATES}) FROM ${name} WHERE replay_sequence IS NULL
    ) THEN NULL ELSE replay_sequence END AS replay_sequence) FROM (${rows})`
}
