import { numberAt, type RowColumns } from '@assay/core'
import { decimalsOf, longsOf, textAt, textsOf } from '@assay/deduplication'
import type { TradeReader } from './measures.js'

/** The columns of gold that candles are made from. */
export const CANDLE_SOURCE: readonly string[] = [
  'exchange',
  'symbol',
  'currency',
  'trade_id',
  'timestamp',
  'price',
  'quantity',
  'side',
  'source_sequence',
  'topic',
  'partition',
  'offset',
  'replay_id',
]

/** Whose candles: the book, never its joined name alone. */
interface CandleKey {
  readonly exchange: string
  readonly symbol: string
  readonly currency: string
}

/** Keys that were met, by number; numbers are as good as the object that gave them. */
export class CandleKeys {
  readonly #numbers = new Map<string, number>()
  readonly #keys: CandleKey[] = []

  numberOf(exchange: string, symbol: string, currency: string): number {
    const text = `${exchange}\0${symbol}\0${currency}`
    const known = this.#numbers.get(text)
    if (known !== undefined) return known
    const number = this.#keys.length
    this.#numbers.set(text, number)
    this.#keys.push({ exchange, symbol, currency })
    return number
  }

  keyOf(number: number): CandleKey {
    const key = this.#keys[number]
    if (!key) throw new RangeError(`there is no key of number ${number}`)
    return key
  }
}

/** Rows of gold, read as trades: `times` are µs since 1970, `keys` has the number of each row's key. */
export interface TradeColumns {
  readonly columns: RowColumns
  readonly count: number
  readonly times: BigInt64Array
  readonly keyAt: (row: number) => number
  readonly reader: TradeReader
}

/** Reads the first `count` rows of columns with all of `CANDLE_SOURCE`. */
export function tradeColumns(columns: RowColumns, count: number, keys: CandleKeys): TradeColumns {
  const { words: times } = longsOf(columns, 'timestamp', count)
  const numbers = longsOf(columns, 'source_sequence', count)
  const sequences = longsAgain(numbers.words)
  const sides = textsOf(columns, 'side', count)
  const replays = textsOf(columns, 'replay_id', count)
  const buy = sides.dictionary.indexOf('BUY')
  const price = decimalReader(columns, 'price')
  const quantity = decimalReader(columns, 'quantity')
  return {
    columns,
    count,
    times: longsAgain(times),
    keyAt: keyReader(columns, count, keys),
    reader: {
      time_us: (row) => numberAt(times, row),
      sequence: (row) => (numbers.nulls?.[row] === 1 ? undefined : sequences[row]),
      id: (row) => textAt(columns, 'trade_id', row) ?? '',
      price,
      quantity,
      isBuy: (row) => sides.codes[row] === buy,
      isReplayed: (row) => replays.codes[row] !== -1,
    },
  }
}

function longsAgain(words: Int32Array): BigInt64Array {
  return new BigInt64Array(words.buffer, words.byteOffset, words.length / 2)
}

/** Unscaled values: the high word of 64 bits is nearly always zero. */
function decimalReader(columns: RowColumns, name: string): (row: number) => bigint {
  const { words } = decimalsOf(columns, name)
  return (row) => {
    const at = 4 * row
    const low = words[at] as number
    const second = words[at + 1] as number
    if (words[at + 2] === 0 && words[at + 3] === 0) {
      if (second >= 0 && second < 2 ** 21) return BigInt(second * 2 ** 32 + (low >>> 0))
      return (BigInt(second >>> 0) << 32n) | BigInt(low >>> 0)
    }
    const high = (BigInt(words[at + 3] as number) << 32n) | BigInt((words[at + 2] as number) >>> 0)
    return (high << 64n) | (BigInt(second >>> 0) << 32n) | BigInt(low >>> 0)
  }
}

/** Few combinations of exchange, symbol and currency: each is looked up once. */
function keyReader(columns: RowColumns, count: number, keys: CandleKeys): (row: number) => number {
  const [exchanges, symbols, currencies] = ['exchange', 'symbol', 'currency'].map((name) =>
    textsOf(columns, name, count),
  )
  if (!exchanges || !symbols || !currencies) throw new RangeError('gold was read without its keys')
  const known = new Map<number, number>()
  return (row) => {
    const [e, s, c] = [exchanges.codes[row] as number, symbols.codes[row] as number, currencies.codes[row] as number]
    const combined = (e * (symbols.dictionary.length + 1) + s) * (currencies.dictionary.length + 1) + c
    let number = known.get(combined)
    if (number === undefined) {
      const text = (dictionary: readonly string[], code: number): string => dictionary[code] ?? ''
      number = keys.numberOf(text(exchanges.dictionary, e), text(symbols.dictionary, s), text(currencies.dictionary, c))
      known.set(combined, number)
    }
    return number
  }
}
