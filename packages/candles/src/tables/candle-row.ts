import { endOf, type KeyWindow, startOf } from '../measures/candle-windows.js'
import { fitting, type Measures, missingTrades, vwapOf } from '../measures/measures.js'
import type { CandleKeys } from '../measures/trade-columns.js'

/** The measures of a candle as its row has them: decimals unscaled, times in µs since 1970, null where there is none. */
export interface CandleValues {
  readonly open: bigint
  readonly high: bigint
  readonly low: bigint
  readonly close: bigint
  readonly volume: bigint | null
  readonly quote_volume: bigint | null
  readonly vwap: bigint
  readonly trades: bigint
  readonly buy_volume: bigint | null
  readonly buy_quote_volume: bigint | null
  readonly buy_trades: bigint
  readonly first_sequence: bigint | null
  readonly last_sequence: bigint | null
  readonly open_time: bigint
  readonly close_time: bigint
  readonly missing_trades: bigint | null
}

export const VALUE_NAMES = [
  'open',
  'high',
  'low',
  'close',
  'volume',
  'quote_volume',
  'vwap',
  'trades',
  'buy_volume',
  'buy_quote_volume',
  'buy_trades',
  'first_sequence',
  'last_sequence',
  'open_time',
  'close_time',
  'missing_trades',
] as const satisfies readonly (keyof CandleValues)[]

/** Decimals of the measures that have any. */
export const SCALES: Readonly<Record<string, number>> = {
  open: 10,
  high: 10,
  low: 10,
  close: 10,
  volume: 10,
  quote_volume: 20,
  vwap: 10,
  buy_volume: 10,
  buy_quote_volume: 20,
}

/** Of a window with at least one trade. */
function candleValues(measures: Measures): CandleValues {
  const { open, close } = measures
  if (!open || !close) throw new RangeError('a window without trades has no candle')
  return {
    open: open.price,
    high: measures.high,
    low: measures.low,
    close: close.price,
    volume: fitting(measures.volume) ?? null,
    quote_volume: fitting(measures.quoteVolume) ?? null,
    vwap: vwapOf(measures),
    trades: BigInt(measures.trades),
    buy_volume: fitting(measures.buyVolume) ?? null,
    buy_quote_volume: fitting(measures.buyQuoteVolume) ?? null,
    buy_trades: BigInt(measures.buyTrades),
    first_sequence: measures.firstSequence ?? null,
    last_sequence: measures.lastSequence ?? null,
    open_time: BigInt(open.time_us),
    close_time: BigInt(close.time_us),
    missing_trades: missingTrades(measures) ?? null,
  }
}

/** A row of the table of candles, but for when it is written. */
export interface CandleRow {
  readonly exchange: string
  readonly symbol: string
  readonly currency: string
  readonly window_size: string
  readonly start_us: bigint
  readonly end_us: bigint
  readonly values: CandleValues
  readonly late_trades: bigint
  readonly replayed_trades: bigint
  readonly revision: number
  /** The watermark of the exchange. */
  readonly watermark_us: bigint
}

/** The row of a window with trades as it is first written. */
export function firstRow(
  window: KeyWindow & { readonly measures: Measures },
  keys: CandleKeys,
  watermarks: ReadonlyMap<string, bigint>,
): CandleRow {
  const key = keys.keyOf(window.key)
  return {
    ...key,
    window_size: window.size.name,
    start_us: startOf(window),
    end_us: endOf(window),
    values: candleValues(window.measures),
    late_trades: 0n,
    replayed_trades: BigInt(window.measures.replayed),
    revision: 1,
    watermark_us: watermarks.get(key.exchange) ?? 0n,
  }
}

/** A change of a row. */
export interface Revision {
  readonly window: Pick<CandleRow, 'exchange' | 'symbol' | 'currency' | 'window_size' | 'start_us'>
  readonly revision: number
  readonly before: CandleValues
  /** Undefined where no trade is left, and so no row. */
  readonly after: CandleValues | undefined
  readonly cause: RevisionCause
}

/** The first trade that changed a window, and how many came with it; of a reconciliation nobody knows which it was. */
export interface RevisionCause {
  readonly cause: 'late' | 'replay' | 'reconcile'
  readonly at?: { readonly topic: string; readonly partition: number; readonly offset: bigint }
  readonly added: number
}

export interface LateTrade {
  readonly topic: string
  readonly partition: number
  readonly offset: bigint
  readonly exchange: string
  readonly symbol: string
  readonly trade_id: string
  readonly start_us: bigint
  readonly lateness_ms: bigint
}

const MICROS_A_DAY = 86_400_000_000n

/** Day since 1970, also before it. */
export function dayOf(us: bigint): number {
  const day = us / MICROS_A_DAY
  return Number(us < 0n && day * MICROS_A_DAY !== us ? day - 1n : day)
}
