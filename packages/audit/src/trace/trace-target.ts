import { CANDLE_SIZES } from '@assay/candles'
import { parseTime_us, TIME_MEANS, UsageError } from '@assay/core'
import { parseMessageId } from '@assay/medallion'

/** A candle, by the book and a time in its window. */
export interface CandleTarget {
  readonly kind: 'candle'
  /** In capitals, as in the tables. */
  readonly exchange: string
  readonly symbol: string
  /** Of all currencies where there is none. */
  readonly currency?: string
  readonly size: (typeof CANDLE_SIZES)[number]
  /** Where its window begins, µs since 1970. */
  readonly start_us: bigint
}

/** What somebody wants traced, as typed. */
export type TraceTarget =
  | CandleTarget
  | { readonly kind: 'coordinate'; readonly topic: string; readonly partition: number; readonly offset: bigint }
  | { readonly kind: 'message_id'; readonly laneId: number; readonly partition: number; readonly offset: bigint }
  | {
      readonly kind: 'trade_id'
      readonly tradeId: string
      /** The exchange's number of the trade, where the id has one. */
      readonly number?: bigint
      /** Hour since 1970 that an id without a number holds. */
      readonly hour?: number
    }

const TEXT_MAX = 1_000
const INT64_MAX = 2n ** 63n - 1n
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i

/** `exchange/symbol[/currency]/size/time`, as typed and as `verify` prints it. */
const CANDLE = new RegExp(
  `^([^/ ]+)/([^/ ]+)(?:/([^/ ]+))?[/ ](${CANDLE_SIZES.map(({ name }) => name).join('|')})[/ ](.+)$`,
)

/**
 * Reads a trade id, a message id, `topic/partition/offset`, or `exchange/symbol[/currency]/size/time` for a candle.
 * Throws `bad_trace_target`.
 */
export function parseTraceTarget(text: string): TraceTarget {
  if (text === '' || text.length > TEXT_MAX) throw badTarget(text.slice(0, 80))
  if (UUID.test(text)) {
    const coordinates = parseMessageId(text.toLowerCase())
    if (!coordinates) throw badTarget(text)
    return { kind: 'message_id', ...coordinates }
  }
  const coordinates = /^(.+)\/(\d{1,9})\/(\d{1,19})$/.exec(text)
  if (coordinates?.[1] && coordinates[2] && coordinates[3] && BigInt(coordinates[3]) <= INT64_MAX) {
    return {
      kind: 'coordinate',
      topic: coordinates[1],
      partition: Number(coordinates[2]),
      offset: BigInt(coordinates[3]),
    }
  }
  const candle = candleOf(text)
  if (candle) return candle
  return { kind: 'trade_id', tradeId: text, ...placeOfTrade(text) }
}

function candleOf(text: string): CandleTarget | undefined {
  const [, exchange, symbol, currency, sizeName, time] = CANDLE.exec(text) ?? []
  const size = CANDLE_SIZES.find(({ name }) => name === sizeName)
  if (!size || exchange === undefined || symbol === undefined || time === undefined) return undefined
  const time_us = parseTime_us(time.replace(' ', 'T').replace(/\+00(?::00)?$/, 'Z'))
  if (time_us === undefined) {
    throw new UsageError('bad_trace_target', `"${time}" is not ${TIME_MEANS}`, {
      hint: 'write a candle as binance/BTCUSDT/1m/2026-01-31T12:00:00Z',
    })
  }
  return {
    kind: 'candle',
    exchange: exchange.toUpperCase(),
    symbol: symbol.toUpperCase(),
    ...(currency !== undefined && { currency: currency.toUpperCase() }),
    size,
    start_us: time_us - (time_us % size.size_us),
  }
}

/** Where in the tables a trade id lies: its number, or the hour of the time that it holds. */
function placeOfTrade(tradeId: string): { readonly number?: bigint; readonly hour?: number } {
  const timed = /-(\d{1,11})\.\d+-[0-9a-f]{16}$/.exec(tradeId)
  if (timed?.[1]) return { hour: Math.floor(Number(timed[1]) / 3600) }
  const numbered = /^(?:.*-)?(-?\d{1,19})$/.exec(tradeId)
  const number = numbered?.[1] === undefined ? undefined : BigInt(numbered[1])
  return number !== undefined && number >= -INT64_MAX && number <= INT64_MAX ? { number } : {}
}

function badTarget(text: string): UsageError {
  return new UsageError('bad_trace_target', `"${text}" is no trade id, message id, coordinate or candle`, {
    hint: 'take a trade_id or message_id from gold or silver, write topic/partition/offset, or binance/BTCUSDT/1m/2026-01-31T12:00:00Z for a candle',
  })
}
