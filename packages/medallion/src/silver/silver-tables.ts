import { type ColumnType, defineColumns, type TableDefinition } from '@assay/pipeline'

/** The trade itself: the columns that silver and gold share, in K2's order. */
export const TRADE_COLUMNS: readonly (readonly [name: string, type: ColumnType])[] = [
  ['message_id', 'uuid'],
  ['trade_id', 'string'],
  ['symbol', 'string'],
  ['exchange', 'string'],
  ['asset_class', 'string'],
  ['timestamp', 'long'],
  ['price', 'decimal(28, 10)'],
  ['quantity', 'decimal(28, 10)'],
  ['currency', 'string'],
  ['side', 'string'],
  ['trade_conditions', 'list<string>'],
  ['source_sequence', 'long'],
  ['ingestion_timestamp', 'long'],
  ['platform_sequence', 'long'],
  ['vendor_data', 'string'],
]

/** Valid, typed trades, one table an exchange. */
export function silverTable(exchange: string): TableDefinition {
  return {
    name: `silver_${exchange}_trades`,
    columns: defineColumns([
      ...TRADE_COLUMNS,
      ['validation_timestamp', 'timestamptz'],
      ['bronze_ingestion_timestamp', 'timestamptz'],
      ['schema_id', 'int'],
      ['trade_date', 'date'],
      ['topic', 'string'],
      ['partition', 'int'],
      ['offset', 'long'],
      ['kafka_timestamp', 'timestamptz'],
      ['is_late', 'boolean'],
      ['lateness_ms', 'long'],
      ['rule_version', 'string'],
      ['replay_id', 'string'],
      ['replay_sequence', 'long'],
    ]),
    partitionBy: ['trade_date'],
    orderBy: ['topic', 'partition', 'offset'],
    coordinates: {
      topic: 'topic',
      partition: 'partition',
      offset: 'offset',
      replay: { id: 'replay_id', sequence: 'replay_sequence' },
    },
  }
}

/** Records that broke a rule, with all that is needed to find and retry them. */
export const DLQ_TABLE: TableDefinition = {
  name: 'silver_dlq_trades',
  columns: defineColumns([
    ['raw_record', 'binary'],
    ['error_reason', 'string'],
    ['error_type', 'string'],
    ['error_timestamp', 'timestamptz'],
    ['bronze_source', 'string'],
    ['kafka_offset', 'long'],
    ['schema_id', 'int'],
    ['dlq_date', 'date'],
    ['topic', 'string'],
    ['partition', 'int'],
    ['kafka_timestamp', 'timestamptz'],
    ['error_detail', 'string'],
    ['rule_version', 'string'],
  ]),
  partitionBy: ['dlq_date', 'bronze_source', 'error_type'],
  orderBy: ['topic', 'partition', 'kafka_offset'],
  coordinates: { topic: 'topic', partition: 'partition', offset: 'kafka_offset' },
}

/** Which rule set judged which positions of which table. */
export const RULE_SETS_TABLE: TableDefinition = {
  name: 'rule_sets',
  columns: defineColumns([
    ['table_name', 'string'],
    ['topic', 'string'],
    ['partition', 'int'],
    ['from_offset', 'long'],
    ['rule_version', 'string'],
    ['rules', 'string'],
  ]),
  partitionBy: [],
  orderBy: ['table_name', 'topic', 'partition', 'from_offset'],
}
