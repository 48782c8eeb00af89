import { type LaneKey, numberAt } from '@assay/core'
import type { KeySet } from './keys/key-set.js'
import { StagedKeys, type StagedSymbol, Standing } from './keys/staged-keys.js'
import type { TradeBlock } from './rows/trade-block.js'
import type { TradePiece, TradeRows } from './rows/trade-rows.js'
import { BlockSymbols, SymbolNumbers } from './symbol-numbers.js'

/** What deduplication found, by the positions of the batch's rows. */
export interface Decisions {
  readonly rows: TradeRows
  /** A `Standing` for each row. */
  readonly standings: Uint8Array
  /** Number of each row's symbol key. */
  readonly symbols: Int32Array
  /** The symbol keys by their numbers. */
  readonly symbolKeys: readonly string[]
  readonly staged: StagedKeys
  readonly duplicates: number
  /** Positions of the kept rows of duplicates that have no number, or one that a double can't hold. */
  readonly keptOfText: ReadonlyMap<number, number>
}

/** Tells of rows at these positions, which have no trade number, whether gold has their trades. */
export type FindInGold = (rows: TradeRows, positions: readonly number[]) => Promise<ReadonlySet<number>>

/** Decides for every row, in order, whether it is the first of its trade. */
export async function findDuplicates(rows: TradeRows, keys: KeySet, findInGold: FindInGold): Promise<Decisions> {
  const pass = new DecisionPass(rows, keys)
  for (const piece of rows.pieces) pass.decide(piece)
  const { standings, symbols, staged } = pass
  const keptOfText = await decideByText(rows, pass, findInGold)
  let duplicates = 0
  for (let i = 0; i < standings.length; i++) if (standings[i] !== Standing.new) duplicates++
  return { rows, standings, symbols, symbolKeys: pass.keys.names, staged, duplicates, keptOfText }
}

/** Offset of each lane's last row that is new. */
export function writtenOf({ rows, standings }: Pick<Decisions, 'rows' | 'standings'>): ReadonlyMap<LaneKey, bigint> {
  const written = new Map<LaneKey, bigint>()
  for (const { key, rows: indices, offsets, first } of rows.pieces) {
    let i = indices.length - 1
    while (i >= 0 && standings[first + i] !== Standing.new) i--
    if (i >= 0) written.set(key, offsets[indices[i] as number] as bigint)
  }
  return written
}

/** One pass over the rows by their trade numbers; those that have none that a double can hold are put by. */
class DecisionPass {
  readonly standings: Uint8Array
  readonly symbols: Int32Array
  readonly keys = new SymbolNumbers()
  readonly staged: StagedKeys
  readonly others: number[] = []
  readonly #stagedOf: (StagedSymbol | undefined)[] = []
  readonly #blocks = new Map<TradeBlock, BlockSymbols>()

  constructor({ count }: TradeRows, base: KeySet) {
    this.standings = new Uint8Array(count)
    this.symbols = new Int32Array(count)
    this.staged = new StagedKeys(base)
  }

  decide({ block, rows, first }: TradePiece): void {
    const { standings, symbols } = this
    const { words, nulls } = block.ids
    const symbolsOf = this.#symbolsOf(block)
    for (let i = 0; i < rows.length; i++) {
      const row = rows[i] as number
      const symbol = symbolsOf.codeAt(row)
      symbols[first + i] = symbol
      const id = numberAt(words, row)
      if ((nulls !== undefined && nulls[row] === 1) || !Number.isSafeInteger(id)) this.others.push(first + i)
      else standings[first + i] = this.stagedAt(symbol).add(id)
    }
  }

  /** The staged keys of a symbol key's number. */
  stagedAt(symbol: number): StagedSymbol {
    const known = this.#stagedOf[symbol]
    if (known !== undefined) return known
    while (this.#stagedOf.length <= symbol) this.#stagedOf.push(undefined)
    const staged = this.staged.symbol(this.keys.names[symbol] as string)
    this.#stagedOf[symbol] = staged
    return staged
  }

  #symbolsOf(block: TradeBlock): BlockSymbols {
    let symbols = this.#blocks.get(block)
    if (!symbols) {
      symbols = new BlockSymbols(block, this.keys)
      this.#blocks.set(block, symbols)
    }
    return symbols
  }
}

/**
 * Decides the rows that were put by, by their trade ids as texts. What comes back are the positions of the rows that
 * were kept in the batch, by those of their duplicates.
 */
async function decideByText(
  rows: TradeRows,
  pass: DecisionPass,
  findInGold: FindInGold,
): Promise<ReadonlyMap<number, number>> {
  const kept = new Map<number, number>()
  if (pass.others.length === 0) return kept
  const firsts = new Map<string, number>()
  const numberless: number[] = []
  let at = 0
  for (const { block, rows: indices, first } of rows.pieces) {
    const { words, nulls } = block.ids
    for (; at < pass.others.length && (pass.others[at] as number) < first + indices.length; at++) {
      const position = pass.others[at] as number
      const row = indices[position - first] as number
      const symbol = pass.symbols[position] as number
      const trade = `${symbol} ${block.text('trade_id', row)}`
      const before = firsts.get(trade)
      if (before === undefined) firsts.set(trade, position)
      else kept.set(position, before)
      if (nulls?.[row] !== 1) pass.standings[position] = pass.stagedAt(symbol).addLarge(bigintAt(words, row))
      else if (before === undefined) numberless.push(position)
      else pass.standings[position] = Standing.keptInBatch
    }
  }
  const inGold = numberless.length === 0 ? new Set<number>() : await findInGold(rows, numberless)
  for (const position of inGold) pass.standings[position] = Standing.keptInGold
  for (const [position, before] of kept) if (inGold.has(before)) pass.standings[position] = Standing.keptInGold
  return kept
}

function bigintAt(words: Int32Array, row: number): bigint {
  return (BigInt(words[2 * row + 1] as number) << 32n) | BigInt((words[2 * row] as number) >>> 0)
}
