import { CANDLES_TABLE, REVISIONS_TABLE } from '@assay/candles'
import { quoteText } from '@assay/engine'
import { GOLD_TABLE } from '@assay/medallion'
import { laneSql } from '@assay/pipeline'
import type { CachedTables } from './cached-tables.js'
import type { TableRows } from './table-row.js'
import type { CandleTarget } from './trace-target.js'

/** A candle and what it is made of. */
export interface TracedCandle {
  /** No row where the window is not closed, or nobody traded in it; one for each currency where none was named. */
  readonly candle: TableRows
  readonly revisions: TableRows
  /** The trades of gold that it adds up, the first `CANDLE_TRADES_MAX` of them. */
  readonly trades: TableRows
}

/** Trades that are listed of a candle. */
const CANDLE_TRADES_MAX = 1_000

/** Follows a candle to its trades: those of gold in its window that the layer of candles has taken. */
export async function traceCandle(tables: CachedTables, target: CandleTarget): Promise<TracedCandle> {
  const { start_us, size } = target
  const end_us = start_us + size.size_us
  const book = bookSql(target)
  const ofWindow = `${book} AND window_size = ${quoteText(size.name)} AND window_start = make_timestamptz(${start_us}::BIGINT)`
  const [candle, revisions, trades] = await Promise.all([
    tables.rowsWhere(CANDLES_TABLE, ofWindow, { keep: (bounds) => bounds.meets('window_start', start_us, start_us) }),
    tables.rowsWhere(REVISIONS_TABLE, ofWindow, { keep: (bounds) => bounds.meets('window_start', start_us, start_us) }),
    tables.rowsWhere(
      GOLD_TABLE,
      `${book} AND "timestamp" >= ${start_us} AND "timestamp" < ${end_us} AND ${await takenSql(tables)}`,
      { keep: (bounds) => bounds.meets('timestamp', start_us, end_us - 1n) },
      CANDLE_TRADES_MAX,
    ),
  ])
  return { candle, revisions, trades: byTime(trades) }
}

function byTime(trades: TableRows): TableRows {
  const at = trades.columns.findIndex(({ name }) => name === 'timestamp')
  return { ...trades, rows: trades.rows.toSorted((a, b) => Number((a[at] as bigint) - (b[at] as bigint))) }
}

function bookSql({ exchange, symbol, currency }: CandleTarget): string {
  const ofCurrency = currency === undefined ? '' : ` AND currency = ${quoteText(currency)}`
  return `exchange = ${quoteText(exchange)} AND symbol = ${quoteText(symbol)}${ofCurrency}`
}

/** SQL condition: below the candles' positions. A replayed row without a number was written before there were candles. */
async function takenSql(tables: CachedTables): Promise<string> {
  const { checkpoint } = await tables.scan(CANDLES_TABLE)
  const { key, offset } = laneSql(GOLD_TABLE)
  const lanes = [...checkpoint.lanes].map(
    ([name, { position }]) => `WHEN ${quoteText(name)} THEN coalesce(${offset} < ${position}, true)`,
  )
  return lanes.length > 0 ? `(CASE ${key} ${lanes.join(' ')} ELSE false END)` : 'false'
}
