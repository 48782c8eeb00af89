import { numberAt } from '@assay/core'
import { currentSnapshot, type TableMetadata } from '@assay/iceberg'
import { unchangedSince } from '@assay/pipeline'
import type { Decisions } from './find-duplicates.js'
import { hasNull, type KeptRow, sideOf } from './kept-rows.js'
import { Standing } from './keys/staged-keys.js'
import type { TradeBlock } from './rows/trade-block.js'
import type { TradePiece } from './rows/trade-rows.js'

/** Trades that are remembered, in 10 MiB. */
const TRADES_MAX = 2 ** 17
const SLOTS = 2 * TRADES_MAX
/** Distinct symbol keys, topics and sides; a batch that has more is not remembered. */
const TEXTS_MAX = 20_000
/** Words of a trade: number, time, offset, price, quantity, partition, codes of symbol key, topic and side. */
const WIDTH = 18
const [ID, TIME, OFFSET, PRICE, QUANTITY, PARTITION, SYMBOL, TOPIC, SIDE] = [0, 2, 4, 6, 10, 14, 15, 16, 17] as const

/**
 * The trades that gold took last, so that what was kept of a copy that soon follows is known without reading files:
 * coordinates, and the values that tell a conflict. A newer trade takes the place of the oldest.
 */
export class RecentTrades {
  #words: Int32Array | undefined
  /** Hash of symbol key and number → number of the trade + 1; of two with one hash the newer. */
  #slots: Int32Array | undefined
  #count = 0
  #codes = new Map<string, number>()
  #texts: string[] = []
  /** Gold's snapshot up to which nothing but new rows and compactions came. */
  #checked: bigint | undefined

  /** Forgets all of it where gold's rows may have changed since the last batch; `metadata` is gold's as pinned. */
  keepIfUnchanged(metadata: TableMetadata): void {
    const before = this.#checked
    if (before !== undefined && !unchangedSince(metadata, new Set([before])).has(before)) this.forget()
    this.#checked = currentSnapshot(metadata)?.snapshotId
  }

  forget(): void {
    this.#checked = undefined
    this.#words = undefined
    this.#slots = undefined
    this.#count = 0
    this.#codes = new Map()
    this.#texts = []
  }

  /** Takes in the new trades of a batch that was committed with a snapshot. */
  add(decisions: Decisions, snapshotId: bigint): void {
    if (this.#texts.length > TEXTS_MAX) this.forget()
    this.#words ??= new Int32Array(TRADES_MAX * WIDTH)
    this.#slots ??= new Int32Array(SLOTS)
    const symbols = Int32Array.from(decisions.symbolKeys, (symbolKey) => this.#code(symbolKey))
    for (const piece of decisions.rows.pieces) this.#addPiece(piece, decisions, symbols, this.#words, this.#slots)
    this.#checked ??= snapshotId
  }

  #addPiece(
    { block, rows, first }: TradePiece,
    decisions: Decisions,
    codes: Int32Array,
    words: Int32Array,
    slots: Int32Array,
  ): void {
    const { standings, symbols } = decisions
    const copy = this.#copierOf(block)
    const { words: ids, nulls } = block.ids
    for (let i = Math.max(0, rows.length - TRADES_MAX); i < rows.length; i++) {
      const row = rows[i] as number
      if (standings[first + i] !== Standing.new || (nulls !== undefined && nulls[row] === 1)) continue
      if (!Number.isSafeInteger(numberAt(ids, row))) continue
      const number = this.#count % TRADES_MAX
      const at = number * WIDTH
      if (!copy(row, words, at)) continue
      this.#count++
      const symbol = codes[symbols[first + i] as number] as number
      words[at + SYMBOL] = symbol
      slots[slotOf(symbol, ids[2 * row] as number)] = number + 1
    }
  }

  /** Copies what a trade's words are, but for its symbol key; tells false of a row that lacks a value. */
  #copierOf(block: TradeBlock): (row: number, words: Int32Array, at: number) => boolean {
    const { partitions } = block
    const nulls = [block.times, block.prices, block.quantities].flatMap(({ nulls: one }) => one ?? [])
    const [ids, times, offsets] = [block.ids.words, block.times.words, block.offsets.words]
    const [prices, quantities] = [block.prices.words, block.quantities.words]
    const [topics, sides] = [block.texts('topic'), block.texts('side')]
    const topicCodes = this.#codesOf(topics.dictionary)
    const sideCodes = this.#codesOf(sides.dictionary)
    return (row, words, at) => {
      for (let i = 0; i < nulls.length; i++) if (nulls[i]?.[row] === 1) return false
      const side = sides.codes[row] as number
      if (side < 0) return false
      words[at + ID] = ids[2 * row] as number
      words[at + ID + 1] = ids[2 * row + 1] as number
      words[at + TIME] = times[2 * row] as number
      words[at + TIME + 1] = times[2 * row + 1] as number
      words[at + OFFSET] = offsets[2 * row] as number
      words[at + OFFSET + 1] = offsets[2 * row + 1] as number
      for (let i = 0; i < 4; i++) words[at + PRICE + i] = prices[4 * row + i] as number
      for (let i = 0; i < 4; i++) words[at + QUANTITY + i] = quantities[4 * row + i] as number
      words[at + PARTITION] = partitions[row] as number
      words[at + TOPIC] = topicCodes[topics.codes[row] as number] as number
      words[at + SIDE] = sideCodes[side] as number
      return true
    }
  }

