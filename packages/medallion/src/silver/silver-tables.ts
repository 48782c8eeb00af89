import { type ColumnSpec, defineColumns, type TableDefinition } from '@assay/pipeline'
import { KAFKA_TIMESTAMP, OFFSET, PARTITION, TOPIC } from '../coordinates.js'

/** The trade itself: the columns that silver and gold share, in K2's order. */
export const TRADE_COLUMNS: readonly ColumnSpec[] = [
  [
    'message_id',
    'uuid',
    "The record's coordinates as a UUID of version 8: number of the topic, partition, offset. Unique, and the same for good.",
  ],
  [
    'trade_id',
    'string',
    'The trade, uniquely with exchange, symbol and currency: `BINANCE-` and its number; `KRAKEN-`, symbol and number; `KRAKEN-`, time and a digest for a Kraken trade without a number.',
  ],
  ['symbol', 'string', 'The pair as one name with the usual names of currencies: `BTCUSDT`.'],
  ['exchange', 'string', 'The exchange in capitals: `BINANCE`, `KRAKEN`.'],
  ['asset_class', 'string', '`crypto`.'],
  ['timestamp', 'long', 'When the exchange says that it traded.', { unit: 'µs since 1970, UTC' }],
  ['price', 'decimal(28, 10)', 'Price of one unit of the base, exact; more than 0.', { unit: 'the currency' }],
  ['quantity', 'decimal(28, 10)', 'How much was traded, exact; more than 0.', { unit: 'the base of the pair' }],
  ['currency', 'string', 'What the price is in: the quote of the pair, `USDT`.'],
  ['side', 'string', 'What the taker did: `BUY` or `SELL`.'],
  ['trade_conditions', 'list<string>', 'Kraken: `limit` or `market`, the type of the order; else empty.'],
  [
    'source_sequence',
    'long',
    "The exchange's own number of the trade.",
    { nullWhen: 'the exchange gave none (Kraken v1)' },
  ],
  ['ingestion_timestamp', 'long', 'When the feed took it, as the producer says.', { unit: 'µs since 1970, UTC' }],
  ['platform_sequence', 'long', 'Its offset in the log, the same as `offset`.'],
  [
    'vendor_data',
    'string',
    "A JSON object of what only this exchange tells, and of fields that only the writer's schema has.",
  ],
]

/** What silver and gold say of the row beside the trade. */
export const IS_LATE: ColumnSpec = [
  'is_late',
  'boolean',
  'True when it came more than a minute behind the greatest time seen before it in its partition (the rule set may say otherwise).',
  { nullWhen: 'the row comes from a replay' },
]
export const REPLAY_ID: ColumnSpec = [
  'replay_id',
  'string',
  'The replay that brought the row; `replays` tells of it.',
  { nullWhen: 'the row was not replayed' },
]

export const REPLAY_SEQUENCE: ColumnSpec = [
  'replay_sequence',
  'long',
  "The row's number among all replayed rows of its silver table.",
  { nullWhen: 'the row was not replayed' },
]

export const LATENESS_MS: ColumnSpec = [
  'lateness_ms',
  'long',
  'How far `timestamp` lies behind the greatest one seen before it in its partition; 0 for one that is ahead.',
  { unit: 'ms', nullWhen: 'the row comes from a replay' },
]

/** How the row came to be there; both columns came with version 0.2.0. */
export const ORIGINS: readonly ColumnSpec[] = [
  [
    'origin',
    'string',
    'How it came: `feed`, `load` (`assay load`, which the headers of the record say) or `replay`.',
    { since: '0.2.0' },
  ],
  [
    'origin_id',
    'string',
    'The load, as `assay load --json` names it, or the replay.',
    { nullWhen: 'it came by a feed', since: '0.2.0' },
  ],
]

/** Valid, typed trades, one table an exchange. */
export function silverTable(exchange: string): TableDefinition {
  return {
    name: `silver_${exchange}_trades`,
    means: 'A record of bronze that passed every rule, decoded and typed. Copies of a trade are all here.',
    columns: defineColumns([
      ...TRADE_COLUMNS,
      ['validation_timestamp', 'timestamptz', 'When silver wrote the row.'],
      ['bronze_ingestion_timestamp', 'timestamptz', 'When bronze had written its record.'],
      ['schema_id', 'int', 'Id of the schema that the record was written by.'],
      ['trade_date', 'date', 'Day of `timestamp`, in UTC.'],
      TOPIC,
      PARTITION,
      OFFSET,
      KAFKA_TIMESTAMP,
      IS_LATE,
      LATENESS_MS,
      ['rule_version', 'string', 'The rule set that judged it; `rule_sets` has it whole.'],
      REPLAY_ID,
      REPLAY_SEQUENCE,
      ...ORIGINS,
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
  means: 'A dead letter: a record of bronze that broke a rule, with all that is needed to find and replay it.',
  columns: defineColumns([
    ['raw_record', 'binary', "The record's value, its frame included.", { nullWhen: 'the record has no value' }],
    ['error_reason', 'string', 'Reason of the first rule that it broke; [producers.md](producers.md) lists them.'],
    ['error_type', 'string', 'What kind of thing the rule is about, as `price_validation`.'],
    ['error_timestamp', 'timestamptz', 'When silver rejected it.'],
    ['bronze_source', 'string', 'The bronze table that has it.'],
    ['kafka_offset', 'long', 'Its offset in the partition.'],
    ['schema_id', 'int', 'Id of its schema, as its frame says.', { nullWhen: 'it has no such frame' }],
    ['dlq_date', 'date', 'Day of `kafka_timestamp`, in UTC; 1970-01-01 where that is null.'],
    TOPIC,
    PARTITION,
    KAFKA_TIMESTAMP,
    ['error_detail', 'string', 'The reason with what was found: the value, the field, or the byte.'],
    ['rule_version', 'string', 'The rule set that judged it; `rule_sets` has it whole.'],
  ]),
  partitionBy: ['dlq_date', 'bronze_source', 'error_type'],
  orderBy: ['topic', 'partition', 'kafka_offset'],
  coordinates: { topic: 'topic', partition: 'partition', offset: 'kafka_offset' },
}

/** Which rule set judged which positions of which table. */
export const RULE_SETS_TABLE: TableDefinition = {
  name: 'rule_sets',
  means: 'From an offset on, a rule set judged the records of a partition, until the next row of the same partition.',
  columns: defineColumns([
    ['table_name', 'string', 'The silver table whose rows it judged.'],
    ['topic', 'string', 'Topic of the lane; `~replay.` and the table where it judged replays.'],
    ['partition', 'int', 'Its partition.'],
    ['from_offset', 'long', 'First offset that it judged.'],
    ['rule_version', 'string', 'Version of the rule set, made of its content.'],
    ['rules', 'string', 'The rule set whole, as JSON: rules, currencies, pairs, how records are decoded.'],
  ]),
  partitionBy: [],
  orderBy: ['table_name', 'topic', 'partition', 'from_offset'],
}
