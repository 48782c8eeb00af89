import { numberAt } from '@assay/core'
import type { Decisions } from './find-duplicates.js'
import { Standing } from './keys/staged-keys.js'
import type { TradePiece } from './rows/trade-rows.js'

const FILTER_BITS = 16

/** Trades, by symbol key and number, whose new rows in a batch are looked for: all of them in one pass. */
export class WantedTrades {
  /** For each symbol's number: where the new row of each wanted trade is; -1 as long as it was not seen. */
  readonly #positions: (Map<number, number> | undefined)[]
  /** One byte for each value of a hash: most rows are told by it to be none of the wanted. */
  readonly #filter = new Uint8Array(2 ** FILTER_BITS)
  #isEmpty = true

  /** `symbols` is how many symbol keys the batch has. */
  constructor(symbols: number) {
    this.#positions = Array.from({ length: symbols }, () => undefined)
  }

  /** Wants the trade of a symbol's number; `id` is a safe integer. */
  add(symbol: number, id: number): void {
    let ofSymbol = this.#positions[symbol]
    if (!ofSymbol) {
      ofSymbol = new Map()
      this.#positions[symbol] = ofSymbol
    }
    ofSymbol.set(id, -1)
    this.#filter[hash(symbol, lowWord(id))] = 1
    this.#isEmpty = false
  }

  /** Looks for the wanted trades among the batch's new rows. */
  find(decisions: Decisions): void {
    if (this.#isEmpty) return
    for (const piece of decisions.rows.pieces) this.#findIn(piece, decisions)
  }

  #findIn({ block, rows, first }: TradePiece, { standings, symbols }: Decisions): void {
    const { words, nulls } = block.ids
    const filter = this.#filter
    for (let i = 0; i < rows.length; i++) {
      const row = rows[i] as number
      const symbol = symbols[first + i] as number
      if (filter[hash(symbol, words[2 * row] as number)] !== 1) continue
      if (standings[first + i] !== Standing.new || (nulls !== undefined && nulls[row] === 1)) continue
      const ofSymbol = this.#positions[symbol]
      const id = numberAt(words, row)
      if (ofSymbol?.has(id)) ofSymbol.set(id, first + i)
    }
  }

  /** The position of a wanted trade's new row; -1 when the batch has none. */
  position(symbol: number, id: number): number {
    return this.#positions[symbol]?.get(id) ?? -1
  }
}

/** The low word of a 64-bit integer that is a safe integer. */
function lowWord(id: number): number {
  return id | 0
}

function hash(symbol: number, low: number): number {
  return Math.imul(low ^ Math.imul(symbol, 0x9e3779b1), 0x85ebca6b) >>> (32 - FILTER_BITS)
}
