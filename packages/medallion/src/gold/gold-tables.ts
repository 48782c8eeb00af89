import { defineColumns, type TableDefinition } from '@assay/pipeline'
import { TRADE_COLUMNS } from '../silver/silver-tables.js'
import { GOLD_STATE } from './key-set-state.js'

/** Every distinct trade of every exchange, once. */
export const GOLD_TABLE: TableDefinition = {
  name: 'gold_crypto_trades',
  columns: defineColumns([
    ...TRADE_COLUMNS,
    ['gold_ingestion_timestamp', 'timestamptz'],
    ['exchange_date', 'date'],
    ['exchange_hour', 'int'],
    ['topic', 'string'],
    ['partition', 'int'],
    ['offset', 'long'],
    ['kafka_timestamp', 'timestamptz'],
    ['is_late', 'boolean'],
    ['replay_id', 'string'],
  ]),
  partitionBy: ['exchange_date', 'exchange_hour'],
  orderBy: ['topic', 'partition', 'offset'],
  state: GOLD_STATE,
  coordinates: { topic: 'topic', partition: 'partition', offset: 'offset', replay: { id: 'replay_id' } },
}

/** Silver rows that gold already had, each naming the row that was kept. */
export const DUPLICATES_TABLE: TableDefinition = {
  name: 'gold_duplicates',
  columns: defineColumns([
    ['exchange', 'string'],
    ['symbol', 'string'],
    ['trade_id', 'string'],
    ['topic', 'string'],
    ['partition', 'int'],
    ['offset', 'long'],
    ['kafka_timestamp', 'timestamptz'],
    ['exchange_date', 'date'],
    ['kept_topic', 'string'],
    ['kept_partition', 'int'],
    ['kept_offset', 'long'],
    ['is_conflict', 'boolean'],
  ]),
  partitionBy: ['exchange_date'],
  orderBy: ['topic', 'partition', 'offset'],
  coordinates: { topic: 'topic', partition: 'partition', offset: 'offset' },
}
