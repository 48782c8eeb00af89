import { quoteIdentifier } from '@assay/engine'
import { GOLD_TABLE } from '../gold/gold-tables.js'
import { averageSql, totalOf } from './exact-sql.js'

/**
 * SQL of the sessions of gold's books, as candles: runs of trades of which each comes less than the gap (µs) after the
 * one before, cut at the UTC day. `days` is a condition on `exchange_date` that leaves whole days out.
 */
export function sessionsSql(gap_us: bigint, days = 'true'): string {
  const first = '(t, source_sequence IS NULL, coalesce(source_sequence, 0), trade_id)'
  const bought = (sql: string, nothing: string): string =>
    `CASE WHEN count(*) FILTER (side = 'BUY') = 0 THEN ${nothing} ELSE ${sql} END`
  const ofBought = (column: string): string => totalOf(column, "side = 'BUY'")
  const book = 'exchange, symbol, currency, exchange_date'
  const trades = `SELECT ${book}, "timestamp" AS t, trade_id, source_sequence, side, price, quantity::DECIMAL(38, 10) AS quantity,
      TRY(price * quantity)::DECIMAL(38, 20) AS product FROM ${quoteIdentifier(GOLD_TABLE.name)} WHERE ${days}`
  const marked = `SELECT *, coalesce(t - lag(t) OVER run >= ${gap_us}, true)::BIGINT AS begins FROM (${trades})
    WINDOW run AS (PARTITION BY ${book} ORDER BY t)`
  const numbered = `SELECT *, sum(begins) OVER (PARTITION BY ${book} ORDER BY t) AS session FROM (${marked})`
  const sessions = `SELECT ${book}, min(t) AS start_us, max(t) AS last_us, arg_min(price, ${first}) AS "open",
      max(price) AS high, min(price) AS low, arg_max(price, ${first}) AS "close", ${totalOf('quantity')} AS volume,
      ${totalOf('product')} AS quote_volume, count(*) AS trades, ${bought(ofBought('quantity'), '0::DECIMAL(38, 10)')} AS buy_volume,
      ${bought(ofBought('product'), '0::DECIMAL(38, 20)')} AS buy_quote_volume,
      count(*) FILTER (side = 'BUY') AS buy_trades, min(source_sequence) AS first_sequence,
      max(source_sequence) AS last_sequence, count(source_sequence) = count(*) AS is_numbered FROM (${numbered}) GROUP BY ${book}, session`
  return `SELECT exchange, symbol, currency, 'session' AS window_size, make_timestamptz(start_us) AS window_start,
      least(make_timestamptz(last_us + ${gap_us}), (exchange_date + 1)::TIMESTAMP AT TIME ZONE 'UTC') AS window_end,
      exchange_date AS window_date, "open", high, low, "close", volume, quote_volume,
      ${averageSql('quote_volume', 'volume')} AS vwap, trades, buy_volume, buy_quote_volume, buy_trades,
      first_sequence, last_sequence, make_timestamptz(start_us) AS open_time, make_timestamptz(last_us) AS close_time,
      CASE WHEN is_numbered THEN TRY_CAST(last_sequence::HUGEINT - first_sequence + 1 - trades AS BIGINT) END AS missing_trades
    FROM (${sessions})`
}
