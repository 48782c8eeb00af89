import { numberAt } from '@assay/core'
import {
  type Decisions,
  gather,
  KeptRows,
  keptRow,
  pieceAt,
  type RecentTrades,
  Standing,
  type TradePiece,
  type WantedTrades,
} from '@assay/deduplication'
import type { GoldFiles } from './find-in-gold.js'
import { searchGold } from './search-gold.js'

/** Adds the duplicates whose kept row is in the batch to what is looked for there. */
export function wantKept(decisions: Decisions, wanted: WantedTrades): void {
  if (decisions.duplicates === 0) return
  const { standings, symbols } = decisions
  for (const { block, rows, first } of decisions.rows.pieces) {
    const { words, nulls } = block.ids
    for (let i = 0; i < rows.length; i++) {
      if (standings[first + i] !== Standing.keptInBatch) continue
      const row = rows[i] as number
      const id = numberAt(words, row)
      if (nulls?.[row] !== 1 && Number.isSafeInteger(id)) wanted.add(symbols[first + i] as number, id)
    }
  }
}

/**
 * Looks up the kept row of every duplicate: in the batch itself, among the trades that gold took last, else in its
 * files. `found` has looked through the batch for what `wantKept` added.
 */
export async function findKept(
  files: GoldFiles,
  decisions: Decisions,
  found: WantedTrades,
  recent: RecentTrades,
): Promise<KeptRows> {
  const kept = new KeptRows()
  if (decisions.duplicates === 0) return kept
  const open: number[] = []
  for (const piece of decisions.rows.pieces) keptInMemory(piece, decisions, { found, recent, kept, open })
  if (open.length > 0) {
    const { rows } = decisions
    const dropped = {
      columns: gather(rows, open),
      count: open.length,
      hours: new Set(open.map((position) => rows.hours[position] as number)),
    }
    await searchGold(files, dropped, (position, row) => {
      const { block, rows: indices, first } = pieceAt(rows, position)
      kept.set(block, indices[position - first] as number, row)
    })
  }
  return kept
}

interface Search {
  readonly found: WantedTrades
  readonly recent: RecentTrades
  readonly kept: KeptRows
  /** Positions of duplicates whose kept row has not been found. */
  readonly open: number[]
}

function keptInMemory(
  { block, rows, first }: TradePiece,
  { standings, symbols, symbolKeys, keptOfText, rows: batch }: Decisions,
  { found, recent, kept, open }: Search,
): void {
  const { words, nulls } = block.ids
  for (let i = 0; i < rows.length; i++) {
    const position = first + i
    if (standings[position] === Standing.new) continue
    const row = rows[i] as number
    const id = numberAt(words, row)
    const isNumbered = nulls?.[row] !== 1 && Number.isSafeInteger(id)
    const symbol = symbols[position] as number
    if (standings[position] === Standing.keptInBatch) {
      const at = isNumbered ? found.position(symbol, id) : (keptOfText.get(position) as number)
      const piece = pieceAt(batch, at)
      kept.set(block, row, keptRow(piece.block, piece.rows[at - piece.first] as number, block, row))
      continue
    }
    const before = isNumbered ? recent.keptOf(symbolKeys[symbol] as string, block, row) : undefined
    if (before) kept.set(block, row, before)
    else open.push(position)
  }
}
