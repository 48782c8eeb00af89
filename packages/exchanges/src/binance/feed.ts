import { readJson } from '@assay/core'
import { parse as parseLossless } from 'lossless-json'
import { EVENT_TIME_END_US } from '../event-time.js'
import type { FeedOutcome, FeedParser } from '../exchange.js'
import { FeedFields, LINE_CHARACTERS_MAX, shown } from '../feed-fields.js'
import { binanceSymbols } from './symbols.js'

/**
 * Parser for Binance's `trade` stream, raw (`{"e":"trade",…}`) or combined (`{"stream":…,"data":{…}}`).
 * Source of the format: Binance Spot API, WebSocket Streams, "Trade Streams".
 */
export function newBinanceFeedParser(now_us: () => bigint): FeedParser {
  return (line) => {
    if (line.length > LINE_CHARACTERS_MAX) return refused(`the line is longer than ${LINE_CHARACTERS_MAX} characters`)
    let message: unknown
    try {
      message = readJson(line)
      if (hasInexactInteger(message)) message = parseLossless(line)
    } catch {
      return refused(`not JSON: ${shown(line)}`)
    }
    return readMessage(message, now_us)
  }
}

function refused(reason: string): FeedOutcome {
  return { kind: 'refused', reason }
}

function readMessage(message: unknown, now_us: () => bigint): FeedOutcome {
  if (!isObject(message)) return refused(`an object is expected, found ${shown(message)}`)
  if (isObject(message.data) && typeof message.stream === 'string') return readEvent(message.data, now_us)
  if (Object.hasOwn(message, 'result')) return { kind: 'ignored', why: 'answer to a request' }
  return readEvent(message, now_us)
}

function readEvent(event: Record<string, unknown>, now_us: () => bigint): FeedOutcome {
  const fields = new FeedFields(event)
  const eventType = fields.text('e')
  if (fields.problem) return refused(fields.problem)
  if (eventType !== 'trade') return { kind: 'ignored', why: `event ${shown(eventType)}` }
  const symbol = fields.symbol('s', binanceSymbols)
  const tradeTime_ms = fields.integer('T')
  const record = {
    event_type: eventType,
    event_time_ms: fields.integer('E'),
    symbol,
    trade_id: fields.integer('t'),
    price: fields.text('p'),
    quantity: fields.text('q'),
    trade_time_ms: tradeTime_ms,
    is_buyer_maker: fields.boolean('m'),
    is_best_match: fields.optionalBoolean('M'),
  }
  if (fields.problem) return refused(fields.problem)
  const event_time_us = BigInt(tradeTime_ms) * 1000n
  if (event_time_us < 0n || event_time_us >= EVENT_TIME_END_US) {
    const unit = event_time_us >= 0n && event_time_us / 1000n < EVENT_TIME_END_US ? ', which may be microseconds' : ''
    return refused(`field T: milliseconds from 1970 to 2261 are expected, found ${tradeTime_ms}${unit}`)
  }
  const complete = { ...record, ingestion_timestamp: now_us() }
  return { kind: 'records', records: [{ key: Buffer.from(symbol), record: complete, event_time_us }], refused: [] }
}

/** JSON's numbers are doubles here, which is enough for all but the rarest ids. */
function hasInexactInteger(message: unknown): boolean {
  if (!isObject(message)) return false
  const event = isObject(message.data) ? message.data : message
  return [event.E, event.t, event.T].some((value) => Number.isInteger(value) && !Number.isSafeInteger(value))
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
