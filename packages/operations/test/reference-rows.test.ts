import { readFileSync } from 'node:fs'
import { exchanges } from '@assay/exchanges'
import type { SymbolRow } from '@assay/medallion'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseReference } from '../src/reference/reference-job.js'

const HEADER = 'exchange,symbol,base,quote,tick_size,lot_size,tier,valid_from,valid_to'
const ROW = 'BINANCE,BTCUSDT,BTC,USDT,0.01,0.00001,major,2020-01-01,2021-01-01'

function read(text: string | Uint8Array): SymbolRow[] {
  return parseReference({ exchanges }, typeof text === 'string' ? Buffer.from(text) : text)
}

/** The lines of what is said of a file that is wrong. */
function mistakes(text: string | Uint8Array): string[] {
  try {
    read(text)
  } catch (error) {
    expect(error).toMatchObject({ code: 'bad_reference_file' })
    return (error as Error).message.split('\n').slice(1)
  }
  throw new Error('the file was taken')
}

const day_us = (day: string): bigint => BigInt(Date.parse(day)) * 1000n

const BTC: SymbolRow = {
  exchange: 'BINANCE',
  symbol: 'BTCUSDT',
  base: 'BTC',
  quote: 'USDT',
  tick_size: '0.01',
  lot_size: '0.00001',
  tier: 'major',
  valid_from: day_us('2020-01-01'),
  valid_to: day_us('2021-01-01'),
}

