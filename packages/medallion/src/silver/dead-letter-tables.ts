import { columnSpecs, defineColumns, type TableDefinition } from '@assay/pipeline'
import { PARTITION, TOPIC } from '../coordinates.js'
import { DLQ_TABLE, RULE_SETS_TABLE } from './silver-tables.js'

/** Dead letters past their time in the queue; the same columns, and when they came here. */
export const DLQ_ARCHIVE_TABLE: TableDefinition = {
  ...DLQ_TABLE,
  name: 'silver_dlq_trades_archive',
  means: 'A dead letter past its time in the queue.',
  columns: defineColumns([...columnSpecs(DLQ_TABLE), ['archived_at', 'timestamptz', 'When it came here.']]),
}

/**
 * What became of dead letters. `replayed`: its row is in silver, for good. `purged`: given up. `reopened`: a purge
 * taken back. `archived`: it moved to the archive, which leaves it as open or closed as it was.
 */
export type Resolution = 'replayed' | 'purged' | 'reopened' | 'archived'

const NOT_ENDED = 'the row is of its first commit'

export const RESOLUTIONS_TABLE: TableDefinition = {
  name: 'silver_dlq_resolutions',
  means: 'What became of a dead letter; the newest row of one says whether it is open.',
  columns: defineColumns([
    TOPIC,
    PARTITION,
    ['kafka_offset', 'long', 'Its offset in the partition.'],
    [
      'resolution',
      'string',
      '`replayed`: its row is in silver, for good. `purged`: given up. `reopened`: a purge taken back. `archived`: it moved to the archive, as open or closed as it was.',
    ],
    ['replay_id', 'string', 'The replay that brought it into silver.', { nullWhen: 'it was not replayed' }],
    ['note', 'string', "The operator's word.", { nullWhen: 'none was given' }],
    ['resolved_at', 'timestamptz', 'When that was.'],
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
  means: 'A replay that ended; one that took several commits has a second row, from its first.',
  columns: defineColumns([
    ['replay_id', 'string', 'A UUID.'],
    ['started_at', 'timestamptz', 'When it began.'],
    ['finished_at', 'timestamptz', 'When it ended.', { nullWhen: NOT_ENDED }],
    ['filter', 'string', 'What it was asked to take, as JSON: tables, days, types, times.'],
    ['rule_version', 'string', 'The rule set that it judged by; `rule_sets` has it whole.'],
    ['selected', 'long', 'Dead letters that it judged.', { nullWhen: NOT_ENDED }],
    ['passed', 'long', 'Of those, how many came into silver.', { nullWhen: NOT_ENDED }],
    ['still_failing', 'long', 'Of those, how many stay dead letters.', { nullWhen: NOT_ENDED }],
    ['dry_run', 'boolean', 'False: dry runs write nothing.'],
    ['fix', 'string', 'The corrections as they were applied, as JSON.', { nullWhen: 'there were none' }],
  ]),
  partitionBy: [],
  orderBy: ['replay_id', 'started_at'],
}

/** All that commits to a silver table publish: whoever commits there must be able to publish what others left. */
export const SILVER_SIDES: readonly TableDefinition[] = [DLQ_TABLE, RULE_SETS_TABLE, RESOLUTIONS_TABLE, REPLAYS_TABLE]
