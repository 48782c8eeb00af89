import { internSpans, ParseStatus } from '@assay/core'
import { describe, expect, test } from 'vitest'
import { binance } from '../src/binance/index.js'
import { extendReading, FIRST_READING, PRESENT_READING, type Reading } from '../src/index.js'
import { kraken } from '../src/kraken/index.js'
import { visibleText } from '../src/markets/symbol-text.js'

const { ok, missing, malformed } = ParseStatus
const currencyOf = (symbol: string, reading: Reading = PRESENT_READING): string | null =>
  binance.market(symbol, reading).currency

describe('the quote of a joined name', () => {
  test.each([
    ['BTCEUR', 'EUR'],
    ['ETHUSDT', 'USDT'],
    ['BTCFDUSD', 'FDUSD'],
    ['BTCTUSD', 'TUSD'],
    ['BTCUSDC', 'USDC'],
    ['BTCUSD', 'USD'],
    ['ETHBTC', 'BTC'],
    ['BTCTRY', 'TRY'],
    // The quote that is too long would leave a base that nobody knows.
    ['ADAEUR', 'EUR'],
    ['ENAEUR', 'EUR'],
    ['BTCAEUR', 'AEUR'],
    ['BNBUSD', 'USD'],
    ['DOTUSD', 'USD'],
    ['USDTUSD', 'USD'],
    ['SHIBUSD', 'USD'],
    ['XRPRLUSD', 'RLUSD'],
    ['ETHEURI', 'EURI'],
    // Both ways to split the name leave known bases; the pair is listed.
    ['GALAEUR', 'EUR'],
    ['AVAXUSD', 'USD'],
    ['TUSDBUSD', 'BUSD'],
    // A base that nobody knows, and one way only.
    ['NEWCOINUSDT', 'USDT'],
    ['币安人生USDT', 'USDT'],
  ])('%s is quoted in %s', (symbol, currency) => {
    expect(binance.market(symbol, PRESENT_READING)).toEqual({ symbol, currency, status: ok })
  })

  test.each(['FOOBAR', 'USDT', 'btcusdt', 'BTCU', 'ARBUSD', 'MIRAEUR', 'BTCXEUR', 'ZZTUSD'])(
    'that of %s is not known: several are possible, or none, and it is never guessed at',
    (symbol) => {
      expect(binance.market(symbol, PRESENT_READING)).toEqual({ symbol, currency: null, status: ok })
    },
  )

  test('every base with every quote is split rightly, or not at all', () => {
    const wrong: string[] = []
    let undecided = 0
    for (const base of PRESENT_READING.bases) {
      for (const quote of PRESENT_READING.quotes) {
        const found = currencyOf(base + quote)
        if (found === null) undecided++
        else if (
          found !== quote &&
          !PRESENT_READING.pairs.includes(`${(base + quote).slice(0, -found.length)}/${found}`)
        ) {
          wrong.push(`${base}/${quote}: ${found}`)
        }
      }
    }
    expect(wrong).toEqual([])
    expect(undecided).toBeLessThan(100)
  })

  test('quotes, bases and pairs are added by configuration, in any order the same', () => {
    const additions = { quotes: ['XEUR', 'U'], bases: ['ZZ'], pairs: ['ARB/USD'] }
    const more = extendReading(PRESENT_READING, additions)
    expect(['BTCXEUR', 'BTCU', 'ZZTUSD', 'ARBUSD'].map((symbol) => currencyOf(symbol, more))).toEqual([
      'XEUR',
      'U',
      'TUSD',
      'USD',
    ])
    expect(extendReading(PRESENT_READING, { ...additions, quotes: ['U', 'XEUR', 'U', 'EUR'] })).toEqual(more)
    expect(extendReading(PRESENT_READING, { quotes: ['EUR'], bases: ['BTC'], pairs: [] })).toBe(PRESENT_READING)
    // A name that is listed both ways decides nothing.
    expect(currencyOf('ARBUSD', extendReading(PRESENT_READING, { ...additions, pairs: ['ARB/USD', 'AR/BUSD'] }))).toBe(
      null,
    )
  })

  test('S2: a row of a rule set that says nothing of reading is read as it was', () => {
    expect(['ADAEUR', 'BNBUSD', ' x\u0000USD'].map((symbol) => binance.market(symbol, FIRST_READING))).toEqual([
      { symbol: 'ADAEUR', currency: 'AEUR', status: ok },
      { symbol: 'BNBUSD', currency: 'BUSD', status: ok },
      { symbol: ' x\u0000USD', currency: 'USD', status: ok },
    ])
    expect(kraken.market('A/B C/USD', FIRST_READING)).toEqual({ symbol: 'AB CUSD', currency: 'USD', status: ok })
  })
})

