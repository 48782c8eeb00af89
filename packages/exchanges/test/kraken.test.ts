import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { compileEncoder } from '@assay/avro'
import { ParseStatus } from '@assay/core'
import { parse as parseLossless } from 'lossless-json'
import { describe, expect, test } from 'vitest'
import { type FeedOutcome, FIRST_READING } from '../src/index.js'
import { kraken } from '../src/kraken/index.js'
import { columnsOf, decodeBodies, feedRecords, rowOf } from './rows.js'
import { silverRows } from './silver-rows.js'

const TRADE =
  '{"symbol":"BTC/USDT","side":"buy","price":105433.60000,"qty":0.00027625,"ord_type":"limit","trade_id":10218208,"timestamp":"2025-11-10T17:23:53.971744Z"}'
const V1_TRADE = '["5541.20000","0.15850568","1534614057.321597","s","l",""]'
const v2 = (...trades: string[]): string => `{"channel":"trade","type":"update","data":[${trades.join(',')}]}`
const v1 = (...trades: string[]): string => `[337,[${trades.join(',')}],"trade","XBT/USD"]`
const parse = (line: string): FeedOutcome => kraken.newFeedParser(() => 5n)(line)

/** The schema that producers had before trades had ids. */
const SCHEMA_WITHOUT_ID = JSON.stringify({
  ...JSON.parse(kraken.schema),
  fields: JSON.parse(kraken.schema).fields.filter(
    ({ name }: { name: string }) => name !== 'trade_id' && name !== 'fill_number',
  ),
})

describe('feed', () => {
  test('S3: a v2 trade keeps every digit of its numbers', () => {
    expect(feedRecords(kraken, v2(TRADE))).toEqual([
      {
        key: Buffer.from('BTC/USDT'),
        event_time_us: 1_762_795_433_971_744n,
        record: {
          channel_id: 0,
          price: '105433.60000',
          volume: '0.00027625',
          timestamp: '1762795433.971744',
          side: 'b',
          order_type: 'l',
          misc: '',
          pair: 'BTC/USDT',
          trade_id: 10_218_208,
          fill_number: null,
          ingestion_timestamp: 1_700_000_000_000_000n,
        },
      },
    ])
    const prices = [
      '0.1000000000000000000000001',
      '123456789012345678901234567890',
      '1e-7',
      '1.25E+3',
      '12.5e-3',
      '0e0',
    ]
    const found = prices.map((price) => feedRecords(kraken, v2(TRADE.replace('105433.60000', price)))[0]?.record.price)
    expect(found).toEqual([prices[0], prices[1], '0.0000001', '1250', '0.0125', '0'])
  })

  test('a v1 frame', () => {
    const [record] = feedRecords(kraken, v1(V1_TRADE))
    expect(record).toMatchObject({
      event_time_us: 1_534_614_057_321_597n,
      record: {
        channel_id: 337,
        price: '5541.20000',
        volume: '0.15850568',
        timestamp: '1534614057.321597',
        side: 's',
        order_type: 'l',
        misc: '',
        pair: 'XBT/USD',
        trade_id: null,
        fill_number: 0,
      },
    })
  })

  test('T15: equal fills are numbered in order of arrival, whatever the clock says and however they are written', () => {
    const fills = (...lines: string[]): unknown[] => {
      let now_us = 100n
      const feed = kraken.newFeedParser(() => now_us--)
      return lines.flatMap((line) => {
        const outcome = feed(line)
        return outcome.kind === 'records' ? outcome.records.map(({ record }) => record.fill_number) : [outcome]
      })
    }
    const other = V1_TRADE.replace('5541.20000', '5541.20001')
    const shorter = V1_TRADE.replace('5541.20000', '5541.2')
    const lines = [v1(V1_TRADE, other, V1_TRADE), v2(TRADE), v1(shorter), v1(other)]
    expect(fills(...lines)).toEqual([0, 0, 1, null, 2, 1])
    expect(fills(...lines)).toEqual(fills(...lines))
    expect(fills(v1(V1_TRADE))).toEqual([0])
  })

  test.each([
    ['{"channel":"heartbeat"}', 'heartbeat'],
    ['{"channel":"status","type":"update","data":[]}', 'status'],
    ['{"method":"subscribe","success":true}', 'subscribe'],
    ['{"event":"heartbeat"}', 'heartbeat'],
    ['{"event":"systemStatus","status":"online"}', 'systemStatus'],
    ['[0,{"a":1},"book-10","XBT/USD"]', 'book-10'],
  ])('other messages are ignored: %s', (line, why) => {
    expect(parse(line)).toEqual({ kind: 'ignored', why: expect.stringContaining(why) })
  })

  test.each([
    ['no id', v2(TRADE.replace('"trade_id":10218208,', '')), /^field trade_id: .*nothing/],
    ['a price in text', v2(TRADE.replace('105433.60000', '"105433.6"')), /^field price: .*"105433.6"/],
    ['an endless exponent', v2(TRADE.replace('105433.60000', '1e999')), /^field price/],
    ['an impossible date', v2(TRADE.replace('2025-11-10', '2025-02-30')), /^field time/],
    ['a trade id past 2^63', v2(TRADE.replace('10218208', '9223372036854775808')), /^field trade_id/],
    ['more than microseconds', v2(TRADE.replace('971744Z', '9717441Z')), /^field time: at most six decimals/],
    ['more than microseconds (v1)', v1(V1_TRADE.replace('321597', '3215971')), /^field time: at most six decimals/],
    ['a leap second', v2(TRADE.replace('23:53', '23:60')), /^field time: .*leap second/],
    ['a time of another zone', v2(TRADE.replace('971744Z', '971744+01:00')), /^field time: .*UTC/],
    ['a blank in its pair', v2(TRADE.replace('BTC/USDT', 'BTC /USDT')), /^field symbol: .*"BTC \/USDT"/],
    ['two slashes in its pair (v1)', v1(V1_TRADE).replace('XBT/USD', 'XBT/U/SD'), /^field pair: .*one slash/],
    ['a number as time (v1)', v1(V1_TRADE.replace('"1534614057.321597"', '1534614057')), /^field time: a text/],
    ['a cut trade (v1)', v1('["1","2"]'), /^field time: .*nothing/],
    ['no array of trades', '{"channel":"trade","data":{}}', /array of trades/],
    ['a trade that is none', v2('null'), /a trade is expected/],
    ['no known field', '{"a":1}', /^field channel/],
    ['fields on a prototype', v2(`{"__proto__":${TRADE}}`), /^field timestamp: .*nothing/],
    ['a channel on a prototype', '{"__proto__":{"channel":"heartbeat"}}', /^field channel/],
    ['no JSON', '{', /not JSON/],
    ['brackets a million deep', '['.repeat(1_000_000), /not JSON/],
    ['a huge line', ' '.repeat((1 << 20) + 1), /longer/],
    ['a hundred thousand trades', v2(...Array(100_000).fill('1')), /at most 10000/],
  ])('a message with %s is refused and the field named', (_, line, reason) => {
    expect(parse(line)).toEqual({ kind: 'refused', reason: expect.stringMatching(reason) })
  })

  test('S6: one bad trade of a message does not take the good ones with it', () => {
    const outcome = parse(v2(TRADE, TRADE.replace('buy', '7').replace('"7"', '7'), TRADE))
    expect(outcome).toMatchObject({ kind: 'records', refused: [expect.stringMatching(/^field side: .*7/)] })
    expect(outcome.kind === 'records' && outcome.records.length).toBe(2)
  })

  test('a polluted message changes no object', () => {
    parse('{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}}}')
    expect(({} as Record<string, unknown>).polluted).toBeUndefined()
  })
})

