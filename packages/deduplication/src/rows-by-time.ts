import type { Decisions } from './find-duplicates.js'
import { Standing } from './keys/staged-keys.js'
import type { TradeBlock } from './rows/trade-block.js'
import type { TradePiece } from './rows/trade-rows.js'

/** Rows of one block, in the order of the batch. */
interface BlockRows {
  readonly block: TradeBlock
  readonly rows: Uint32Array
}

/**
 * The new rows, or the duplicates, by spans of `hours_each` hours, counted since 1970, in the order of the batch. They
 * are sorted by counting; rows of a block that follow each other come as one.
 */
export function rowsByTime(
  { rows, standings }: Pick<Decisions, 'rows' | 'standings'>,
  hours_each: number,
  isNew: boolean,
): ReadonlyMap<number, readonly BlockRows[]> {
  const { slots, spans } = slotsOf(rows.hours, standings, hours_each, isNew)
  const found = spans.map((): BlockRows[] => [])
  const { pieces } = rows
  for (let from = 0; spans.length > 0 && from < pieces.length; ) {
    const { block } = pieces[from] as TradePiece
    let to = from + 1
    while (to < pieces.length && pieces[to]?.block === block) to++
    const sorted = sortBySlot(pieces.slice(from, to), slots, spans.length)
    for (const [slot, indices] of sorted.entries()) if (indices.length > 0) found[slot]?.push({ block, rows: indices })
    from = to
  }
  return new Map(spans.map((span, slot) => [span, found[slot] as BlockRows[]]))
}

interface Slots {
  /** For each row the index of its span; -1 for rows that are not asked for. */
  readonly slots: Int32Array
  readonly spans: readonly number[]
}

function slotsOf(hours: Int32Array, standings: Uint8Array, hours_each: number, isNew: boolean): Slots {
  const slots = new Int32Array(hours.length)
  const indices = new Map<number, number>()
  let last: number | undefined
  let slot = 0
  for (let i = 0; i < hours.length; i++) {
    if ((standings[i] === Standing.new) !== isNew) {
      slots[i] = -1
      continue
    }
    const hour = hours[i] as number
    if (hour !== last) {
      const span = Math.floor(hour / hours_each)
      slot = indices.get(span) ?? indices.size
      indices.set(span, slot)
      last = hour
    }
    slots[i] = slot
  }
  return { slots, spans: [...indices.keys()] }
}

function sortBySlot(pieces: readonly TradePiece[], slots: Int32Array, count: number): Uint32Array[] {
  const counts = new Uint32Array(count)
  for (const { rows, first } of pieces) {
    for (let at = first; at < first + rows.length; at++) {
      const slot = slots[at] as number
      if (slot >= 0) counts[slot] = (counts[slot] as number) + 1
    }
  }
  const sorted = Array.from(counts, (length) => new Uint32Array(length))
  counts.fill(0)
  for (const { rows, first } of pieces) {
    for (let i = 0; i < rows.length; i++) {
      const slot = slots[first + i] as number
      if (slot < 0) continue
      const at = counts[slot] as number
      ;(sorted[slot] as Uint32Array)[at] = rows[i] as number
      counts[slot] = at + 1
    }
  }
  return sorted
}