describe('a pair with a slash', () => {
  test.each([
    ['XBT/USD', 'BTCUSD', 'USD'],
    ['XBT/USDT', 'BTCUSDT', 'USDT'],
    ['ETH/XBT', 'ETHBTC', 'BTC'],
    ['XDG/USD', 'DOGEUSD', 'USD'],
    ['BTC/USDT', 'BTCUSDT', 'USDT'],
    ['AAPLx/USD', 'AAPLxUSD', 'USD'],
    ['USDT/USD', 'USDTUSD', 'USD'],
    ['USD/TUSD', 'USDTUSD', 'TUSD'],
    ['XBT/USD.d', 'BTCUSD.d', null],
    ['SOL/XYZ', 'SOLXYZ', null],
    ['XBTUSD', 'XBTUSD', null],
    ['FOOBAR', 'FOOBAR', null],
  ])('%s is %s, quoted in %s', (pair, symbol, currency) => {
    expect(kraken.market(pair, PRESENT_READING)).toEqual({ symbol, currency, status: ok })
  })
})

describe('the grammar of symbols', () => {
  test.each([
    'A',
    '1INCHUSDT',
    '1000SATSUSDT',
    '币安人生USDT',
    'हिन्दीUSDT',
    'A'.repeat(64),
    '𐐀'.repeat(64),
    'BTCUSDT_260327',
  ])('%s is one', (text) => {
    expect(binance.symbols.test(text)).toBe(true)
  })

  test.each([
    ['a blank around', ' BTCUSDT '],
    ['a blank', 'BTC USDT'],
    ['a wide blank', 'BTC\u3000USDT'],
    ['a NUL', 'BTC\u0000USDT'],
    ['a line end', 'BTCUSDT\n'],
    ['a mark that turns the direction', 'BTC\u202eTDSU'],
    ['a mark of direction', 'BTCUSDT\u200f'],
    ['a joiner of no width', 'BTC\u200dUSDT'],
    ['a letter that shows nothing', 'BTC\u3164USDT'],
    ['a mark that shows nothing', 'BTC\ufe0fUSDT'],
    ['a mark with no letter', '\u0301BTC'],
    ['half a surrogate pair', 'BTC\ud800'],
    ['a quote', "BTC'USDT"],
    ["another exchange's separator", 'BTC/USDT'],
    ['a separator at the end', 'BTCUSDT_'],
    ['two separators', 'BTC__USDT'],
    ['65 characters', 'A'.repeat(65)],
    ['a million characters', 'A'.repeat(1_000_000)],
  ])('a text with %s is none', (_, text) => {
    expect(binance.symbols.test(text)).toBe(false)
    expect(binance.market(text, PRESENT_READING)).toEqual({ symbol: null, currency: null, status: malformed })
  })

  test.each(['/', '/USD', 'XBT/', 'A/B/C', 'XBT//USD', '__proto__/USD'])('"%s" is no pair', (pair) => {
    expect(kraken.symbols.test(pair)).toBe(false)
    expect(kraken.market(pair, PRESENT_READING).status).toBe(malformed)
  })

  test('no text, no symbol', () => {
    const nothing = { symbol: null, currency: null, status: missing }
    expect([binance, kraken].map((exchange) => exchange.market('', PRESENT_READING))).toEqual([nothing, nothing])
  })

  test('what breaks it is shown so that it can be seen', () => {
    expect(visibleText(' a\u0000\u202eb\u3000 ')).toBe('" a\\u0000\\u{202e}b\\u{3000} "')
    expect(visibleText('x'.repeat(1_000_000))).toBe(`"${'x'.repeat(40)}"…`)
  })
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
  // Time of this process's own: what others do on the machine counts for nothing.
  const start = process.cpuUsage()
  const interned = internSpans(source, starts, ends, nulls)
  expect(process.cpuUsage(start).user / 1_000).toBeLessThan(2_000)
  expect(interned.texts.length).toBe(50_000)
  expect(interned.codes[3]).toBe(-1)
  const found = Array.from(interned.codes, (code) => interned.texts[code])
  expect(found).toEqual(texts.with(3, undefined as never))
})