test('S3: all recorded trades come through with every digit of the feed', () => {
  const [sample] = kraken.samples
  const lines = readFileSync(sample as URL, 'utf8')
    .trimEnd()
    .split('\n')
  const trades = lines.flatMap(
    (line) => (parseLossless(line) as { data: Record<string, { toString(): string }>[] }).data,
  )
  expect(trades.length).toBe(1000)
  const columns = columnsOf(
    kraken,
    lines.flatMap((line) => feedRecords(kraken, line).map(({ record }) => record)),
  )
  const silver = silverRows(columns, trades.length)
  const tenDecimals = (text: string): string => text.padEnd(text.indexOf('.') + 11, '0')
  for (const [row, trade] of trades.entries()) {
    const [whole, micros] = String(trade.timestamp).slice(0, -1).split('.')
    expect(silver[row]).toMatchObject({
      symbol: 'BTCUSDT',
      currency: 'USDT',
      trade_id: `KRAKEN-BTCUSDT-${trade.trade_id}`,
      price: tenDecimals(String(trade.price)),
      quantity: tenDecimals(String(trade.qty)),
      event_time_us: BigInt(Date.parse(`${whole}Z`)) * 1000n + BigInt(micros ?? 0),
      side: String(trade.side).toUpperCase(),
      trade_conditions: [String(trade.ord_type)],
    })
  }
})

