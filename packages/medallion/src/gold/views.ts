import { quoteIdentifier, quoteText } from '@assay/engine'
import type { Exchange } from '@assay/exchanges'
import { type ColumnSpec, columnSpecs } from '@assay/pipeline'
import { bronzeTable } from '../bronze/bronze-table.js'
import type { View } from '../layer.js'
import { enrichedView } from '../reference/enriched-view.js'
import { EVENT_TIME, eventTime, tradesSql } from '../silver/rows/trades-view.js'
import { silverTable } from '../silver/silver-tables.js'
import { TRADE_GAPS_TABLE } from './gaps/trade-gaps-table.js'
import { GOLD_TABLE } from './gold-tables.js'

export function goldViews(exchanges: readonly Exchange[]): View[] {
  return [
    {
      name: 'gold_trades',
      means: 'A trade of gold, with its time as a timestamp.',
      columns: [EVENT_TIME, ...columnSpecs(GOLD_TABLE)],
      select: tradesSql([GOLD_TABLE.name]),
      reads: [GOLD_TABLE.name],
    },
    enrichedView(GOLD_TABLE),
    {
      name: 'gold_trade_gaps',
      means: "A gap in an exchange's trade numbers, once.",
      columns: TRADE_GAPS,
      select: tradeGaps(),
      reads: [TRADE_GAPS_TABLE.name],
    },
    {
      name: 'lineage',
      means: 'A trade of gold with the row of silver and the bytes of bronze that it comes from.',
      columns: lineageColumns(exchanges),
      select: lineage(exchanges),
      reads: [GOLD_TABLE.name, ...exchanges.flatMap(({ name }) => [silverTable(name).name, bronzeTable(name).name])],
    },
  ]
}

const TRADE_GAPS: readonly ColumnSpec[] = [
  ...columnSpecs(TRADE_GAPS_TABLE, ['exchange', 'symbol', 'from_id', 'to_id', 'after_time', 'before_time']),
  ['found_at', 'timestamptz', 'When gold found the gap.'],
  ['closed_at', 'timestamptz', 'When a trade of it arrived.', { nullWhen: 'the gap is open' }],
]

function lineageColumns(exchanges: readonly Exchange[]): ColumnSpec[] {
  const [name = ''] = exchanges.map((exchange) => exchange.name)
  return [
    ...columnSpecs(GOLD_TABLE, ['exchange', 'symbol', 'trade_id', 'message_id', 'timestamp']),
    EVENT_TIME,
    ...columnSpecs(GOLD_TABLE, ['price', 'quantity', 'side']),
    ...columnSpecs(GOLD_TABLE, ['topic', 'partition', 'offset', 'kafka_timestamp', 'gold_ingestion_timestamp']),
    ['silver_table', 'string', 'The silver table that has the row.'],
    ...columnSpecs(silverTable(name), [
      'validation_timestamp',
      'bronze_ingestion_timestamp',
      'schema_id',
      'rule_version',
    ]),
    ['bronze_table', 'string', 'The bronze table that has the record.'],
    ...columnSpecs(bronzeTable(name), ['key', 'raw_bytes']),
  ]
}

/** Each gap in an exchange's trade numbers once, with when it was closed; null while it is open. */
function tradeGaps(): string {
  const changes = quoteIdentifier(TRADE_GAPS_TABLE.name)
  return `SELECT exchange, symbol, from_id, to_id, o.after_time, o.before_time, o.found_at, c.found_at AS closed_at
    FROM (SELECT * FROM ${changes} WHERE change = 'opened') o
    LEFT JOIN (SELECT * FROM ${changes} WHERE change = 'closed') c USING (exchange, symbol, from_id, to_id)`
}

/** Each gold row with the silver row and the bytes that it came from, by coordinates (A5). */
function lineage(exchanges: readonly Exchange[]): string {
  const silver = exchanges.map(
    ({ name }) => `SELECT ${quoteText(silverTable(name).name)} AS silver_table, topic, "partition", "offset",
      validation_timestamp, bronze_ingestion_timestamp, schema_id, rule_version FROM ${quoteIdentifier(silverTable(name).name)}`,
  )
  const bronze = exchanges.map(
    ({ name }) => `SELECT ${quoteText(bronzeTable(name).name)} AS bronze_table, topic, "partition", "offset",
      "key", raw_bytes FROM ${quoteIdentifier(bronzeTable(name).name)}`,
  )
  return `SELECT g.exchange, g.symbol, g.trade_id, g.message_id, g."timestamp", ${eventTime('g.')}, g.price, g.quantity, g.side,
      topic, "partition", "offset", g.kafka_timestamp, g.gold_ingestion_timestamp,
      s.silver_table, s.validation_timestamp, s.bronze_ingestion_timestamp, s.schema_id, s.rule_version,
      b.bronze_table, b."key", b.raw_bytes
    FROM ${quoteIdentifier(GOLD_TABLE.name)} g
    LEFT JOIN (${silver.join(' UNION ALL ')}) s USING (topic, "partition", "offset")
    LEFT JOIN (${bronze.join(' UNION ALL ')}) b USING (topic, "partition", "offset")`
}
