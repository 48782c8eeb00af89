import type { Random } from '@assay/core'
import { quoteIdentifier, quoteText } from '@assay/engine'
import { sqlType, type TableDefinition } from '@assay/pipeline'

export const MINUTE_US = 60_000_000n
const DECIMAL_MAX = 10n ** 38n - 1n

/** A trade of one book; price and quantity in ten decimals, as whole numbers. */
export interface BookTrade {
  readonly exchange: string
  readonly symbol: string
  readonly currency: string
  readonly time_us: bigint
  readonly price: bigint
  readonly quantity: bigint
  readonly isBuy: boolean
  readonly sequence: bigint | undefined
}

export type CandleRow = Readonly<Record<string, string | number | bigint | null>>

interface Window {
  readonly name: string
  readonly start_us: bigint
  readonly size_us: bigint
}

/** Random trades of a few books over so many minutes, some of which have none; each time once in a book. */
export function randomTrades(random: Random, from_us: bigint, minutes: number, count: number): BookTrade[] {
  const pick = (most: number): number => Math.floor(random.unit() * most)
  const times = new Set<bigint>()
  while (times.size < count) {
    // Trades come in few of the minutes.
    const minute = BigInt(pick(minutes) & ~pick(4))
    times.add(from_us + minute * MINUTE_US + BigInt(pick(60_000_000)))
  }
  return [...times].map((time_us, i) => {
    // Some are so large that sums of them are beyond the columns.
    const digits = [3, 10, 13, 18, 27][pick(5)] as number
    const isLarge = digits === 27
    return {
      exchange: pick(3) === 0 ? 'KRAKEN' : 'BINANCE',
      symbol: pick(2) === 0 ? 'BTCUSDT' : 'ETHUSDT',
      currency: 'USDT',
      time_us,
      price: 1n + BigInt(pick(1e9)) * 10n ** BigInt(Math.max(0, digits - 10)),
      quantity: 1n + BigInt(pick(1e9)) * 10n ** BigInt(isLarge ? 18 : pick(6)),
      isBuy: pick(2) === 0,
      sequence: pick(20) === 0 ? undefined : BigInt(i * 2 + pick(3)),
    }
  })
}

/** The candles of the windows that trades are in, with the plainest of sums; `windowsOf` a time gives these windows. */
export function candlesOf(
  trades: readonly BookTrade[],
  windowsOf: (time_us: bigint) => readonly Window[],
): CandleRow[] {
  const groups = new Map<string, { readonly window: Window; readonly trades: BookTrade[] }>()
  for (const trade of trades) {
    for (const window of windowsOf(trade.time_us)) {
      const key = [trade.exchange, trade.symbol, trade.currency, window.start_us].join()
      const group = groups.get(key) ?? { window, trades: [] }
      group.trades.push(trade)
      groups.set(key, group)
    }
  }
  return [...groups.values()].map((group) => candleOf(group.window, group.trades))
}

/** The tumbling window of a time. */
export function windowOf(name: string, size_us: bigint): (time_us: bigint) => Window[] {
  return (time_us) => [{ name, size_us, start_us: time_us - (((time_us % size_us) + size_us) % size_us) }]
}

function candleOf({ name, start_us, size_us }: Window, trades: readonly BookTrade[]): CandleRow {
  const sorted = [...trades].sort((a, b) => (a.time_us < b.time_us ? -1 : 1))
  const [first, last] = [sorted[0] as BookTrade, sorted.at(-1) as BookTrade]
  const bought = trades.filter(({ isBuy }) => isBuy)
  const prices = trades.map(({ price }) => price).sort((a, b) => (a < b ? -1 : 1))
  const numbers = trades.flatMap(({ sequence }) => sequence ?? []).sort((a, b) => (a < b ? -1 : 1))
  const [least, greatest] = [numbers[0], numbers.at(-1)]
  const isNumbered = numbers.length === trades.length && least !== undefined && greatest !== undefined
  const volume = total(trades.map(({ quantity }) => quantity))
  const quoteVolume = total(trades.map(({ price, quantity }) => price * quantity))
  return {
    exchange: first.exchange,
    symbol: first.symbol,
    currency: first.currency,
    window_size: name,
    window_start: start_us,
    window_end: start_us + size_us,
    window_date: Number(
      (start_us - (((start_us % 86_400_000_000n) + 86_400_000_000n) % 86_400_000_000n)) / 86_400_000_000n,
    ),
    open: decimal(first.price, 10),
    high: decimal(prices.at(-1) as bigint, 10),
    low: decimal(prices[0] as bigint, 10),
    close: decimal(last.price, 10),
    volume: fitting(volume, 10),
    quote_volume: fitting(quoteVolume, 20),
    vwap: decimal(halfEven(quoteVolume, volume), 10),
    trades: BigInt(trades.length),
    buy_volume: fitting(total(bought.map(({ quantity }) => quantity)), 10),
    buy_quote_volume: fitting(total(bought.map(({ price, quantity }) => price * quantity)), 20),
    buy_trades: BigInt(bought.length),
    first_sequence: least ?? null,
    last_sequence: greatest ?? null,
    open_time: first.time_us,
    close_time: last.time_us,
    missing_trades: isNumbered ? greatest - least + 1n - BigInt(trades.length) : null,
    late_trades: 0n,
    replayed_trades: 0n,
    revision: 1,
    watermark: start_us + size_us,
    emitted_at: start_us + size_us + 1_000_000n,
  }
}

const total = (values: readonly bigint[]): bigint => values.reduce((sum, value) => sum + value, 0n)
const fitting = (value: bigint, places: number): string | null => (value > DECIMAL_MAX ? null : decimal(value, places))

function decimal(value: bigint, places: number): string {
  const digits = value.toString().padStart(places + 1, '0')
  return `${digits.slice(0, -places)}.${digits.slice(-places)}`
}

/** Rounded by what a person would do: exactly half way goes to the even neighbour. */
function halfEven(total: bigint, by: bigint): bigint {
  const doubled = (total * 2n) / by
  const isExact = (total * 2n) % by === 0n
  const floor = doubled / 2n
  if (doubled % 2n === 0n) return floor
  return isExact && floor % 2n === 0n ? floor : floor + 1n
}

/** SQL of the rows with the table's columns; of none, too. */
export function rowsSql({ columns }: Pick<TableDefinition, 'columns'>, rows: readonly CandleRow[]): string {
  const names = columns.map(({ name }) => quoteIdentifier(name)).join(', ')
  const value = (row: CandleRow, { name, type }: (typeof columns)[number]): string => {
    const found = row[name] ?? null
    if (found === null) return `NULL::${sqlType(type)}`
    if (type === 'timestamptz') return `make_timestamptz(${found})`
    if (type === 'date') return `(DATE '1970-01-01' + ${found})`
    return `${typeof found === 'string' ? quoteText(found) : found}::${sqlType(type)}`
  }
  const lines = rows.map((row) => `(${columns.map((column) => value(row, column)).join(', ')})`)
  if (lines.length > 0) return `SELECT * FROM (VALUES ${lines.join(', ')}) t(${names})`
  return `SELECT ${columns.map(({ name, type }) => `NULL::${sqlType(type)} AS ${quoteIdentifier(name)}`).join(', ')} WHERE false`
}