describe('silver', () => {
  const V1_TIME = 'KRAKEN-1534614057.321597-'
  const md5 = (data: string | Uint8Array): string => createHash('md5').update(data).digest('hex').slice(0, 16)

  test('a trade without an id is known by its values and its number among equal ones, in every schema and spelling', () => {
    const fills = feedRecords(kraken, v1(V1_TRADE, V1_TRADE)).map(({ record }) => record)
    const values = '["XBT/USD","1534614057.321597","5541.2","0.15850568","s","l",""'
    const rewritten = { ...fills[0], price: '05541.2', channel_id: 9, ingestion_timestamp: 7n }
    const silver = silverRows(columnsOf(kraken, [...fills, rewritten]), 3)
    expect(silver.map((row) => row.trade_id)).toEqual([
      `${V1_TIME}${md5(`${values},0]`)}`,
      `${V1_TIME}${md5(`${values},1]`)}`,
      `${V1_TIME}${md5(`${values},0]`)}`,
    ])
    expect(silver[0]).toMatchObject({ symbol: 'BTCUSD', currency: 'USD', side: 'SELL', source_sequence: null })
  })

  test('a producer that numbers no fills is taken at its ingestion time, in both schemas alike', () => {
    const [{ fill_number: _, trade_id: __, ...old } = {}] = feedRecords(kraken, v1(V1_TRADE)).map(
      ({ record }) => record,
    )
    const record = { ...old, ingestion_timestamp: 1_700_000_000_000_000n }
    const ids = []
    for (const schema of [SCHEMA_WITHOUT_ID, kraken.schema]) {
      const body = compileEncoder(schema)({ trade_id: null, fill_number: null, ...record })
      const [row] = silverRows(decodeBodies(kraken, [body], schema), 1)
      ids.push(row?.trade_id)
    }
    const values = '["XBT/USD","1534614057.321597","5541.2","0.15850568","s","l","",1700000000000000]'
    expect(ids).toEqual([`${V1_TIME}${md5(values)}`, `${V1_TIME}${md5(values)}`])
  })

  test("S2: a rule set that says nothing of reading knows such a trade by its body's md5, as it did", () => {
    const encode = compileEncoder(SCHEMA_WITHOUT_ID)
    const bodies = [1n, 2n].map((ingestion_timestamp) =>
      encode({ ...feedRecords(kraken, v1(V1_TRADE))[0]?.record, ingestion_timestamp }),
    )
    const columns = decodeBodies(kraken, bodies, SCHEMA_WITHOUT_ID, FIRST_READING)
    const silver = silverRows(columns, bodies.length)
    expect(silver.map((row) => row.trade_id)).toEqual(bodies.map((body) => `${V1_TIME}${md5(body)}`))
  })

  test('records with and without ids stand side by side', () => {
    const records = [...feedRecords(kraken, v1(V1_TRADE)), ...feedRecords(kraken, v2(TRADE))].map(
      ({ record }) => record,
    )
    const silver = silverRows(columnsOf(kraken, records), 2)
    expect(silver.map((row) => row.trade_id)).toEqual([
      expect.stringMatching(/^KRAKEN-1534614057\.321597-[0-9a-f]{16}$/),
      'KRAKEN-BTCUSDT-10218208',
    ])
  })

  test('sides and order types that nobody knows, and hostile texts', () => {
    const base = feedRecords(kraken, v2(TRADE))[0]?.record
    const hostile = '"}\\\u0000\u{1f600}\n\''
    const records = [
      { ...base, side: 'x' },
      { ...base, order_type: 'stop' },
      { ...base, order_type: '', misc: hostile, pair: hostile },
    ]
    const silver = silverRows(columnsOf(kraken, records), 3)
    expect(silver.map((row) => row.side)).toEqual([null, 'BUY', 'BUY'])
    expect(silver.map((row) => row.trade_conditions)).toEqual([['limit'], ['stop'], []])
    expect(JSON.parse(String(silver[2]?.vendor_data))).toEqual({
      pair: hostile,
      channel_id: 0,
      order_type: '',
      misc: hostile,
    })
  })

  test('T13: times that are none are told apart', () => {
    const base = feedRecords(kraken, v2(TRADE))[0]?.record
    const texts = ['', 'yesterday', '-1.0', '9223372036854.775807', '1.1234567']
    const columns = columnsOf(
      kraken,
      texts.map((timestamp) => ({ ...base, timestamp })),
    )
    const found = texts.map((_, row) => rowOf(columns, row))
    const { missing, malformed, not_representable } = ParseStatus
    expect(found.map((row) => row.event_time_status)).toEqual([
      missing,
      malformed,
      not_representable,
      not_representable,
      malformed,
    ])
    expect(found.map((row) => row.event_time_text)).toEqual(texts)
    expect(found.map((row) => row.event_time_us)).toEqual([null, null, null, null, null])
  })
})
