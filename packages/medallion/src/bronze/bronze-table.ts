import { defineColumns, type TableDefinition } from '@assay/pipeline'
import { KAFKA_TIMESTAMP, OFFSET, PARTITION, TOPIC } from '../coordinates.js'

/** The log's records, byte for byte, one table an exchange. */
export function bronzeTable(exchange: string): TableDefinition {
  return {
    name: `bronze_${exchange}_trades`,
    means: "A record of the exchange's topic, byte for byte.",
    columns: defineColumns([
      ['raw_bytes', 'binary', "The record's value, its frame included.", { nullWhen: 'the record has no value' }],
      TOPIC,
      PARTITION,
      OFFSET,
      KAFKA_TIMESTAMP,
      ['ingestion_timestamp', 'timestamptz', 'When bronze wrote the row.'],
      ['ingestion_date', 'date', 'Day of `kafka_timestamp`, in UTC; 1970-01-01 where that is null.'],
      ['key', 'binary', "The record's key.", { nullWhen: 'the record has none' }],
      ['headers', 'binary', "The record's headers, as Kafka encodes them.", { nullWhen: 'the record has none' }],
    ]),
    partitionBy: ['ingestion_date'],
    orderBy: ['topic', 'partition', 'offset'],
    coordinates: { topic: 'topic', partition: 'partition', offset: 'offset' },
  }
}
