import { EVENT_TIME_END_US } from '../event-time.js'
import type { FeedOutcome, FeedParser } from '../exchange.js'
import { FeedFields, LINE_CHARACTERS_MAX, shown, strictlyIncreasing } from '../feed-fields.js'

/**
 * Parser for Binance's `trade` stream, raw (`{"e":"trade",…}`) or combined (`{"stream":…,"data":{…}}`).
 * Source of the format: Binance Spot API, WebSocket Streams, "Trade Streams".
 */
export function newBinanceFeedParser(now_us: () => bigint): FeedParser {
  const ingestion_us = strictlyIncreasing(now_us)
  return (line) => {
    if (line.length > LINE_CHARACTERS_MAX) return refused(`the line is longer than ${LINE_CHARACTERS_MAX} characters`)
    let message: unknown
    try {
      message = JSON.parse(line)
    } catch {
      return refused(`not JSON: ${shown(line)}`)
    }
    return readMessage(message, ingestion_us)
  }
}

function refused(reason: string): FeedOutcome {
  return { kind: 'refused', reason }
}

function readMessage(message: unknown, ingestion_us: () => bigint): FeedOutcome {
  if (!isObject(message)) return refused(`an object is expected, found ${shown(message)}`)
  if (isObject(message.data) && typeof message.stream === 'string') return readEvent(message.data, ingestion_us)
  if (Object.hasOwn(message, 'result')) return { kind: 'ignored', why: 'answer to a request' }
  return readEvent(message, ingestion_us)
}

function readEvent(event: Record<string, unknown>, ingestion_us: () => bigint): FeedOutcome {
  const fields = new FeedFields(event)
  const eventType = fields.text('e')
  if (fields.problem) return refused(fields.problem)
  if (eventType !== 'trade') return { kind: 'ignored', why: `event ${shown(eventType)}` }
  const symbol = fields.text('s')
  const tradeTime_ms = fields.safeInteger('T')
  const record = {
    event_type: eventType,
    event_time_ms: fields.safeInteger('E'),
    symbol,
    trade_id: fields.safeInteger('t'),
    price: fields.text('p'),
    quantity: fields.text('q'),
    trade_time_ms: tradeTime_ms,
    is_buyer_maker: fields.boolean('m'),
    is_best_match: fields.optionalBoolean('M'),
  }
  if (fields.problem) return refused(fields.problem)
  const event_time_us = BigInt(tradeTime_ms) * 1000n
  if (event_time_us < 0n || event_time_us >= EVENT_TIME_END_US) {
    return refused(`field T: a time from 1970 to 2261 is expected, found ${tradeTime_ms}`)
  }
  const complete = { ...record, ingestion_timestamp: ingestion_us() }
  return { kind: 'records', records: [{ key: Buffer.from(symbol), record: complete, event_time_us }], refused: [] }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
