import { type ColumnSpec, defineColumns, type TableDefinition } from '@assay/pipeline'
import { KAFKA_TIMESTAMP, OFFSET, PARTITION, TOPIC } from '../coordinates.js'

const COLUMNS: readonly ColumnSpec[] = [
  ['raw_bytes', 'binary', "The record's value, its frame included.", { nullWhen: 'the record has no value' }],
  TOPIC,
  PARTITION,
  OFFSET,
  KAFKA_TIMESTAMP,
  ['ingestion_timestamp', 'timestamptz', 'When bronze wrote the row.'],
  ['ingestion_date', 'date', 'Day of `kafka_timestamp`, in UTC; 1970-01-01 where that is null.'],
  ['key', 'binary', "The record's key.", { nullWhen: 'the record has none' }],
  ['headers', 'binary', "The record's headers, as Kafka encodes them.", { nullWhen: 'the record has none' }],
]

/** The log's records, byte for byte, one table an exchange. */
export function bronzeTable(exchange: string): TableDefinition {
  return recordsTable(`bronze_${exchange}_trades`, "A record of the exchange's topic, byte for byte.", COLUMNS)
}

/** What feeds of all exchanges say while no trade comes. */
export const HEARTBEATS_TABLE: TableDefinition = recordsTable(
  'bronze_heartbeats',
  "A record of the topic of the feeds' heartbeats, byte for byte: `key` is the exchange, `kafka_timestamp` the feed's time.",
  COLUMNS.map(([name, type, means, facts]) => [name, type, means, { ...facts, since: '0.2.0' }]),
)

function recordsTable(name: string, means: string, columns: readonly ColumnSpec[]): TableDefinition {
  return {
    name,
    means,
    columns: defineColumns(columns),
    partitionBy: ['ingestion_date'],
    orderBy: ['topic', 'partition', 'offset'],
    coordinates: { topic: 'topic', partition: 'partition', offset: 'offset' },
  }
}
