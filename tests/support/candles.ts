import { CANDLES_TABLE, readCandleState } from '@assay/candles'
import { laneKey, START } from '@assay/core'
import type { Lake } from '@assay/lake'
import { GOLD_TABLE, silverTable } from '@assay/medallion'
import { type Checkpoint, replayLane } from '@assay/pipeline'
import { query, type Tables, withTables } from './tables.js'

const SIZES_US: Readonly<Record<string, bigint>> = { '1m': 60_000_000n, '1h': 3_600_000_000n, '1d': 86_400_000_000n }

/** What candles promise to be equal however gold came to be. */
export const CANDLE_COLUMNS = `exchange, symbol, currency, window_size, window_start, window_end, "open", high, low, "close",
  volume, quote_volume, vwap, trades, buy_volume, buy_quote_volume, buy_trades, first_sequence, last_sequence,
  open_time, close_time, missing_trades`

export async function candleRows(lake: Lake): Promise<Record<string, unknown>[]> {
  return query(lake, CANDLE_ROWS)
}

/** SQL of what a lake's candles say, in order. */
export const CANDLE_ROWS = `SELECT ${CANDLE_COLUMNS} FROM gold_candles ORDER BY ALL`

interface GoldTrade {
  readonly exchange: string
  readonly symbol: string
  readonly currency: string
  readonly timestamp: bigint
  readonly price: string
  readonly quantity: string
  readonly side: string
  readonly source_sequence: bigint | null
  readonly trade_id: string
  readonly topic: string
  readonly partition: number
  readonly offset: bigint
  readonly replay_id: string | null
  readonly replay_sequence: bigint | null
}

/** The candles of the closed windows, worked out from gold's rows one by one. */
export function expectedCandles(lake: Lake): Promise<Record<string, unknown>[]> {
  return withTables(
    lake,
    (tables) => expectedOf(lake, tables),
    (name) => name === GOLD_TABLE.name,
  )
}

/** The same of tables that are open already: of gold's rows below the positions that candles have read to. */
export async function expectedOf(lake: Lake, { rows }: Tables): Promise<Record<string, unknown>[]> {
  const { checkpoint } = await (await lake.table(CANDLES_TABLE)).pin()
  const { watermarks } = readCandleState(checkpoint)
  const trades = (await rows('SELECT * FROM gold_crypto_trades')) as unknown as GoldTrade[]
  const windows = new Map<string, { readonly size: string; readonly start: bigint; readonly trades: GoldTrade[] }>()
  for (const trade of trades.filter((one) => isRead(one, checkpoint))) {
    for (const [size, us] of Object.entries(SIZES_US)) {
      const start = floor(trade.timestamp, us)
      if (start + us > (watermarks.get(trade.exchange) ?? -(2n ** 63n))) continue
      const name = [trade.exchange, trade.symbol, trade.currency, size, start].join(' ')
      const window = windows.get(name) ?? { size, start, trades: [] }
      window.trades.push(trade)
      windows.set(name, window)
    }
  }
  return [...windows.values()].map(({ size, start, trades: own }) => candle(size, start, own)).sort(byWindow)
}

/** A replayed trade has a place of its own in the lane of replays. */
function isRead(trade: GoldTrade, { lanes }: Checkpoint): boolean {
  const { exchange, topic, partition, offset, replay_id, replay_sequence } = trade
  const replays = replayLane(silverTable(exchange.toLowerCase()))
  const lane = replay_id === null ? laneKey({ topic, partition }) : replays
  return ((replay_id === null ? offset : replay_sequence) ?? -1n) < (lanes.get(lane)?.position ?? START)
}

function candle(size: string, start: bigint, trades: readonly GoldTrade[]): Record<string, unknown> {
  const sorted = [...trades].sort(first)
  const [open, close] = [sorted[0] as GoldTrade, sorted.at(-1) as GoldTrade]
  const bought = trades.filter(({ side }) => side === 'BUY')
  const prices = trades.map(({ price }) => unscaled(price))
  const volume = sum(trades.map(({ quantity }) => unscaled(quantity)))
  const quote = sum(trades.map(({ price, quantity }) => unscaled(price) * unscaled(quantity)))
  const numbers = trades.flatMap(({ source_sequence }) => (source_sequence === null ? [] : [source_sequence]))
  const [least, greatest] = numbers.length > 0 ? [min(numbers), max(numbers)] : [null, null]
  return {
    exchange: open.exchange,
    symbol: open.symbol,
    currency: open.currency,
    window_size: size,
    window_start: start,
    window_end: start + (SIZES_US[size] as bigint),
    open: open.price,
    high: text(max(prices), 10),
    low: text(min(prices), 10),
    close: close.price,
    volume: text(volume, 10),
    quote_volume: text(quote, 20),
    vwap: text(halfEven(quote, volume), 10),
    trades: BigInt(trades.length),
    buy_volume: text(sum(bought.map(({ quantity }) => unscaled(quantity))), 10),
    buy_quote_volume: text(sum(bought.map(({ price, quantity }) => unscaled(price) * unscaled(quantity))), 20),
    buy_trades: BigInt(bought.length),
    first_sequence: least,
    last_sequence: greatest,
    open_time: open.timestamp,
    close_time: close.timestamp,
    missing_trades:
      numbers.length < trades.length || least === null || greatest === null
        ? null
        : greatest - least + 1n - BigInt(trades.length),
  }
}

function first(a: GoldTrade, b: GoldTrade): number {
  if (a.timestamp !== b.timestamp) return a.timestamp < b.timestamp ? -1 : 1
  if (a.source_sequence !== b.source_sequence) {
    if (a.source_sequence === null) return 1
    return b.source_sequence === null || a.source_sequence < b.source_sequence ? -1 : 1
  }
  return a.trade_id < b.trade_id ? -1 : 1
}

function byWindow(a: Record<string, unknown>, b: Record<string, unknown>): number {
  for (const name of ['exchange', 'symbol', 'currency', 'window_size', 'window_start']) {
    if (a[name] !== b[name]) return (a[name] as string) < (b[name] as string) ? -1 : 1
  }
  return 0
}

function floor(time: bigint, size: bigint): bigint {
  return (time - (((time % size) + size) % size)) as bigint
}

/** Rounds to the nearest, and to the even one of two that are as near. */
function halfEven(a: bigint, b: bigint): bigint {
  const down = a / b
  const rest = 2n * (a % b)
  return rest > b || (rest === b && down % 2n === 1n) ? down + 1n : down
}

function unscaled(decimal: string): bigint {
  const [whole = '', fraction = ''] = decimal.split('.')
  return BigInt(whole + fraction.padEnd(10, '0'))
}

function text(value: bigint, scale: number): string {
  const digits = value.toString().padStart(scale + 1, '0')
  return `${digits.slice(0, -scale)}.${digits.slice(-scale)}`
}

function sum(values: readonly bigint[]): bigint {
  return values.reduce((all, value) => all + value, 0n)
}

function min(values: readonly bigint[]): bigint {
  return values.reduce((least, value) => (value < least ? value : least))
}

function max(values: readonly bigint[]): bigint {
  return values.reduce((most, value) => (value > most ? value : most))
}
