import { type RowColumn, rowBytes } from '@assay/core'
import { columnOf, quoteText } from '@assay/engine'
import { describe, expect, it } from 'vitest'
import { openSession } from '../../../tests/support/open-session.js'
import { SYMBOL_KEY_SQL, sameTradeSql, symbolKeyParts, TRADE_KEY } from '../src/index.js'
import { symbolKey } from '../src/keys/trade-key.js'
import { TradeBlock } from '../src/rows/trade-block.js'
import { BlockSymbols, SymbolNumbers } from '../src/symbol-numbers.js'

const session = await openSession()

interface Key {
  readonly exchange: string
  readonly currency: string
  readonly symbol: string
  readonly trade_id: string
}

const each = <Value>(values: readonly Value[], count: number): Value[][] =>
  count === 0 ? [[]] : values.flatMap((value) => each(values, count - 1).map((rest) => [value, ...rest]))

/** Both kinds of exchange, with every choice of two currencies, symbols and ids. */
const KEYS: readonly Key[] = ['BINANCE', 'KRAKEN'].flatMap((exchange) =>
  each([0, 1], 3).map(([currency = 0, symbol = 0, id = 0]) => ({
    exchange,
    currency: ['USD', 'USDT'][currency] ?? '',
    symbol: ['BTC/USD', 'é'][symbol] ?? '',
    trade_id: String(id),
  })),
)
const bookOf = ({ exchange, currency, symbol }: Key): string => symbolKey(exchange, currency, symbol)
const SOURCE = `(SELECT * FROM (VALUES ${KEYS.map(
  (key, i) =>
    `(${i}, ${[key.exchange, key.currency, key.symbol, key.trade_id].map((value) => quoteText(value)).join(', ')})`,
).join(', ')}) t(n, exchange, currency, symbol, trade_id))`

async function texts(sql: string): Promise<string[]> {
  const found: string[] = []
  for await (const chunk of session.read(sql)) {
    const column = columnOf(chunk, 'found', 'VARCHAR')
    for (let row = 0; row < chunk.count; row++) found.push(Buffer.from(rowBytes(column, row) ?? []).toString())
  }
  return found
}

describe('the key of a trade', () => {
  it('G1: has the currency exactly where the exchange writes base and quote apart', () => {
    expect(symbolKey('BINANCE', 'USDT', 'BTCUSDT')).toBe('BINANCE//BTCUSDT')
    expect(symbolKey('KRAKEN', 'USD', 'BTCUSD')).toBe('KRAKEN/USD/BTCUSD')
  })

  it('G1: is told in SQL as it is in memory, of one row and of two', async () => {
    expect(await texts(`SELECT ${SYMBOL_KEY_SQL} AS found FROM ${SOURCE} ORDER BY n`)).toEqual(KEYS.map(bookOf))
    const same = KEYS.flatMap((a, i) =>
      KEYS.flatMap((b, k) => (bookOf(a) === bookOf(b) && a.trade_id === b.trade_id ? `${i} ${k}` : [])),
    )
    const pairs = `FROM ${SOURCE} a, ${SOURCE} b WHERE ${sameTradeSql('a', 'b')} ORDER BY a.n, b.n`
    expect(await texts(`SELECT a.n || ' ' || b.n AS found ${pairs}`)).toEqual(same)
    const [distinct] = await texts(`SELECT count(DISTINCT (${TRADE_KEY}))::VARCHAR AS found FROM ${SOURCE}`)
    expect(Number(distinct)).toBe(new Set(KEYS.map((key) => `${bookOf(key)} ${key.trade_id}`)).size)
  })

  it('G3: gives back its exchange and its symbol, slashes and all', () => {
    for (const key of KEYS) {
      expect(symbolKeyParts(bookOf(key))).toEqual({ exchange: key.exchange, symbol: key.symbol })
    }
  })

  it('G1: of a row is numbered by its texts, a null one counting as empty', () => {
    const dictionary = (values: readonly (string | null)[]): RowColumn => {
      const texts = [...new Set(values)].filter((value) => value !== null)
      const codes = Int32Array.from(values, (value) => (value === null ? -1 : texts.indexOf(value)))
      return { type: 'DICTIONARY', codes, dictionary: texts }
    }
    const rows = each([null, 'KRAKEN', 'BINANCE', 'USD', 'USDT'], 3)
    const block = new TradeBlock(
      new Map(
        ['exchange', 'currency', 'symbol'].map((name, i) => [name, dictionary(rows.map((row) => row[i] ?? null))]),
      ),
      rows.length,
    )
    const numbers = new SymbolNumbers()
    const symbols = new BlockSymbols(block, numbers)
    const names = rows.map((_, row) => numbers.names[symbols.codeAt(row)])
    expect(names).toEqual(
      rows.map(([exchange, currency, symbol]) => symbolKey(exchange ?? '', currency ?? '', symbol ?? '')),
    )
    expect(new Set(numbers.names).size).toBe(numbers.names.length)
  })
})