  /** The kept row of a duplicate with this symbol key and number; undefined when it is not remembered. */
  keptOf(symbolKey: string, block: TradeBlock, row: number): KeptRow | undefined {
    const at = this.#find(symbolKey, block.ids.words[2 * row] as number, block.ids.words[2 * row + 1] as number)
    const words = this.#words
    if (at === undefined || !words) return undefined
    const isSame = (from: number, other: Int32Array, width: number): boolean => {
      for (let i = 0; i < width; i++) if (words[at + from + i] !== other[row * width + i]) return false
      return true
    }
    return {
      topic: this.#texts[words[at + TOPIC] as number] as string,
      partition: words[at + PARTITION] as number,
      offset_low: words[at + OFFSET] as number,
      offset_high: words[at + OFFSET + 1] as number,
      isConflict:
        hasNull(block, row) ||
        !isSame(TIME, block.times.words, 2) ||
        !isSame(PRICE, block.prices.words, 4) ||
        !isSame(QUANTITY, block.quantities.words, 4) ||
        this.#texts[words[at + SIDE] as number] !== sideOf(block, row),
    }
  }

  /** When the trade with this symbol key and number happened, in µs since 1970; undefined when it is not remembered. */
  timeOf(symbolKey: string, id: number): bigint | undefined {
    const at = this.#find(symbolKey, id | 0, Math.floor(id / 2 ** 32))
    if (at === undefined || !this.#words) return undefined
    const low = BigInt((this.#words[at + TIME] as number) >>> 0)
    return (BigInt(this.#words[at + TIME + 1] as number) << 32n) | low
  }

  /** Index of the trade's first word. */
  #find(symbolKey: string, low: number, high: number): number | undefined {
    const symbol = this.#codes.get(symbolKey)
    const [words, slots] = [this.#words, this.#slots]
    if (symbol === undefined || !words || !slots) return undefined
    const at = ((slots[slotOf(symbol, low)] as number) - 1) * WIDTH
    if (at < 0 || words[at + SYMBOL] !== symbol) return undefined
    return words[at + ID] === low && words[at + ID + 1] === high ? at : undefined
  }

  #codesOf(texts: readonly string[]): Int32Array {
    return Int32Array.from(texts, (text) => this.#code(text))
  }

  #code(text: string): number {
    let code = this.#codes.get(text)
    if (code === undefined) {
      code = this.#texts.push(text) - 1
      this.#codes.set(text, code)
    }
    return code
  }
}

function slotOf(symbol: number, low: number): number {
  return Math.imul(low ^ Math.imul(symbol, 0x9e3779b1), 0x85ebca6b) >>> 14
}
