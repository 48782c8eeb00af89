import { defineColumns, type TableDefinition } from '@assay/pipeline'

/** The log's records, byte for byte, one table an exchange. */
export function bronzeTable(exchange: string): TableDefinition {
  return {
    name: `bronze_${exchange}_trades`,
    columns: defineColumns([
      ['raw_bytes', 'binary'],
      ['topic', 'string'],
      ['partition', 'int'],
      ['offset', 'long'],
      ['kafka_timestamp', 'timestamptz'],
      ['ingestion_timestamp', 'timestamptz'],
      ['ingestion_date', 'date'],
      ['key', 'binary'],
      ['headers', 'binary'],
    ]),
    partitionBy: ['ingestion_date'],
    orderBy: ['topic', 'partition', 'offset'],
    coordinates: { topic: 'topic', partition: 'partition', offset: 'offset' },
  }
}
