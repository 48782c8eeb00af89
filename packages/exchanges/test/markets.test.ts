import { expect, test } from 'vitest'
import { internSpans } from '../src/interner.js'
import { krakenMarket } from '../src/kraken/pair.js'
import { suffixMarket } from '../src/quotes.js'

test.each([
  ['BTCEUR', 'EUR'],
  ['ETHUSDT', 'USDT'],
  ['BTCFDUSD', 'FDUSD'],
  ['BTCTUSD', 'TUSD'],
  ['BTCUSDC', 'USDC'],
  ['BTCUSD', 'USD'],
  ['ETHBTC', 'BTC'],
  ['BTCTRY', 'TRY'],
  ['FOOBAR', null],
  ['USDT', null],
  ['btcusdt', null],
  ['BTC-USDX', null],
])('the quote of %s is %s: the longest known suffix, never a guess', (symbol, currency) => {
  expect(suffixMarket(symbol)).toEqual({ symbol, currency })
})

test.each([
  ['XBT/USD', 'BTCUSD', 'USD'],
  ['XBT/USDT', 'BTCUSDT', 'USDT'],
  ['ETH/XBT', 'ETHBTC', 'BTC'],
  ['XDG/USD', 'DOGEUSD', 'USD'],
  ['BTC/USDT', 'BTCUSDT', 'USDT'],
  ['SOL/XYZ', 'SOLXYZ', null],
  ['XBTUSD', 'XBTUSD', null],
  ['__proto__/USD', '__proto__USD', 'USD'],
  ['FOOBAR', 'FOOBAR', null],
  ['XBT/', 'BTC', null],
])('the pair %s is %s, quoted in %s', (pair, symbol, currency) => {
  expect(krakenMarket(pair)).toEqual({ symbol, currency })
})

test.each(['', '/', '/USD'])('no base, no symbol: "%s"', (pair) => {
  expect(krakenMarket(pair)).toEqual({ symbol: null, currency: null })
  expect(suffixMarket('')).toEqual({ symbol: null, currency: null })
})

test('S6: distinct texts are told apart in bounded time, however many there are', () => {
  const texts = Array.from({ length: 60_000 }, (_, i) => `T${i % 50_000}`)
  const source = Buffer.from(texts.join(''))
  const ends = Uint32Array.from({ length: texts.length })
  let at = 0
  texts.forEach((text, i) => {
    at += text.length
    ends[i] = at
  })
  const starts = Uint32Array.from(ends, (_, i) => (i === 0 ? 0 : (ends[i - 1] as number)))
  const nulls = new Uint8Array(texts.length)
  nulls[3] = 1
  const start_ms = performance.now()
  const interned = internSpans(source, starts, ends, nulls)
  expect(performance.now() - start_ms).toBeLessThan(2000)
  expect(interned.texts.length).toBe(50_000)
  expect(interned.codes[3]).toBe(-1)
  const found = Array.from(interned.codes, (code) => interned.texts[code])
  expect(found).toEqual(texts.with(3, undefined as never))
})
