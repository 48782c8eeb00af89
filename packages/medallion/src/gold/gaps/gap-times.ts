import type { NamedColumn } from '@assay/core'
import { type Decisions, pieceAt, type RecentTrades, SYMBOL_KEY_SQL, type WantedTrades } from '@assay/deduplication'
import { columnOf } from '@assay/engine'
import { scanSql } from '@assay/pipeline'
import type { GoldFiles } from '../duplicates/find-in-gold.js'

/**
 * Trades outside of the batch whose times are looked up; where there are more, a hostile feed, the times stay unknown.
 */
const LOOKUPS_MAX = 1_000

/** A trade beside a gap, by its symbol key's number in the batch. */
export interface GapSide {
  readonly symbol: number
  readonly id: number
}

/** Event times of trades beside gaps, in µs since 1970, by `sideName`. */
export type GapTimes = ReadonlyMap<string, bigint>

export function sideName({ symbol, id }: GapSide): string {
  return `${symbol} ${id}`
}

/** Event times of these trades: from the batch, from the trades that gold took last, else from its files. */
export async function gapTimes(
  files: GoldFiles,
  sides: readonly GapSide[],
  decisions: Decisions,
  found: WantedTrades,
  recent: RecentTrades,
): Promise<GapTimes> {
  const times = new Map<string, bigint>()
  const open = new Map<string, GapSide>()
  for (const side of sides) {
    const time = timeInMemory(side, decisions, found, recent)
    if (time === undefined) open.set(sideName(side), side)
    else times.set(sideName(side), time)
  }
  if (open.size > 0 && open.size <= LOOKUPS_MAX) await timesInFiles(files, [...open.values()], decisions, times)
  return times
}

function timeInMemory(
  { symbol, id }: GapSide,
  { rows, symbolKeys }: Decisions,
  found: WantedTrades,
  recent: RecentTrades,
): bigint | undefined {
  const position = found.position(symbol, id)
  if (position < 0) return recent.timeOf(symbolKeys[symbol] as string, id)
  const { block, rows: indices, first } = pieceAt(rows, position)
  const row = indices[position - first] as number
  const { words } = block.times
  return (BigInt(words[2 * row + 1] as number) << 32n) | BigInt((words[2 * row] as number) >>> 0)
}

async function timesInFiles(
  { session, gold, pinned }: GoldFiles,
  open: readonly GapSide[],
  { symbolKeys }: Decisions,
  times: Map<string, bigint>,
): Promise<void> {
  const ids = open.map(({ id }) => BigInt(id))
  const low = BigInt(open.reduce((least, { id }) => Math.min(least, id), Number.POSITIVE_INFINITY))
  const high = BigInt(open.reduce((greatest, { id }) => Math.max(greatest, id), Number.NEGATIVE_INFINITY))
  const files = await gold.files(pinned, { keep: (bounds) => bounds.meets('source_sequence', low, high) })
  if (files.length === 0) return
  const wanted = await session.load('gold_gap_sides', columnsOf(open, symbolKeys), open.length)
  const chunks = session.read(`SELECT s.number, any_value(g."timestamp") AS us FROM (
      SELECT ${SYMBOL_KEY_SQL} AS symbol_key, source_sequence AS id, "timestamp"
      FROM (${scanSql(gold.definition, files)}) WHERE source_sequence IN (${ids.join(', ')})
    ) g JOIN ${wanted.name} s USING (symbol_key, id) GROUP BY s.number`)
  for await (const chunk of chunks) {
    const numbers = columnOf(chunk, 'number', 'INTEGER').data
    const us = columnOf(chunk, 'us', 'BIGINT').data
    for (let i = 0; i < chunk.count; i++) times.set(sideName(open[numbers[i] as number] as GapSide), us[i] as bigint)
  }
}

function columnsOf(open: readonly GapSide[], symbolKeys: readonly string[]): NamedColumn[] {
  return [
    { name: 'number', column: { type: 'INTEGER', data: Int32Array.from(open.keys()) } },
    {
      name: 'symbol_key',
      column: { type: 'DICTIONARY', codes: Int32Array.from(open, ({ symbol }) => symbol), dictionary: symbolKeys },
    },
    { name: 'id', column: { type: 'BIGINT', data: BigInt64Array.from(open, ({ id }) => BigInt(id)) } },
  ]
}
