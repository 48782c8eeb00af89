import { START_MS } from '../records.js'
import { encoded, type Fields, WRITERS, type Writer } from './writers.js'

/** A record of the log, and for one whose frame is broken what silver has to say of it. */
export interface MixedRecord {
  readonly exchange: 'binance' | 'kraken'
  readonly partition: number
  readonly value: Uint8Array | null
  readonly timestamp_ms: bigint
  readonly frameDetail?: string
}

export const PARTITIONS = 2
const MINUTE_MS = 60_000
const DAY_MS = 86_400_000
/** How much time a history covers. */
const SPAN_MS = 30 * 60 * MINUTE_MS

interface Placed {
  readonly partition?: number
  readonly time_ms?: number
  /** Timestamp of the record; without, the time of its trade. */
  readonly timestamp_ms?: number
  readonly writer?: Writer
}

export function binanceTrade(
  fields: Fields,
  { partition = 0, time_ms = START_MS, ...placed }: Placed = {},
): MixedRecord {
  const { writer = WRITERS.binance, timestamp_ms = time_ms } = placed
  const trade = {
    event_type: 'trade',
    event_time_ms: BigInt(time_ms),
    symbol: 'BTCUSDT',
    price: '30000.5',
    quantity: '0.25',
    trade_time_ms: BigInt(time_ms),
    is_buyer_maker: false,
    is_best_match: true,
    ingestion_timestamp: BigInt(time_ms) * 1000n + 7n,
    ...fields,
  }
  return { exchange: 'binance', partition, value: encoded(writer, trade), timestamp_ms: BigInt(timestamp_ms) }
}

export function krakenTrade(
  fields: Fields,
  { partition = 0, time_ms = START_MS, ...placed }: Placed = {},
): MixedRecord {
  const { writer = WRITERS.kraken, timestamp_ms = time_ms + 1 } = placed
  const trade = {
    channel_id: 1n,
    price: '30000.5',
    volume: '0.25',
    timestamp: `${Math.floor(time_ms / 1000)}.${String(time_ms % 1000).padStart(3, '0')}123`,
    side: 'b',
    order_type: 'l',
    misc: '',
    pair: 'XBT/USD',
    ingestion_timestamp: BigInt(time_ms) * 1000n + 9n,
    trade_id: null,
    fill_number: null,
    ...fields,
  }
  return { exchange: 'kraken', partition, value: encoded(writer, trade), timestamp_ms: BigInt(timestamp_ms) }
}

/** Every `nth` record comes twice, a few records later. */
function withNearCopies(records: readonly MixedRecord[], nth: number): MixedRecord[] {
  return records.flatMap((record, i) => {
    const earlier = records[i - 3]
    const isNear = i % nth === 0 && earlier?.partition === record.partition
    return isNear ? [record, earlier] : [record]
  })
}

const BINANCE = [
  { symbol: 'BTCUSDT', partition: 0 },
  { symbol: 'ETHBTC', partition: 0 },
  { symbol: '币安人生USDT', partition: 1 },
] as const

/** Trades of Binance over thirty hours: gaps in their numbers, copies, conflicts; some dearer than the rules' limit. */
export function binanceHistory(count: number, firstId: number, from_ms: number): MixedRecord[] {
  const ids = BINANCE.map(() => firstId)
  const records = Array.from({ length: count }, (_, i) => {
    const market = i % 7 === 0 ? 1 : i % 3 === 0 ? 2 : 0
    const { symbol, partition } = BINANCE[market] as (typeof BINANCE)[number]
    const isConflict = i % 131 === 0 && i > 0
    if (!isConflict) ids[market] = (ids[market] as number) + (i % 97 === 0 ? 3 : 1)
    const late_ms = i % 41 === 0 ? (1 + (i % 9)) * MINUTE_MS : 0
    const time_ms = from_ms + Math.floor((i * SPAN_MS) / count) - late_ms
    const fields = {
      symbol,
      trade_id: BigInt(ids[market] as number),
      price: `${isConflict ? 7 : 1 + ((i * 37) % 60_000)}.${String(i % 1000).padStart(1 + (i % 10), '0')}`,
      quantity: `0.${String(1 + (i % 9999)).padStart(8, '0')}`,
      is_buyer_maker: i % 2 === 0,
      is_best_match: i % 5 === 0 ? null : i % 3 === 0,
    }
    const extra = { venue: `v"${i % 4}\\`, fee: i % 3 === 0 ? null : i / 8, order_ids: [BigInt(i), -5n] }
    if (i % 23 !== 0) return binanceTrade(fields, { partition, time_ms, timestamp_ms: time_ms + late_ms })
    const placed = { partition, time_ms, timestamp_ms: time_ms + late_ms, writer: WRITERS.binanceExtra }
    return binanceTrade({ ...extra, ...fields }, placed)
  })
  return withNearCopies(records, 29)
}

