import { quoteText } from '@assay/engine'
import type { Lake } from '@assay/lake'
import { GOLD_TABLE, sessionsSql } from '@assay/medallion'
import { openQuery, type Query, type QueryResult } from '@assay/query'

/** Candles that one look gives at most, of all books together. */
const ROWS_MAX = 10_000
const TIMEOUT_MS = 60_000
const TABLE = 'gold_candles'

/** Sizes of windows that there are views of. */
export const SHOWN_SIZES = ['1m', '5m', '15m', '1h', '1d'] as const

export interface CandleRequest {
  readonly size: (typeof SHOWN_SIZES)[number]
  /** Sessions with this gap in place of windows of the size. */
  readonly gap_ms?: number
  /** As the tables name it, in capitals. */
  readonly exchange?: string
  readonly symbol?: string
  /** Windows that begin in [from, to), ms since 1970. */
  readonly from_ms?: number
  readonly to_ms?: number
  /** How many of each book, the newest. */
  readonly limit: number
}

/** A candle; decimals are exact texts, times µs since 1970. */
export interface Candle {
  readonly exchange: string
  readonly symbol: string
  readonly currency: string
  readonly window_start: bigint
  readonly open: string
  readonly high: string
  readonly low: string
  readonly close: string
  /** Null where no column holds the sum. */
  readonly volume: string | null
  readonly trades: bigint
  /** Sessions are not stored: they have neither. */
  readonly revision?: number
  readonly emitted_at?: bigint
}

interface CandleLook {
  readonly result: QueryResult
  /** The newest last. */
  readonly candles: readonly Candle[]
  /** Of each exchange that has candles, up to where they say that windows are closed. */
  readonly watermarks: ReadonlyMap<string, bigint>
  /** Symbols that have candles, of the exchange that is asked for. */
  readonly symbols: readonly string[]
}

/** Looks once; with `since_us`, candles written since then are given beyond the limit, too. */
export async function lookAtCandles(lake: Lake, request: CandleRequest, since_us?: bigint): Promise<CandleLook> {
  const from = request.gap_ms === undefined ? `gold_candles_${request.size}` : GOLD_TABLE.name
  const query = await openQuery(lake, { tables: [from, TABLE], maxRows: ROWS_MAX, timeout_ms: TIMEOUT_MS })
  try {
    const result = await query.run(candlesSql(from, request, since_us))
    const candles = result.rows.map(
      (row) => Object.fromEntries(result.columns.map(({ name }, i) => [name, row[i]])) as unknown as Candle,
    )
    return { result, candles, watermarks: await watermarksOf(query), symbols: await symbolsOf(query, request) }
  } finally {
    await query.close()
  }
}

/** Of whole days, at whose end every session does; those of a day are made of all its trades. */
function sessionsOfDays({ gap_ms = 0, from_ms, to_ms }: CandleRequest): string {
  const day = (ms: number): string => `make_timestamp(${ms * 1000})::DATE`
  const days = [
    ...(from_ms === undefined ? [] : [`exchange_date >= ${day(from_ms)}`]),
    ...(to_ms === undefined ? [] : [`exchange_date <= ${day(to_ms - 1)}`]),
  ]
  return `(${sessionsSql(BigInt(gap_ms) * 1000n, days.length > 0 ? days.join(' AND ') : undefined)})`
}

function candlesSql(table: string, request: CandleRequest, since_us: bigint | undefined): string {
  const { exchange, symbol, from_ms, to_ms, limit, gap_ms } = request
  const view = gap_ms === undefined ? table : sessionsOfDays(request)
  const wanted = [
    ...(exchange === undefined ? [] : [`exchange = ${quoteText(exchange)}`]),
    ...(symbol === undefined ? [] : [`symbol = ${quoteText(symbol)}`]),
    ...(from_ms === undefined ? [] : [`window_start >= make_timestamptz(${from_ms * 1000})`]),
    ...(to_ms === undefined ? [] : [`window_start < make_timestamptz(${to_ms * 1000})`]),
  ]
  const rank = 'row_number() OVER (PARTITION BY exchange, symbol, currency ORDER BY window_start DESC)'
  const isNew = since_us === undefined ? '' : ` OR emitted_at >= make_timestamptz(${since_us})`
  return `SELECT * FROM (
      SELECT * FROM ${view} ${wanted.length > 0 ? `WHERE ${wanted.join(' AND ')}` : ''}
      QUALIFY ${rank} <= ${limit}${isNew} ORDER BY window_start DESC LIMIT ${ROWS_MAX}
    ) ORDER BY exchange, symbol, currency, window_start`
}

async function watermarksOf(query: Query): Promise<Map<string, bigint>> {
  const { rows } = await query.run(`SELECT exchange, max(watermark) FROM ${TABLE} GROUP BY exchange ORDER BY exchange`)
  return new Map(rows.map(([exchange, watermark]) => [String(exchange), watermark as bigint]))
}

async function symbolsOf(query: Query, { exchange }: CandleRequest): Promise<string[]> {
  const where = exchange === undefined ? '' : `WHERE exchange = ${quoteText(exchange)}`
  const { rows } = await query.run(`SELECT DISTINCT symbol FROM ${TABLE} ${where} ORDER BY symbol LIMIT ${ROWS_MAX}`)
  return rows.map(([symbol]) => String(symbol))
}
