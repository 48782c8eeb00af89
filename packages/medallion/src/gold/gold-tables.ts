import { type ColumnSpec, defineColumns, REPLAY_PREFIX, type TableDefinition } from '@assay/pipeline'
import { KAFKA_TIMESTAMP, OFFSET, PARTITION, TOPIC } from '../coordinates.js'
import { IS_LATE, LATENESS_MS, ORIGINS, REPLAY_ID, REPLAY_SEQUENCE, TRADE_COLUMNS } from '../silver/silver-tables.js'
import { GOLD_STATE } from './key-set-state.js'

/** Each silver table's replays are a lane of their own, which the exchange's name tells. */
const GOLD_REPLAYS = {
  id: 'replay_id',
  sequence: 'replay_sequence',
  topic: `'${REPLAY_PREFIX}silver_' || lower(exchange) || '_trades'`,
}

/** A column of silver that gold has had since version 0.2.0. */
function laterColumn([name, type, means, facts]: ColumnSpec): ColumnSpec {
  return [name, type, means, { ...facts, since: '0.2.0' }]
}

/** Every distinct trade of every exchange, once. */
export const GOLD_TABLE: TableDefinition = {
  name: 'gold_crypto_trades',
  means: 'A trade, once, of any exchange: unique by exchange, symbol, currency and trade id.',
  columns: defineColumns([
    ...TRADE_COLUMNS,
    ['gold_ingestion_timestamp', 'timestamptz', 'When gold wrote the row.'],
    ['exchange_date', 'date', 'Day of `timestamp`, in UTC.'],
    ['exchange_hour', 'int', 'Hour of `timestamp`, in UTC, 0 to 23.'],
    TOPIC,
    PARTITION,
    OFFSET,
    KAFKA_TIMESTAMP,
    IS_LATE,
    REPLAY_ID,
    laterColumn(REPLAY_SEQUENCE),
    laterColumn(LATENESS_MS),
    ...ORIGINS,
  ]),
  partitionBy: ['exchange_date', 'exchange_hour'],
  orderBy: ['topic', 'partition', 'offset'],
  state: GOLD_STATE,
  coordinates: { topic: 'topic', partition: 'partition', offset: 'offset', replay: GOLD_REPLAYS },
}

/** Silver rows that gold already had, each naming the row that was kept. */
export const DUPLICATES_TABLE: TableDefinition = {
  name: 'gold_duplicates',
  means: 'A row of silver whose trade gold had already, and the row that was kept.',
  columns: defineColumns([
    ['exchange', 'string', 'The exchange in capitals.'],
    ['symbol', 'string', 'The pair as one name.'],
    ['trade_id', 'string', 'The trade, as in gold.'],
    TOPIC,
    PARTITION,
    OFFSET,
    KAFKA_TIMESTAMP,
    ['exchange_date', 'date', 'Day of its `timestamp`, in UTC.'],
    ['kept_topic', 'string', 'Topic of the row that gold kept.'],
    ['kept_partition', 'int', 'Its partition.'],
    ['kept_offset', 'long', 'Its offset.'],
    ['is_conflict', 'boolean', 'True when the two differ in time, price, quantity or side.'],
  ]),
  partitionBy: ['exchange_date'],
  orderBy: ['topic', 'partition', 'offset'],
  coordinates: { topic: 'topic', partition: 'partition', offset: 'offset' },
}
