import type { ColumnDefinition, TableDefinition } from '@assay/pipeline'

/** Times of processing by column name: what a rebuild may change. */
const TIMES = new Set([
  'ingestion_timestamp',
  'validation_timestamp',
  'bronze_ingestion_timestamp',
  'error_timestamp',
  'gold_ingestion_timestamp',
  'found_at',
  'accepted_at',
  'archived_at',
  'resolved_at',
  'started_at',
  'finished_at',
])

/**
 * The columns that a row has whenever it is derived. Silver's and gold's `ingestion_timestamp` is the exchange's own.
 */
export function derivedColumns({ columns }: TableDefinition): ColumnDefinition[] {
  return columns.filter(({ name, type }) => type !== 'timestamptz' || !TIMES.has(name))
}
