import { defineColumns, type TableDefinition } from '@assay/pipeline'
import { DLQ_TABLE, RULE_SETS_TABLE } from './silver-tables.js'

/** Dead letters past their time in the queue; the same columns, and when they came here. */
export const DLQ_ARCHIVE_TABLE: TableDefinition = {
  ...DLQ_TABLE,
  name: 'silver_dlq_trades_archive',
  columns: defineColumns([
    ...DLQ_TABLE.columns.map(({ name, type }) => [name, type] as const),
    ['archived_at', 'timestamptz'],
  ]),
}

/**
 * What became of dead letters. `replayed`: its row is in silver, for good. `purged`: given up. `reopened`: a purge
 * taken back. `archived`: it moved to the archive, which leaves it as open or closed as it was.
 */
export type Resolution = 'replayed' | 'purged' | 'reopened' | 'archived'

export const RESOLUTIONS_TABLE: TableDefinition = {
  name: 'silver_dlq_resolutions',
  columns: defineColumns([
    ['topic', 'string'],
    ['partition', 'int'],
    ['kafka_offset', 'long'],
    ['resolution', 'string'],
    ['replay_id', 'string'],
    ['note', 'string'],
    ['resolved_at', 'timestamptz'],
  ]),
  partitionBy: [],
  orderBy: ['topic', 'partition', 'kafka_offset'],
  coordinates: { topic: 'topic', partition: 'partition', offset: 'kafka_offset' },
}

/**
 * Every replay that was run: one row when it ends; one that takes several commits has another, without
 * `finished_at` and counts, from its first.
 */
export const REPLAYS_TABLE: TableDefinition = {
  name: 'replays',
  columns: defineColumns([
    ['replay_id', 'string'],
    ['started_at', 'timestamptz'],
    ['finished_at', 'timestamptz'],
    ['filter', 'string'],
    ['rule_version', 'string'],
    ['selected', 'long'],
    ['passed', 'long'],
    ['still_failing', 'long'],
    ['dry_run', 'boolean'],
    ['fix', 'string'],
  ]),
  partitionBy: [],
  orderBy: ['replay_id', 'started_at'],
}

/** All that commits to a silver table publish: whoever commits there must be able to publish what others left. */
export const SILVER_SIDES: readonly TableDefinition[] = [DLQ_TABLE, RULE_SETS_TABLE, RESOLUTIONS_TABLE, REPLAYS_TABLE]
