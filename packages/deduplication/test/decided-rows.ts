import { expect } from 'vitest'
import {
  type Decisions,
  type KeptRow,
  keptRow,
  pieceAt,
  type RecentTrades,
  rowsByTime,
  Standing,
  type WantedTrades,
} from '../src/index.js'

/** The row that was kept of a duplicate, from the batch or from what gold took before. */
export function keptOf(
  decisions: Decisions,
  at: number,
  wanted: WantedTrades,
  recent: RecentTrades,
): KeptRow | undefined {
  const { block, rows, first } = pieceAt(decisions.rows, at)
  const i = rows[at - first] as number
  const symbol = decisions.symbols[at] as number
  if (decisions.standings[at] === Standing.keptInGold) {
    const symbolKey = decisions.symbolKeys[symbol] as string
    return isByNumber(decisions, at) ? recent.keptOf(symbolKey, block, i) : undefined
  }
  const low = block.ids.words[2 * i] as number
  const id = (block.ids.words[2 * i + 1] as number) * 2 ** 32 + (low >>> 0)
  const kept = decisions.keptOfText.get(at) ?? wanted.position(symbol, id)
  const piece = pieceAt(decisions.rows, kept)
  return keptRow(piece.block, piece.rows[kept - piece.first] as number, block, i)
}

export function isByNumber({ rows }: Decisions, at: number): boolean {
  const { block, rows: indices, first } = pieceAt(rows, at)
  const i = indices[at - first] as number
  const high = block.ids.words[2 * i + 1] as number
  return block.ids.nulls?.[i] !== 1 && Math.abs(high) < 2 ** 21
}

/** New rows by hour and duplicates by day are all of the batch's, each once, in order. */
export function checkOrder(decisions: Decisions): void {
  const { rows, standings } = decisions
  for (const [hours_each, isNew] of [
    [1, true],
    [24, false],
  ] as const) {
    const expected = new Map<number, number[]>()
    for (let at = 0; at < rows.count; at++) {
      if ((standings[at] === Standing.new) !== isNew) continue
      const piece = pieceAt(rows, at)
      const span = Math.floor((rows.hours[at] as number) / hours_each)
      expected.set(span, [...(expected.get(span) ?? []), piece.rows[at - piece.first] as number])
    }
    const found = [...rowsByTime(decisions, hours_each, isNew)]
    expect(new Map(found.map(([span, parts]) => [span, parts.flatMap((part) => [...part.rows])]))).toEqual(expected)
  }
}
