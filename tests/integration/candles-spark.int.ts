import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { loadSources, openSources } from '@assay/feed'
import { GOLD_TABLE, sessionsSql } from '@assay/medallion'
import { openQuery } from '@assay/query'
import { describe, expect, it } from 'vitest'
import { diskLake, temporaryFolder } from '../support/disk-lake.js'
import { drain } from '../support/drain.js'
import { Spark, sparkParts } from './foreign-spark.js'

const parts = await sparkParts()

/** Views of candles, and what Spark calls their windows. */
const VIEWS = [
  ['gold_candles_1m', "'1 minute'"],
  ['gold_candles_5m', "'5 minutes'"],
  ['gold_candles_15m', "'15 minutes'"],
  ['gold_candles_1h', "'1 hour'"],
  ['gold_candles_1d', "'1 day'"],
  ['gold_candles_5m_sliding_1m', "'5 minutes', '1 minute'"],
] as const

/** What a candle has, as texts; averages are worked out of Spark's sums: it divides decimals to fewer places. */
const MEASURES = ['open', 'high', 'low', 'close', 'volume', 'quote_volume', 'trades', 'buy_volume', 'buy_quote_volume']
const MORE = ['buy_trades', 'first_sequence', 'last_sequence', 'missing_trades']

/** Spark's aggregate over gold's rows by its own windows; `more` is what else they are grouped by. */
function windowedSql(window: string, more = ''): string {
  // Of 18 digits a product has 36, which Spark keeps as they are; recorded prices and quantities have fewer.
  const product = 'CAST(price AS DECIMAL(18, 10)) * CAST(quantity AS DECIMAL(18, 10))'
  const first = 'struct(timestamp, source_sequence IS NULL, source_sequence, trade_id)'
  const bought = (value: string): string => `coalesce(sum(CASE WHEN side = 'BUY' THEN ${value} END), 0)`
  const decimal = (value: string, scale: number): string => `CAST(${value} AS DECIMAL(38, ${scale}))`
  const groups = `exchange, symbol, currency${more}, ${window}`
  return `SELECT t.exchange, symbol, currency, unix_micros(w.start), open, high, low, close, volume, quote_volume, trades,
      buy_volume, buy_quote_volume, buy_trades, first_sequence, last_sequence,
      CASE WHEN numbered = trades THEN last_sequence - first_sequence + 1 - trades END, open_us, close_us
    FROM (
      SELECT exchange, symbol, currency, ${window} AS w,
        min_by(price, ${first}) AS open, max(price) AS high, min(price) AS low, max_by(price, ${first}) AS close,
        ${decimal('sum(quantity)', 10)} AS volume, ${decimal(`sum(${product})`, 20)} AS quote_volume, count(*) AS trades,
        ${decimal(bought('quantity'), 10)} AS buy_volume, ${decimal(bought(product), 20)} AS buy_quote_volume,
        count_if(side = 'BUY') AS buy_trades, min(source_sequence) AS first_sequence, max(source_sequence) AS last_sequence,
        count(source_sequence) AS numbered, min(timestamp) AS open_us, max(timestamp) AS close_us
      FROM lake.market_data.gold_crypto_trades
      GROUP BY ${groups}
    ) t`
}

/** Those that are closed. */
function closedSql(windowed: string): string {
  return `${windowed}
    JOIN (SELECT exchange, max(watermark) AS closed FROM lake.market_data.gold_candles GROUP BY exchange) c
      ON c.exchange = t.exchange AND w.end <= c.closed
    ORDER BY 1, 2, 3, 4`
}

function candlesSql(candles: string): string {
  const columns = [...MEASURES, ...MORE].map((name) => `"${name}"::VARCHAR AS "${name}"`).join(', ')
  return `SELECT exchange, symbol, currency, epoch_us(window_start)::VARCHAR AS start_us, ${columns},
      epoch_us(open_time)::VARCHAR AS open_us, epoch_us(close_time)::VARCHAR AS close_us, vwap::VARCHAR AS vwap
    FROM ${candles} ORDER BY exchange, symbol, currency, window_start`
}

/** The quotient of a decimal of twenty places by one of ten, with ten places, half to even. */
function average(total: string, by: string): string {
  const [dividend, divisor] = [total, by].map((text) => BigInt(text.replace('.', ''))) as [bigint, bigint]
  const twice = 2n * (dividend % divisor)
  const down = dividend / divisor
  const rounded = twice > divisor || (twice === divisor && down % 2n === 1n) ? down + 1n : down
  const digits = String(rounded).padStart(11, '0')
  return `${digits.slice(0, -10)}.${digits.slice(-10)}`
}

describe.skipIf(!parts)('candles of recorded trades', () => {
  it("L8 L9: equal Spark's own windowed aggregates over gold, of every size, sliding and not, and its sessions", async () => {
    if (!parts) return
    const folder = path.join(temporaryFolder(), 'lake')
    const lake = await diskLake(folder)
    const { signal } = new AbortController()
    for (const exchange of lake.exchanges) {
      const files = exchange.samples.map((sample) => fileURLToPath(sample))
      await loadSources(lake, {
        exchange,
        sources: await openSources(files, process.stdin),
        signal,
        onProgress: () => undefined,
      })
    }
    await drain(lake)
    const spark = new Spark(parts, { type: 'hadoop', warehouse: path.join(folder, 'tables') })
    const tables = [GOLD_TABLE.name, ...VIEWS.map(([view]) => view)]
    const candles = await openQuery(lake, { tables, maxRows: 10_000, timeout_ms: 60_000 })
    try {
      const time = 'timestamp_micros(timestamp)'
      const sessions = windowedSql(`session_window(${time}, '30 seconds')`, ', exchange_date')
      for (const [view, sql] of [
        ...VIEWS.map(([view, window]) => [view, closedSql(windowedSql(`window(${time}, ${window})`))] as const),
        [`(${sessionsSql(30_000_000n)})`, `${sessions} ORDER BY 1, 2, 3, 4`] as const,
      ]) {
        const { rows: found } = await candles.run(candlesSql(view))
        const expected = await spark.sql(sql)
        expect(found).toEqual(expected.map((row) => [...row, average(String(row[9]), String(row[8]))]))
        expect([view, found.length]).not.toEqual([view, 0])
      }
    } finally {
      await candles.close()
      await spark.close()
    }
  }, 300_000)
})
