import { binanceTrade, krakenTrade, type MixedRecord } from './mixed-records.js'
import { encoded, type Fields, WRITERS } from './writers.js'

const DAY_MS = 86_400_000
const CUT = 'the record ends before it does'
const LONG_TEXT = 'é'.repeat(40)

/** Fields of Binance's trades of which each breaks a rule, some of them several. */
const BINANCE: readonly Fields[] = [
  ...['', '-1', '0', '-0.00', 'NaN', '1e-8', ' 1', '1.', '.5', '+1', '1_000', LONG_TEXT].map((price) => ({ price })),
  ...['1.00000000001', '1234567890123456789'].map((price) => ({ price })),
  ...['', '-0.5', '0', '1,5', 'Infinity', '0.00000000001'].map((quantity) => ({ quantity })),
  ...[-1n, 2n ** 63n - 1n, 9_214_646_400_000n].map((trade_time_ms) => ({ trade_time_ms })),
  ...['', 'btc usdt', 'FOOBAR', 'BTC/USDT', '.BTCUSDT', 'BTCU'].map((symbol) => ({ symbol })),
  ...['aggTrade', ''].map((event_type) => ({ event_type })),
  { price: 'x', quantity: 'y', symbol: '', event_type: 'z', trade_time_ms: -5n },
]

const KRAKEN: readonly Fields[] = [
  ...['', 'x', 'BUY', LONG_TEXT].map((side) => ({ side })),
  ...['', 'abc', '1.1234567', '-5', '99999999999', '1.', '-', LONG_TEXT].map((timestamp) => ({ timestamp })),
  ...['', '/USD', 'XBTUSD', 'A/B/C', 'XBT/FOO', ' XBT/USD'].map((pair) => ({ pair })),
  ...['0', '1.00000000001', 'x'].map((volume) => ({ volume })),
  { price: '-', volume: '', side: '?', timestamp: '?', pair: '?' },
]

const OPTIONAL: readonly Fields[] = [
  { price: null },
  { symbol: null },
  { trade_time_ms: null },
  { ingestion_timestamp: null },
  { price: null, symbol: null, trade_time_ms: null, ingestion_timestamp: null },
  // Nothing is missing here: it is a trade.
  {},
]

/** Records whose fields break rules, by every rule that fields can break; letters of several days. */
export function brokenTrades(time_ms: number): MixedRecord[] {
  const at = (i: number) => ({ time_ms, timestamp_ms: time_ms + (i % 2) * DAY_MS, partition: i % 2 })
  const id = (i: number) => BigInt(9_000_000 + i)
  return [
    ...BINANCE.map((fields, i) => binanceTrade({ trade_id: id(i), ...fields }, at(i))),
    ...OPTIONAL.map((fields, i) => {
      return binanceTrade({ trade_id: id(500 + i), ...fields }, { ...at(i), writer: WRITERS.binanceOptional })
    }),
    ...KRAKEN.map((fields, i) => krakenTrade({ trade_id: i % 3 === 0 ? null : id(i), ...fields }, at(i))),
    // Times that the record's own refutes, or that nothing can refute.
    binanceTrade({ trade_id: id(900) }, { time_ms, timestamp_ms: time_ms - 5_001 }),
    binanceTrade({ trade_id: id(901) }, { time_ms, timestamp_ms: time_ms + 365 * DAY_MS + 1 }),
    binanceTrade({ trade_id: id(902) }, { time_ms, timestamp_ms: -1 }),
  ]
}

/** Records whose frames are broken, in every way, with what silver has to say of each. */
export function brokenFrames(time_ms: number): MixedRecord[] {
  const fields = { trade_id: 5n, event_time_ms: 1n, trade_time_ms: 1n, ingestion_timestamp: 1n, is_best_match: null }
  const texts = { event_type: 'trade', symbol: 'BTCUSDT', price: '1', quantity: '2' }
  const whole = encoded(WRITERS.binance, { ...fields, ...texts, is_buyer_maker: true })
  const withHeader = (...header: number[]) => Buffer.concat([Buffer.from(header), whole.subarray(header.length)])
  const { incompatible = '' } = WRITERS.binanceWithoutSymbol
  const values: readonly (readonly [value: Uint8Array | null, detail: string])[] = [
    [null, 'the record has no value'],
    [new Uint8Array(), 'the value is empty'],
    [Buffer.from([0, 0]), '2 bytes, where the frame alone has 5'],
    [Buffer.from('{"a":1}'), 'plain JSON without a frame'],
    [withHeader(7), 'it begins with 07, a frame with 00'],
    [new Uint8Array(5), 'a frame with the schema id 0, which no registry gives out'],
    [withHeader(0, 0, 0, 0, 0), "a frame with an id of 8 bytes (Apicurio's former one): 175403617"],
    [withHeader(0, 0xff, 0xff, 0xff, 0xff), 'a frame with the schema id -1, which no registry gives out'],
    [withHeader(0, 0, 0, 3, 0xe7), '999'],
    [
      Buffer.concat([encoded(WRITERS.binanceWithoutSymbol, { ...fields, ...texts, is_buyer_maker: true })]),
      `schema id 6: ${incompatible}`,
    ],
    [whole.subarray(0, 20), `record of 20 bytes, read up to byte 20: field "trade_id" (long): ${CUT}`],
    [whole.subarray(0, 5), `record of 5 bytes, read up to byte 5: field "event_type" (string): ${CUT}`],
    [Buffer.concat([whole, Buffer.of(0)]), 'record of 30 bytes, read up to byte 29: 1 byte lies behind its last field'],
    [
      withHeader(0, 0, 0, 0, 1, 0xff, 0xff, 0xff, 0xff, 0xff),
      'record of 29 bytes, read up to byte 5: field "event_type" (string): the bytes there are no such value',
    ],
    [Buffer.alloc(2 ** 20 + 1), 'record of 1048577 bytes, silver looks into 1048576'],
  ]
  return values.map(([value, frameDetail], i) => {
    const timestamp_ms = BigInt(time_ms + (i % 3) * DAY_MS)
    return { exchange: 'binance', partition: i % 2, value, timestamp_ms, frameDetail }
  })
}
