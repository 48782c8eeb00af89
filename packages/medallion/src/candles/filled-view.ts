import { CANDLES_TABLE, MINUTE_US } from '@assay/candles'
import { quoteIdentifier } from '@assay/engine'
import { type ColumnSpec, columnSpecs } from '@assay/pipeline'
import { HEARTBEATS_TABLE } from '../bronze/bronze-table.js'
import type { View } from '../layer.js'

/** What minutes are filled after a candle: those of a day, which bounds what a book that nobody trades any more adds. */
const FILLED_US = 1_440n * MINUTE_US
const BOOK = 'exchange, symbol, currency'
const OF_EMPTY = new Set(['exchange', 'symbol', 'currency', 'window_size', 'window_start', 'window_end', 'window_date'])
/** What a minute in which nobody traded has none of: known only where that is proven. */
const SUMS = ['volume', 'quote_volume', 'trades', 'buy_volume', 'buy_quote_volume', 'buy_trades']

/** The minutes of each book from its first candle on, those without a trade, too, with why they have none. */
export function filledView(): View {
  return {
    name: 'gold_candles_filled',
    means:
      'A minute of a book that is closed, as far as candles of the exchange tell: a candle, or, for a day after one at most, a minute without, and why it has none. No price is carried forward.',
    columns: [
      ...columnSpecs(CANDLES_TABLE).map(emptyColumn),
      [
        'fill_reason',
        'string',
        "Why it has no trade. `no_trades`: the numbers of the book's trades before and after it leave none out, so that nobody traded. `not_listening`: the exchange has no heartbeat and no trade in it, so that nothing proves that a feed was there. `gap`: one was, and numbers are missing between these trades. `pending`: there is no later trade yet, or the numbers don't tell.",
        { nullWhen: 'it is a candle' },
      ],
      [
        'missing_around',
        'long',
        "Numbers between the book's trades before and after it; below 0 where they overlap.",
        { nullWhen: 'it is a candle, or one of the two is not there or has no number' },
      ],
    ],
    select: `SELECT *, NULL::VARCHAR AS fill_reason, NULL::BIGINT AS missing_around FROM (${minutesSql()})
      UNION ALL BY NAME ${emptySql()}`,
    reads: [CANDLES_TABLE.name, HEARTBEATS_TABLE.name],
  }
}

function emptyColumn([name, type, means, facts]: ColumnSpec): ColumnSpec {
  if (OF_EMPTY.has(name)) return [name, type, means, facts]
  const filled = SUMS.includes(name)
    ? 'it has no trade, unless `fill_reason` is `no_trades`: then 0'
    : 'it has no trade'
  const nullWhen = facts?.nullWhen === undefined ? filled : `${filled}; ${facts.nullWhen}`
  return [name, type, means, { ...facts, nullWhen }]
}

function minutesSql(): string {
  return `SELECT * FROM ${quoteIdentifier(CANDLES_TABLE.name)} WHERE window_size = '1m'`
}

/** Minutes between two candles of a book, and from its last to where the exchange is closed. */
function emptySql(): string {
  const minute_us = (time: string): string => `(${time} - (${time} % ${MINUTE_US} + ${MINUTE_US}) % ${MINUTE_US})`
  const stretches = `SELECT ${BOOK}, start_us + ${MINUTE_US} AS from_us,
      coalesce(lead(start_us) OVER book, ${minute_us('closed_us')}) AS to_us,
      TRY_CAST(lead(first_sequence) OVER book::HUGEINT - last_sequence - 1 AS BIGINT) AS missing_around
    FROM (SELECT *, epoch_us(window_start) AS start_us FROM (${minutesSql()}))
    JOIN (SELECT exchange, max(epoch_us(watermark)) AS closed_us FROM ${quoteIdentifier(CANDLES_TABLE.name)} GROUP BY exchange)
      USING (exchange)
    WINDOW book AS (PARTITION BY ${BOOK} ORDER BY start_us)`
  const empty = `SELECT ${BOOK}, missing_around,
      unnest(range(from_us, least(to_us, from_us + ${FILLED_US}), ${MINUTE_US})) AS start_us FROM (${stretches})`
  const traded = `SELECT DISTINCT exchange, epoch_us(window_start) AS start_us, true AS has_trade FROM (${minutesSql()})`
  const heard = `SELECT DISTINCT "key", ${minute_us('epoch_us(kafka_timestamp)')} AS start_us, true AS has_heartbeat
    FROM ${quoteIdentifier(HEARTBEATS_TABLE.name)}`
  const reason = `CASE WHEN missing_around = 0 THEN 'no_trades' WHEN has_trade IS NULL AND has_heartbeat IS NULL THEN 'not_listening'
      WHEN missing_around > 0 THEN 'gap' ELSE 'pending' END`
  const judged = `SELECT e.*, ${reason} AS fill_reason FROM (${empty}) e
    LEFT JOIN (${traded}) t ON t.exchange = e.exchange AND t.start_us = e.start_us
    LEFT JOIN (${heard}) h ON h."key" = encode(lower(e.exchange)) AND h.start_us = e.start_us`
  return `SELECT ${BOOK}, '1m' AS window_size, make_timestamptz(start_us) AS window_start,
      make_timestamptz(start_us + ${MINUTE_US}) AS window_end, make_timestamp(start_us)::DATE AS window_date,
      ${SUMS.map((name) => `CASE WHEN fill_reason = 'no_trades' THEN 0 END AS ${name}`).join(', ')}, fill_reason, missing_around
    FROM (${judged})`
}
