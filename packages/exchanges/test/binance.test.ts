import { readFileSync } from 'node:fs'
import { ParseStatus } from '@assay/core'
import { describe, expect, test } from 'vitest'
import { binance } from '../src/binance/index.js'
import type { FeedOutcome } from '../src/index.js'
import { columnsOf, decodeBodies, feedRecords, rowOf } from './rows.js'
import { silverRows } from './silver-rows.js'

const LINE =
  '{"e":"trade","E":1610064000279,"s":"BTCUSDT","t":553287559,"p":"39432.48000000","q":"0.00026300","T":1610064000278,"m":true,"M":true}'
const parse = (line: string): FeedOutcome => binance.newFeedParser(() => 5n)(line)
const change = (fields: Record<string, unknown>): string => JSON.stringify({ ...JSON.parse(LINE), ...fields })
const record = (fields: Record<string, unknown>): Record<string, unknown> => ({
  ...feedRecords(binance, LINE)[0]?.record,
  ...fields,
})

describe('feed', () => {
  test('a trade, raw or from a combined stream', () => {
    const expected = {
      kind: 'records',
      refused: [],
      records: [
        {
          key: Buffer.from('BTCUSDT'),
          event_time_us: 1_610_064_000_278_000n,
          record: {
            event_type: 'trade',
            event_time_ms: 1_610_064_000_279,
            symbol: 'BTCUSDT',
            trade_id: 553_287_559,
            price: '39432.48000000',
            quantity: '0.00026300',
            trade_time_ms: 1_610_064_000_278,
            is_buyer_maker: true,
            is_best_match: true,
            ingestion_timestamp: 5n,
          },
        },
      ],
    }
    expect(parse(LINE)).toEqual(expected)
    expect(parse(`{"stream":"btcusdt@trade","data":${LINE}}`)).toEqual(expected)
  })

  test.each([
    ['{"result":null,"id":1}', 'answer'],
    ['{"e":"aggTrade"}', 'aggTrade'],
  ])('other messages are ignored: %s', (line, why) => {
    expect(parse(line)).toEqual({ kind: 'ignored', why: expect.stringContaining(why) })
  })

  test.each([
    ['price of another type', change({ p: 39432.48 }), /^field p: .*39432.48/],
    ['no symbol', change({ s: undefined }), /^field s: .*nothing/],
    ['an id past 2^63', LINE.replace('553287559', '9223372036854775808'), /^field t: .*9223372036854775808/],
    ['a time in microseconds', change({ T: 1_610_064_000_278_000 }), /^field T: milliseconds .*microseconds/],
    ['a blank in its symbol', change({ s: ' BTCUSDT' }), /^field s: .*" BTCUSDT"/],
    ['a fraction as a time', change({ T: 1.5 }), /^field T/],
    ['a time past 2261', change({ T: 9_214_646_400_000 }), /^field T/],
    ['a text as a flag', change({ m: 'true' }), /^field m: .*"true"/],
    ['half a surrogate pair', LINE.replace('BTCUSDT', '\\ud800'), /^field s/],
    ['no JSON', `${LINE}x`, /not JSON/],
    ['a number', '7', /object is expected/],
    ['an empty line', '', /not JSON/],
    ['fields on a prototype only', `{"__proto__":${LINE}}`, /^field e: .*nothing/],
    ['a huge line', `{"e":"${'x'.repeat(1 << 20)}"}`, /longer/],
    ['brackets a million deep', '['.repeat(1_000_000), /not JSON/],
  ])('a message with %s is refused and the field named', (_, line, reason) => {
    expect(parse(line)).toEqual({ kind: 'refused', reason: expect.stringMatching(reason) })
  })

  test('S3: an id past 2^53 is taken to the last digit', () => {
    for (const id of [2n ** 53n + 1n, 2n ** 63n - 1n, -(2n ** 63n)]) {
      expect(feedRecords(binance, LINE.replace('553287559', String(id)))[0]?.record.trade_id).toBe(id)
    }
  })

  test('a missing best-match flag is null, an unknown field does not matter', () => {
    const [first] = feedRecords(binance, change({ M: undefined, X: [1, { y: 2 }] }))
    expect(first?.record.is_best_match).toBe(null)
  })
})

