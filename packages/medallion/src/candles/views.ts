import { CANDLE_SIZES, CANDLES_TABLE, MEASURES, MINUTE_US } from '@assay/candles'
import { quoteIdentifier } from '@assay/engine'
import { type ColumnSpec, columnSpecs } from '@assay/pipeline'
import type { View } from '../layer.js'
import { averageSql, totalOf } from './exact-sql.js'
import { filledView } from './filled-view.js'

const CANDLES = quoteIdentifier(CANDLES_TABLE.name)
const BOOK = ['exchange', 'symbol', 'currency'] as const
/** Sums that a decimal of 38 digits holds, or that are null. */
const SUMS = ['volume', 'quote_volume', 'buy_volume', 'buy_quote_volume'] as const
const LARGER_MINUTES = [5, 15] as const
const SLIDING_MINUTES = 5

/** The candles of each size, those merged from minutes, the gaps between minutes, and minutes without a trade. */
export function candleViews(): View[] {
  return [
    ...CANDLE_SIZES.map(({ name }) => storedView(name)),
    ...LARGER_MINUTES.map((minutes) => tumblingView(minutes)),
    slidingView(),
    gapsView(),
    filledView(),
  ]
}

function storedView(size: string): View {
  return {
    name: `gold_candles_${size}`,
    means: `A candle of ${size}.`,
    columns: columnSpecs(CANDLES_TABLE),
    select: ofSize(size),
    reads: [CANDLES_TABLE.name],
  }
}

function ofSize(size: string): string {
  return `SELECT * FROM ${CANDLES} WHERE window_size = '${size}'`
}

function tumblingView(minutes: number): View {
  const size = `${minutes}m`
  const size_us = BigInt(minutes) * MINUTE_US
  // The remainder is made positive, since times before 1970 are below zero.
  const start = `(minute_us - (minute_us % ${size_us} + ${size_us}) % ${size_us})`
  return {
    name: `gold_candles_${size}`,
    means: `A candle of ${size}, merged from those of 1m; it is there once the watermark has reached its end, as far as candles of the exchange tell.`,
    columns: MERGED,
    select: merged(size, size_us, `SELECT *, ${start} AS start_us FROM ${minutesSql()}`),
    reads: [CANDLES_TABLE.name],
  }
}

function slidingView(): View {
  const size_us = BigInt(SLIDING_MINUTES) * MINUTE_US
  const placed = `SELECT *, minute_us - slides * ${MINUTE_US} AS start_us FROM ${minutesSql()}, range(${SLIDING_MINUTES}) s(slides)`
  return {
    name: 'gold_candles_5m_sliding_1m',
    means:
      'A candle of 5m that begins at any minute, merged from those of 1m; it is there where one of its minutes had a trade, once the watermark has reached its end, as far as candles of the exchange tell.',
    columns: MERGED,
    select: merged('5m', size_us, placed),
    reads: [CANDLES_TABLE.name],
  }
}

const NO_NEIGHBOUR = { nullWhen: 'there is none, or one of the two has no number' }
const NO_SUM = { nullWhen: 'the sum is beyond the column' }

/** What a merged candle has: the measures of any candle, and what its minutes tell of changes. */
const MERGED: readonly ColumnSpec[] = [
  ...columnSpecs(CANDLES_TABLE, BOOK),
  ['window_size', 'string', 'The size that the candle is merged to.'],
  ...columnSpecs(CANDLES_TABLE, ['window_start', 'window_end', 'window_date']),
  ...MEASURES.map(([name, type, means, facts]): ColumnSpec => {
    return name === 'vwap' ? [name, type, means, { ...facts, ...NO_SUM }] : [name, type, means, facts]
  }),
  ...columnSpecs(CANDLES_TABLE, ['late_trades', 'replayed_trades']),
  ['revision', 'int', '1, and one more with each change of one of its minutes.'],
  ['watermark', 'timestamptz', 'The greatest watermark that its minutes were written at.'],
  ['emitted_at', 'timestamptz', 'When the last of its minutes was written.'],
]

function minutesSql(): string {
  return `(SELECT *, epoch_us(window_start) AS minute_us FROM ${CANDLES} WHERE window_size = '1m')`
}

/**
 * Minutes with the start of a window each is in, as candles of these windows. Only what is closed is given: the table
 * knows of an exchange's watermark the greatest that a row of it was written at, which is never ahead of the true one.
 */
function merged(size: string, size_us: bigint, placed: string): string {
  const book = BOOK.map((name) => `w.${name}`).join(', ')
  const sums = SUMS.map((name) => `${totalOf(`w.${name}`)} AS ${name}`).join(', ')
  const windows = `SELECT ${book}, w.start_us, w.start_us + ${size_us} AS end_us,
      arg_min(w."open", w.minute_us) AS "open", max(w.high) AS high, min(w.low) AS low, arg_max(w."close", w.minute_us) AS "close",
      ${sums}, sum(w.trades)::BIGINT AS trades, sum(w.buy_trades)::BIGINT AS buy_trades,
      min(w.first_sequence) AS first_sequence, max(w.last_sequence) AS last_sequence,
      min(w.open_time) AS open_time, max(w.close_time) AS close_time, bool_and(w.missing_trades IS NOT NULL) AS is_numbered,
      sum(w.late_trades)::BIGINT AS late_trades, sum(w.replayed_trades)::BIGINT AS replayed_trades,
      (1 + sum(w.revision - 1))::INTEGER AS revision, max(w.watermark) AS watermark, max(w.emitted_at) AS emitted_at
    FROM (${placed}) w GROUP BY ${book}, w.start_us`
  return `SELECT ${BOOK.map((name) => `c.${name}`).join(', ')}, '${size}' AS window_size,
      make_timestamptz(start_us) AS window_start, make_timestamptz(end_us) AS window_end,
      make_timestamp(start_us)::DATE AS window_date, "open", high, low, "close", volume, quote_volume,
      ${averageSql('quote_volume', 'volume')} AS vwap, trades, buy_volume, buy_quote_volume, buy_trades,
      first_sequence, last_sequence, open_time, close_time,
      CASE WHEN is_numbered THEN TRY_CAST(last_sequence::HUGEINT - first_sequence + 1 - trades AS BIGINT) END AS missing_trades,
      late_trades, replayed_trades, revision, watermark, emitted_at
    FROM (${windows}) c JOIN (SELECT exchange, max(epoch_us(watermark)) AS closed_us FROM ${CANDLES} GROUP BY exchange) m
      ON m.exchange = c.exchange AND c.end_us <= m.closed_us`
}

function gapsView(): View {
  const beside = (value: string): string => `${value} OVER (PARTITION BY ${BOOK.join(', ')} ORDER BY window_start)`
  const select = `SELECT *,
      TRY_CAST(first_sequence::HUGEINT - ${beside('lag(last_sequence)')} - 1 AS BIGINT) AS gap_before,
      TRY_CAST(${beside('lead(first_sequence)')}::HUGEINT - last_sequence - 1 AS BIGINT) AS gap_after
    FROM (${ofSize('1m')})`
  return {
    name: 'gold_candles_gaps',
    means:
      "A candle of 1m, with how many of the exchange's numbers lie between its trades and those of the candles beside it.",
    columns: [
      ...columnSpecs(CANDLES_TABLE),
      [
        'gap_before',
        'long',
        "Numbers between its trades' and those of the book's candle before it; below 0 where they overlap.",
        NO_NEIGHBOUR,
      ],
      ['gap_after', 'long', 'The same of the candle after it.', NO_NEIGHBOUR],
    ],
    select,
    reads: [CANDLES_TABLE.name],
  }
}
