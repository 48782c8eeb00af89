import { checkJsonDepth } from '@assay/core'
import { parse } from 'lossless-json'
import type { FeedOutcome, FeedParser, FeedRecord } from '../exchange.js'
import { FeedFields, LINE_CHARACTERS_MAX, shown } from '../feed-fields.js'
import { secondsText, secondsTextMicros, wantedTime } from '../feed-time.js'
import { FillCounter } from './fill-counter.js'
import { krakenSymbols } from './pair.js'

/** More trades than this in one message are no trade message; a snapshot has 50. */
const TRADES_MAX = 10_000

/**
 * Parser for Kraken's public trades: the v2 channel `trade` (objects) and the v1 subscription (arrays).
 * Prices and quantities of v2 are JSON numbers and are kept digit by digit. Trades of v1 have no id: equal ones, which
 * do happen, are numbered in the order in which this parser comes upon them.
 * Source of the formats: Kraken API, WebSocket v2 "Trade", WebSocket v1 "Trade".
 */
export function newKrakenFeedParser(now_us: () => bigint): FeedParser {
  const fills = new FillCounter()
  return (line) => {
    if (line.length > LINE_CHARACTERS_MAX) return refused(`the line is longer than ${LINE_CHARACTERS_MAX} characters`)
    let message: unknown
    try {
      checkJsonDepth(line)
      message = parse(line)
    } catch {
      return refused(`not JSON: ${shown(line)}`)
    }
    if (Array.isArray(message)) return readV1(message, fills, now_us)
    if (typeof message === 'object' && message !== null) return readV2(new Map(Object.entries(message)), now_us)
    return refused(`an object or an array is expected, found ${shown(message)}`)
  }
}

type ReadTrade = (trade: object) => FeedRecord | string

function refused(reason: string): FeedOutcome {
  return { kind: 'refused', reason }
}

function readTrades(trades: unknown, read: ReadTrade): FeedOutcome {
  if (!Array.isArray(trades)) return refused(`an array of trades is expected, found ${shown(trades)}`)
  if (trades.length > TRADES_MAX) return refused(`at most ${TRADES_MAX} trades are expected, found ${trades.length}`)
  const records: FeedRecord[] = []
  const problems: string[] = []
  for (const trade of trades) {
    const outcome =
      typeof trade === 'object' && trade !== null ? read(trade) : `a trade is expected, found ${shown(trade)}`
    if (typeof outcome === 'string') problems.push(outcome)
    else records.push(outcome)
  }
  if (records.length === 0 && problems[0] !== undefined) return refused(problems[0])
  return { kind: 'records', records, refused: problems }
}

/** `{"channel":"trade","type":"update","data":[{…}]}` */
function readV2(message: ReadonlyMap<string, unknown>, now_us: () => bigint): FeedOutcome {
  const channel = message.get('channel')
  if (channel === 'trade') return readTrades(message.get('data'), (trade) => readV2Trade(trade, now_us))
  for (const key of ['channel', 'method', 'event']) {
    if (message.has(key)) return { kind: 'ignored', why: `${key} ${shown(message.get(key))}` }
  }
  return refused('field channel: a text is expected, found nothing')
}

const SIDES: ReadonlyMap<string, string> = new Map([
  ['buy', 'b'],
  ['sell', 's'],
])
const ORDER_TYPES: ReadonlyMap<string, string> = new Map([
  ['limit', 'l'],
  ['market', 'm'],
])

function readV2Trade(trade: object, now_us: () => bigint): FeedRecord | string {
  const fields = new FeedFields(trade)
  const time = fields.text('timestamp')
  const side = fields.text('side')
  const orderType = fields.text('ord_type')
  const record = {
    channel_id: 0,
    price: fields.decimal('price'),
    volume: fields.decimal('qty'),
    timestamp: secondsText(time) ?? time,
    side: SIDES.get(side) ?? side,
    order_type: ORDER_TYPES.get(orderType) ?? orderType,
    misc: '',
    pair: fields.symbol('symbol', krakenSymbols),
    trade_id: fields.integer('trade_id'),
    fill_number: null,
  }
  return finished(fields, record, time, now_us)
}

/** `[channel id, [[price, volume, time, side, order type, misc], …], "trade", pair]` */
function readV1(message: readonly unknown[], fills: FillCounter, now_us: () => bigint): FeedOutcome {
  if (message.at(-2) !== 'trade') return { kind: 'ignored', why: `channel ${shown(message.at(-2))}` }
  const frame = new FeedFields(message)
  const channelId = frame.integer(0, 'channel id')
  const pair = frame.symbol(3, krakenSymbols, 'pair')
  if (frame.problem) return refused(frame.problem)
  return readTrades(message[1], (trade) => {
    const fields = new FeedFields(trade)
    const record = {
      channel_id: channelId,
      price: fields.text(0, 'price'),
      volume: fields.text(1, 'volume'),
      timestamp: fields.text(2, 'time'),
      side: fields.text(3, 'side'),
      order_type: fields.text(4, 'order type'),
      misc: fields.text(5, 'misc'),
      pair,
      trade_id: null,
    }
    if (fields.problem) return fields.problem
    return finished(fields, { ...record, fill_number: fills.next(record) }, record.timestamp, now_us)
  })
}

function finished(
  fields: FeedFields,
  record: Readonly<Record<string, unknown>> & { readonly timestamp: string; readonly pair: string },
  time: string,
  now_us: () => bigint,
): FeedRecord | string {
  if (fields.problem) return fields.problem
  const event_time_us = secondsTextMicros(record.timestamp)
  if (event_time_us === undefined) return `field time: ${wantedTime(time)}, found ${shown(time)}`
  return { key: Buffer.from(record.pair), record: { ...record, ingestion_timestamp: now_us() }, event_time_us }
}