test('S3: all recorded trades come through with every digit of the feed', () => {
  for (const sample of binance.samples) {
    const lines = readFileSync(sample, 'utf8').trimEnd().split('\n')
    expect(lines.length).toBeGreaterThanOrEqual(1000)
    const columns = columnsOf(
      binance,
      lines.map((line) => feedRecords(binance, line)[0]?.record ?? {}),
    )
    const silver = silverRows(columns, lines.length)
    for (const [row, line] of lines.entries()) {
      const { s, t, p, q, T, m } = JSON.parse(line)
      expect(silver[row]).toMatchObject({
        symbol: s,
        currency: 'USDT',
        trade_id: `BINANCE-${t}`,
        source_sequence: BigInt(t),
        price: p.padEnd(p.indexOf('.') + 11, '0'),
        quantity: q.padEnd(q.indexOf('.') + 11, '0'),
        event_time_us: BigInt(T) * 1000n,
        side: m ? 'SELL' : 'BUY',
        trade_conditions: [],
      })
    }
  }
})

describe('columns', () => {
  test('T13: one bad value never spoils the batch, and each says what it was', () => {
    const long = `1${'é'.repeat(40)}`
    const columns = columnsOf(binance, [
      record({ price: '1_000.5', quantity: '12345678901.5' }),
      record({ price: '', quantity: ' 12 ' }),
      record({ price: '0.0000000000000000001', quantity: '1e-30' }),
      record({ price: long, trade_time_ms: 2n ** 63n - 1n }),
      record({ symbol: '', trade_time_ms: -1 }),
      record({ symbol: 'FOOBAR' }),
    ])
    const rows = [0, 1, 2, 3, 4, 5].map((row) => rowOf(columns, row))
    expect(rows[0]).toMatchObject({
      price: null,
      price_status: ParseStatus.malformed,
      price_text: '1_000.5',
      quantity_text: null,
    })
    expect(rows[0]?.quantity).toBe(123_456_789_015_000_000_000n)
    expect(rows[1]).toMatchObject({
      price: null,
      price_status: ParseStatus.missing,
      price_text: '',
      quantity_text: ' 12 ',
    })
    expect(rows[2]).toMatchObject({
      price_status: ParseStatus.not_representable,
      quantity_status: ParseStatus.malformed,
    })
    expect(rows[3]?.price_text).toBe(`1${'é'.repeat(31)}`)
    expect(rows[3]).toMatchObject({
      event_time_us: null,
      event_time_status: ParseStatus.not_representable,
      event_time_text: '9223372036854775807',
    })
    expect(rows[4]).toMatchObject({ symbol: null, currency: null, event_time_text: '-1', price_status: ParseStatus.ok })
    expect(rows[5]).toMatchObject({ symbol: 'FOOBAR', currency: null })
  })

  test('rows that were not decoded are null throughout', () => {
    const { trade_conditions, vendor_data, ...values } = rowOf(decodeBodies(binance, [undefined, Uint8Array.of(1)]), 1)
    expect(new Set(Object.values(values))).toEqual(new Set([null]))
    expect([trade_conditions, Object.values(JSON.parse(String(vendor_data)))]).toEqual([[], [null, null, null, null]])
  })

  test('undecoded rows and hostile texts', () => {
    const hostile = 'a"b\\c\n\u0000\u2028</script>\u{1f600}\''
    const columns = columnsOf(binance, [record({ event_type: hostile, is_best_match: null, trade_id: -(2n ** 63n) })])
    const [row] = silverRows(columns, 1)
    expect(JSON.parse(String(row?.vendor_data))).toEqual({
      event_type: hostile,
      event_time_ms: 1_610_064_000_279,
      is_buyer_maker: true,
      is_best_match: null,
    })
    expect(row).toMatchObject({ trade_id: 'BINANCE--9223372036854775808' })
    const [none] = silverRows(decodeBodies(binance, [undefined]), 1)
    expect(none).toMatchObject({ trade_id: null, side: null, source_sequence: null, ingestion_timestamp: null })
  })
})