const KRAKEN = [
  { pair: 'XBT/USD', partition: 0 },
  { pair: 'ETH/EUR', partition: 1 },
  // Two pairs with one joined name.
  { pair: 'USDT/USD', partition: 0 },
  { pair: 'USD/TUSD', partition: 1 },
] as const

/** Trades of Kraken over thirty hours, of its second feed and, without numbers, of its first. */
export function krakenHistory(count: number, firstId: number, from_ms: number): MixedRecord[] {
  const records = Array.from({ length: count }, (_, i) => {
    const { pair, partition } = KRAKEN[i % KRAKEN.length] as (typeof KRAKEN)[number]
    const fields = {
      pair,
      price: `${i % 11 === 0 ? '00' : ''}${1 + ((i * 53) % 50_000)}.${i % 10}${'0'.repeat(i % 13)}`,
      side: i % 2 === 0 ? 'b' : 's',
      order_type: ['l', 'm', '', 'x'][i % 4] as string,
      misc: i % 19 === 0 ? 'a"b\\é' : '',
    }
    const placed = { partition, time_ms: from_ms + Math.floor((i * SPAN_MS) / count) }
    if (i % 5 === 0) return krakenTrade(fields, { ...placed, writer: WRITERS.krakenFirst })
    if (i % 5 === 1) return krakenTrade({ ...fields, fill_number: i % 3 }, placed)
    const numbered = { ...fields, trade_id: BigInt(firstId + Math.floor(i / 4) * (i % 37 === 0 ? 2 : 1)) }
    if (i % 17 === 0) return krakenTrade({ ...numbered, note: `n${i}` }, { ...placed, writer: WRITERS.krakenExtra })
    return krakenTrade(numbered, placed)
  })
  return withNearCopies(records, 21)
}

/** The records with others among them, one after every tenth. */
export function interleaved(records: readonly MixedRecord[], others: readonly MixedRecord[]): MixedRecord[] {
  const mixed = records.flatMap((record, i) => {
    const other = others[i / 10]
    return other ? [record, other] : [record]
  })
  return [...mixed, ...others.slice(Math.ceil(records.length / 10))]
}

/** Valid trades with odd values. */
export function oddTrades(time_ms: number): MixedRecord[] {
  const at = { time_ms, partition: 1 }
  return [
    binanceTrade({ trade_id: 2n ** 53n + 1n, symbol: 'ADAEUR' }, at),
    binanceTrade({ trade_id: 2n ** 63n - 1n, symbol: 'ADAEUR' }, at),
    binanceTrade({ trade_id: 2n ** 53n + 1n, symbol: 'ADAEUR', price: '4' }, at),
    binanceTrade({ trade_id: -5n, symbol: 'ADAEUR' }, at),
    binanceTrade(
      { trade_id: 0n, symbol: 'ADAEUR', price: '0.0000000001', quantity: '999999999999999999.9999999999' },
      at,
    ),
    binanceTrade({ trade_id: 1n, symbol: 'ADAEUR', price: '000000000000000000000000000007.500000000000000000' }, at),
    binanceTrade({ trade_id: 2n, symbol: 'ADAEUR', ingestion_timestamp: -(2n ** 63n) }, at),
    binanceTrade({ trade_id: 3n, symbol: 'ADAEUR' }, { ...at, timestamp_ms: time_ms - 5_000 }),
    binanceTrade({ trade_id: 4n, symbol: 'ADAEUR' }, { ...at, timestamp_ms: time_ms + 365 * DAY_MS }),
    krakenTrade({ timestamp: `${time_ms / 1000}.5`, pair: 'XDG/XBT', trade_id: 1n }, at),
    krakenTrade({ timestamp: `${time_ms / 1000}`, pair: 'XDG/XBT', price: '7.10' }, at),
    krakenTrade({ timestamp: `${time_ms / 1000}.0`, pair: 'XDG/XBT', price: '7.1', volume: '00.250' }, at),
    krakenTrade({ timestamp: `${time_ms / 1000}.0`, pair: 'XDG/XBT', price: '7.1', fill_number: 0 }, at),
  ]
}
