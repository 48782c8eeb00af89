import { symbolKey } from './keys/trade-key.js'
import type { Texts } from './rows/column-readers.js'
import type { TradeBlock } from './rows/trade-block.js'

/** The symbol keys of a batch, numbered. */
export class SymbolNumbers {
  readonly #codes = new Map<string, number>()
  readonly #names: string[] = []

  get names(): readonly string[] {
    return this.#names
  }

  code(exchange: string, currency: string, symbol: string): number {
    const name = symbolKey(exchange, currency, symbol)
    let code = this.#codes.get(name)
    if (code === undefined) {
      code = this.#names.push(name) - 1
      this.#codes.set(name, code)
    }
    return code
  }
}

/** Finds the number of a row's symbol key by the codes of its texts; one that is null counts as empty. */
export class BlockSymbols {
  readonly #keys: SymbolNumbers
  readonly #exchanges: Texts
  readonly #currencies: Texts
  readonly #symbols: Texts
  /** For each symbol the pair of exchange and currency that it was last seen with (-1: none), and the key's number. */
  readonly #pairs: Int32Array
  readonly #codes: Int32Array
  readonly #all = new Map<number, number>()

  constructor(block: TradeBlock, keys: SymbolNumbers) {
    this.#keys = keys
    this.#exchanges = block.texts('exchange')
    this.#currencies = block.texts('currency')
    this.#symbols = block.texts('symbol')
    this.#pairs = new Int32Array(this.#symbols.dictionary.length + 1).fill(-1)
    this.#codes = new Int32Array(this.#pairs.length)
  }

  codeAt(row: number): number {
    const symbol = (this.#symbols.codes[row] as number) + 1
    const pair =
      ((this.#exchanges.codes[row] as number) + 1) * (this.#currencies.dictionary.length + 1) +
      (this.#currencies.codes[row] as number) +
      1
    return this.#pairs[symbol] === pair ? (this.#codes[symbol] as number) : this.#find(row, symbol, pair)
  }

  #find(row: number, symbol: number, pair: number): number {
    const all = pair * this.#pairs.length + symbol
    let code = this.#all.get(all)
    if (code === undefined) {
      code = this.#keys.code(textOf(this.#exchanges, row), textOf(this.#currencies, row), textOf(this.#symbols, row))
      this.#all.set(all, code)
    }
    this.#pairs[symbol] = pair
    this.#codes[symbol] = code
    return code
  }
}

function textOf({ codes, dictionary }: Texts, row: number): string {
  return dictionary[codes[row] as number] ?? ''
}
