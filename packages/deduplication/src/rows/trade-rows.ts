import { type LaneKey, numberAt } from '@assay/core'
import type { LaneRows } from '@assay/pipeline'
import { TradeBlock } from './trade-block.js'

const HOUR_US = 3_600_000_000

/** Rows of one lane that lie in one block, in ascending order of offset. */
export interface TradePiece {
  readonly key: LaneKey
  readonly block: TradeBlock
  /** Indices in the block's columns. */
  readonly rows: Uint32Array
  /** Offset in the lane of each row of the columns. */
  readonly offsets: BigInt64Array
  /** Position of its first row among the rows of the batch. */
  readonly first: number
}

/** The rows of a batch: those of the first lane in order, then those of the second, and so on. */
export interface TradeRows {
  readonly count: number
  readonly pieces: readonly TradePiece[]
  /** Hour since 1970 of each row's trade, by position. */
  readonly hours: Int32Array
}

/** Rows of lanes, in the order of the lanes; each lane's own are one behind the other. */
export function tradeRows(lanes: readonly LaneRows[]): TradeRows {
  const blocks = new Map<LaneRows['columns'], TradeBlock>()
  const pieces: TradePiece[] = []
  let count = 0
  for (const { key, columns, offsets, rows } of lanes) {
    let block = blocks.get(columns)
    if (!block) {
      block = new TradeBlock(columns, offsets.length)
      blocks.set(columns, block)
    }
    if (rows.length > 0) pieces.push({ key, block, rows, offsets, first: count })
    count += rows.length
  }
  const hours = new Int32Array(count)
  for (const piece of pieces) hoursOf(piece, hours)
  return { count, pieces, hours }
}

function hoursOf({ block, rows, first }: TradePiece, hours: Int32Array): void {
  const { words } = block.times
  for (let i = 0; i < rows.length; i++) hours[first + i] = hourOf(words, rows[i] as number)
}

function hourOf(times: Int32Array, row: number): number {
  const time_us = numberAt(times, row)
  if (Number.isSafeInteger(time_us)) return Math.floor(time_us / HOUR_US)
  const exact = (BigInt(times[2 * row + 1] as number) << 32n) | BigInt((times[2 * row] as number) >>> 0)
  return Number(exact / BigInt(HOUR_US))
}

/** The first rows of each lane, `counts` of them by the lane's key; all of a lane that has no count. */
export function firstRowsOf({ pieces, hours }: TradeRows, counts: ReadonlyMap<LaneKey, number>): TradeRows {
  const left = new Map(counts)
  const taken: TradePiece[] = []
  const kept = new Int32Array(hours.length)
  let count = 0
  for (const piece of pieces) {
    const most = left.get(piece.key) ?? piece.rows.length
    const rows = piece.rows.subarray(0, most)
    if (left.has(piece.key)) left.set(piece.key, most - rows.length)
    if (rows.length === 0) continue
    taken.push({ ...piece, rows, first: count })
    kept.set(hours.subarray(piece.first, piece.first + rows.length), count)
    count += rows.length
  }
  return { count, pieces: taken, hours: kept.subarray(0, count) }
}

/** The piece that the row at a position lies in. */
export function pieceAt({ pieces }: TradeRows, position: number): TradePiece {
  let low = 0
  let high = pieces.length - 1
  while (low < high) {
    const middle = (low + high + 1) >>> 1
    if ((pieces[middle] as TradePiece).first <= position) low = middle
    else high = middle - 1
  }
  return pieces[low] as TradePiece
}
