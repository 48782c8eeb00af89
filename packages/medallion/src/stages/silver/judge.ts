import type { NamedColumn } from '@assay/core'
import type { Exchange } from '@assay/exchanges'
import { reasonSql, typeSql } from '../../rules/judge-sql.js'
import type { RuleSet } from '../../rules/rule-set.js'
import type { LaneRange } from '../../source/lane-plan.js'
import { quote } from '../../sql/literals.js'
import type { DecodedRows } from './decode.js'
import { type LaneNumber, messageIds } from './message-id.js'
import type { BronzeRows } from './rows.js'

/** Temporary tables of a batch, one row a bronze row. */
export const INPUT = 'silver_input'
export const JUDGED = 'silver_judged'

/** The engine's columns of a batch: coordinates, frame, and what the exchange decoded. */
export function inputColumns(
  rows: BronzeRows,
  decoded: DecodedRows,
  ranges: readonly LaneRange[],
  laneNumbers: readonly LaneNumber[],
  exchange: Exchange,
): NamedColumn[] {
  const rowNumbers = Int32Array.from({ length: rows.count }, (_, i) => i)
  const partitions = rows.ranks.map((rank) => (ranges[rank] as LaneRange).lane.partition)
  return [
    { name: 'rn', column: { type: 'INTEGER', data: rowNumbers } },
    { name: 'lane_rank', column: { type: 'INTEGER', data: rows.ranks } },
    {
      name: 'topic',
      column: { type: 'DICTIONARY', codes: rows.ranks, dictionary: ranges.map((range) => range.lane.topic) },
    },
    { name: 'partition', column: { type: 'INTEGER', data: partitions } },
    { name: 'offset', column: { type: 'BIGINT', data: rows.offsets } },
    { name: 'kafka_us', column: { type: 'BIGINT', data: rows.kafka_us, nulls: rows.kafkaNulls } },
    { name: 'bronze_ingestion_timestamp', column: { type: 'TIMESTAMPTZ', data: rows.bronze_us } },
    { name: 'message_id', column: { type: 'UUID', data: messageIds(laneNumbers, rows.ranks, rows.offsets) } },
    { name: 'frame_status', column: { type: 'UTINYINT', data: decoded.frames } },
    { name: 'schema_id', column: { type: 'INTEGER', data: decoded.schemaIds, nulls: decoded.schemaIdNulls } },
    { name: 'value_bytes', column: { type: 'INTEGER', data: decoded.valueBytes } },
    ...exchange.columns(decoded.columns, decoded.valid),
  ]
}

/**
 * SQL that judges the input: silver's columns, the reason of a rejected row, the partition that the row
 * goes to, and for a valid one the greatest event time of valid rows seen earlier in its lane.
 */
export function judgeSql(
  exchange: Exchange,
  rules: RuleSet,
  ranges: readonly LaneRange[],
  greatest: readonly (bigint | undefined)[],
): string {
  const { silver } = exchange
  const lanes = ranges.map((_, rank) => `(${rank}::INTEGER, ${greatest[rank] ?? 'NULL'}::BIGINT)`)
  return `CREATE OR REPLACE TEMP TABLE ${JUDGED} AS
    WITH mapped AS (
      SELECT rn, lane_rank, topic, "partition", "offset", kafka_us, bronze_ingestion_timestamp, message_id, frame_status,
        schema_id, value_bytes, symbol, currency, price, price_status, price_text, quantity, quantity_status,
        quantity_text, event_time_us, event_time_status, event_time_text,
        ${quote(silver.exchange)} AS exchange, ${quote(silver.asset_class)} AS asset_class,
        ${silver.trade_id} AS trade_id, ${silver.side} AS side, ${silver.trade_conditions} AS trade_conditions,
        ${silver.source_sequence} AS source_sequence, ${silver.ingestion_timestamp} AS ingestion_timestamp,
        ${silver.vendor_data} AS vendor_data
      FROM ${INPUT}
    ), judged AS (
      SELECT *, ${reasonSql(rules)} AS error_reason FROM mapped
    )
    SELECT j.*, ${typeSql(rules, 'j.error_reason')} AS error_type,
      greatest(l.greatest_us, max(CASE WHEN j.error_reason IS NULL THEN j.event_time_us END)
        OVER (PARTITION BY j.lane_rank ORDER BY j.rn ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)) AS seen_us,
      CASE WHEN j.error_reason IS NULL THEN j.event_time_us // 86400000000 END::INTEGER AS trade_day,
      CASE WHEN j.error_reason IS NOT NULL THEN coalesce(j.kafka_us, 0) // 86400000000 END::INTEGER AS dlq_day
    FROM judged j JOIN (VALUES ${lanes.join(', ')}) l(lane_rank, greatest_us) ON l.lane_rank = j.lane_rank`
}

/** SQL of the first row that would open a partition beyond the limit; no row when there is none. */
export function cutSql(maxPartitions: number): string {
  return `SELECT min(rn) AS first FROM ${JUDGED} GROUP BY trade_day, dlq_day, CASE WHEN dlq_day IS NOT NULL THEN error_type END
    ORDER BY first OFFSET ${maxPartitions} LIMIT 1`
}