describe('a file of reference data', () => {
  it('is CSV with a header, its columns in any order, with quotes, blanks, any line ends and a mark of UTF-8', () => {
    expect(read(`${HEADER}\n${ROW}\n`)).toEqual([BTC])
    expect(
      read(`\uFEFF${HEADER}\r\n\r\n"BINANCE" , BTCUSDT,BTC,USDT, 0.01,"0.00001",major,2020-01-01,2021-01-01`),
    ).toEqual([BTC])
    expect(read('valid_from,symbol,exchange,quote,base\n2020-01-01,BTCUSDT,binance,USDT,BTC')).toEqual([
      { ...BTC, tick_size: null, lot_size: null, tier: null, valid_to: null },
    ])
  })

  it('S3: or JSON lines, whose numbers are taken as they are written', () => {
    const object = { ...BTC, tick_size: 'T', lot_size: null, valid_from: '2020-01-01', valid_to: '2021-01-01' }
    const line = JSON.stringify(object).replace('"T"', '123456789012345678.0123456789')
    expect(read(`\n${line}\n`)).toEqual([{ ...BTC, tick_size: '123456789012345678.0123456789', lot_size: null }])
  })

  it('may be the one of the examples', () => {
    const file = new URL('../../../examples/reference/symbols.csv', import.meta.url)
    expect(read(readFileSync(file)).map(({ exchange, symbol }) => `${exchange}/${symbol}`)).toContain('KRAKEN/ETHUSDT')
  })

  it('has times to the microsecond', () => {
    const [row] = read(`${HEADER}\nkraken,X,B,Q,,,,2020-02-29T23:59:59.000001Z,9999-12-31T00:00Z`)
    expect([row?.valid_from, row?.valid_to]).toEqual([
      day_us('2020-02-29T23:59:59Z') + 1n,
      day_us('9999-12-31T00:00:00Z'),
    ])
  })

  it('tells every mistake at once, with line, column, value and what was expected', () => {
    const wrong = [
      HEADER,
      'NYSE,BTC USDT,BTC,USDT,0.01,0.01,major,2020-01-01,',
      'BINANCE,BTC USDT,B-C,,-1,0.00000000001,!,2020-02-30,2020-01-01T00:00:00',
      ROW.replace('2021-01-01', '2020-01-01'),
      `${ROW},`,
      '"open,1',
      'BINANCE,ETHUSDT,ETH,USDT,1e-2,0,,1969-12-31,',
    ]
    expect(mistakes(wrong.join('\n'))).toEqual([
      '- line 2: exchange "NYSE": expected one of BINANCE, KRAKEN',
      expect.stringMatching(/^- line 3: symbol "BTC USDT": expected letters and digits/),
      expect.stringMatching(/^- line 3: base "B-C": expected letters and digits, at most 32/),
      '- line 3: quote is empty: expected a value',
      expect.stringMatching(/^- line 3: tick_size "-1": expected a number above 0 with at most 18 digits/),
      expect.stringMatching(/^- line 3: lot_size "0.00000000001": expected a number above 0/),
      expect.stringMatching(/^- line 3: tier "!": expected letters and digits/),
      expect.stringMatching(/^- line 3: valid_from "2020-02-30": expected a day or a time in UTC/),
      expect.stringMatching(/^- line 3: valid_to "2020-01-01T00:00:00": expected a day or a time in UTC/),
      '- line 4: valid_to "2020-01-01T00:00:00Z": expected a time behind valid_from, 2020-01-01T00:00:00Z',
      '- line 5: expected 9 values, as many as the header has names, not 10',
      expect.stringMatching(/^- line 6: expected a row of CSV \(Quote Not Closed/),
      expect.stringMatching(/^- line 7: tick_size "1e-2": expected a number above 0/),
      expect.stringMatching(/^- line 7: lot_size "0": expected a number above 0/),
      expect.stringMatching(/^- line 7: valid_from "1969-12-31": expected a day/),
    ])
  })

  it('tells what is wrong with its columns once', () => {
    expect(mistakes(`symbol,symbol,tik_size,base,quote,valid_from\n${'A,A,1,B,Q,2020-01-01\n'.repeat(3)}`)).toEqual([
      '- line 1: symbol: expected each column once',
      expect.stringMatching(/^- line 1: tik_size: expected one of the columns exchange, symbol/),
      '- line 1: exchange: expected a column of that name',
    ])
    const line = JSON.stringify({ exchange: 'BINANCE', symbol: 'A', base: 'A', quote: 'B', valid_from: 1, tik: true })
    expect(mistakes(`${line}\n[]\n{"a":}\n`)).toEqual([
      '- line 1: tik: expected a text, a number or null',
      expect.stringMatching(/^- line 1: valid_from "1": expected a day/),
      '- line 2: expected a JSON object',
      expect.stringMatching(/^- line 3: expected a JSON object \(/),
    ])
  })

  it('A6: is bounded, as what is told of it is', () => {
    const told = mistakes(`${HEADER}\n${`${ROW},\n`.repeat(150)}`)
    expect([told.length, told.at(-1)]).toEqual([101, '… and 50 more'])
    expect(mistakes(`{"exchange":"${'x'.repeat(1e6)}"}`)).toEqual([
      '- line 1: expected a line of at most 16384 characters',
    ])
    expect(mistakes(`{"exchange":${'['.repeat(9000)}`)).toEqual([
      expect.stringMatching(/^- line 1: expected a JSON object/),
    ])
    expect(mistakes(`${HEADER}\n${'x'.repeat(20_000)}`)[0]).toMatch(
      /^- line 2: expected a row of CSV \(Max Record Size/,
    )
    expect(mistakes('\n'.repeat(100_001))).toEqual(['- line 100001: expected at most 100000 lines'])
    expect(mistakes(Uint8Array.of(0x65, 0xff))).toEqual(['- line 1: expected a text in UTF-8'])
    for (const empty of ['', '\n', HEADER])
      expect(mistakes(empty)).toEqual(['- line 1: expected rows of symbols; there are none'])
  })

  it('G1: is taken only if no two rows of a symbol are true at once; one may begin where another ends', () => {
    const second = fc.integer({ min: 0, max: 12 })
    const row = fc.record({ symbol: fc.constantFrom('A', 'B'), from: second, to: fc.option(second) })
    fc.assert(
      fc.property(fc.array(row, { minLength: 1, maxLength: 6 }), (rows) => {
        const time = (n: number | null): string => (n === null ? '' : `2020-01-01T00:00:${String(n).padStart(2, '0')}Z`)
        const text = rows.map(({ symbol, from, to }) => `KRAKEN,${symbol},B,Q,,,,${time(from)},${time(to)}`)
        const end = (to: number | null): number => to ?? Number.POSITIVE_INFINITY
        const isRight =
          rows.every(({ from, to }) => from < end(to)) &&
          rows.every((a, i) =>
            rows.every((b, j) => i === j || a.symbol !== b.symbol || a.from >= end(b.to) || b.from >= end(a.to)),
          )
        const file = [HEADER, ...text].join('\n')
        if (isRight) expect(read(file)).toHaveLength(rows.length)
        else expect(mistakes(file)).not.toEqual([])
      }),
    )
  })
})
