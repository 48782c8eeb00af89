import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { type Exchange, exchangeNamed, exchanges } from '../src/index.js'
import type { LiveText } from '../src/live.js'
import { madeUp } from './made-up/index.js'

const binance = exchangeNamed('binance')
const kraken = exchangeNamed('kraken')

describe("an exchange's own feed", () => {
  test('Binance: streams are named in the address', () => {
    expect(binance.live.connect(['BTCUSDT', 'ETHUSDT'])).toEqual({
      url: 'wss://stream.binance.com:9443/stream?streams=btcusdt@trade/ethusdt@trade',
      subscribe: [],
    })
  })

  test('Kraken: pairs are subscribed to, with a snapshot', () => {
    const { url, subscribe } = kraken.live.connect(['BTC/USD'])
    expect(url).toBe('wss://ws.kraken.com/v2')
    expect(subscribe.map((text) => JSON.parse(text))).toEqual([
      { method: 'subscribe', params: { channel: 'trade', symbol: ['BTC/USD'], snapshot: true } },
    ])
  })

  test('Binance ends a connection after a day, so that another is made before', () => {
    expect(binance.live.lifetime_ms).toBeLessThan(24 * 3_600_000)
  })

  test.each<[Exchange, string, LiveText['kind']]>([
    [kraken, '{"channel":"heartbeat"}', 'heartbeat'],
    [kraken, '{"channel":"status","type":"update","data":[{"system":"online"}]}', 'control'],
    [kraken, '{"method":"subscribe","result":{"channel":"trade","symbol":"BTC/USD"},"success":true}', 'control'],
    [kraken, '{"error":"Currency pair not supported FOO/BAR","method":"subscribe","success":false}', 'error'],
    [binance, '{"result":null,"id":1}', 'control'],
    [binance, '{"error":{"code":2,"msg":"Invalid request"},"id":1}', 'error'],
    ...['', 'x', 'null', '[]', '1', '{"__proto__":null}'].flatMap((text): [Exchange, string, 'data'][] => [
      [kraken, text, 'data'],
      [binance, text, 'data'],
    ]),
  ])('$name takes %s for what it is', (exchange, text, kind) => {
    expect(exchange.live.onText(text).kind).toBe(kind)
  })

  test.each([...exchanges, madeUp])('$name: its usual symbols are written as it writes them', ({ live, symbols }) => {
    for (const symbol of [...live.symbols, live.symbolExample]) {
      expect([symbol, symbols.test(symbol) && live.isFollowable(symbol)]).toEqual([symbol, true])
    }
    expect(live.symbols.length).toBeLessThanOrEqual(live.symbolsMax)
  })

  test('symbols of other scripts are followed, too', () => {
    const { url } = binance.live.connect(['BTCUSDT', '币安人生USDT'])
    expect(new URL(url).searchParams.get('streams')).toBe('btcusdt@trade/币安人生usdt@trade')
    expect(url).toMatch(/^[\x21-\x7e]+$/)
  })

  test.each(exchanges)('$name: recorded trades are data', ({ live, samples }) => {
    const [line = ''] = readFileSync(samples[0] as URL, 'utf8').split('\n')
    expect(live.onText(line)).toEqual({ kind: 'data' })
  })
})
