import type { LaneKey } from '@assay/core'
import { quoteIdentifier, quoteText, type Session } from '@assay/engine'
import { type KeyedPanes, laneSql, type PinnedTable, readRows, scanSql, type UpstreamTable } from '@assay/pipeline'
import { endOf, foldPanes, type KeyWindow, mergeInto, type SizedWindows, startOf } from './measures/candle-windows.js'
import type { Measures } from './measures/measures.js'
import { CANDLE_SOURCE, type CandleKeys, tradeColumns } from './measures/trade-columns.js'

/** Gold as candles see it: the rows below their positions in the lanes, and no others. */
interface GoldBelow {
  readonly session: Session
  readonly gold: UpstreamTable
  readonly pinned: PinnedTable
  readonly positions: ReadonlyMap<LaneKey, { readonly position: bigint }>
  readonly keys: CandleKeys
}

/** Times [from, to), µs since 1970, of trades of an exchange. */
interface TimeRange {
  readonly exchange: string
  readonly from_us: bigint
  readonly to_us: bigint
}

const GREATEST_US = 2n ** 62n

/** Rows that are folded at once; panes of an hour or so are held meanwhile. */
const ROWS_AT_ONCE = 65_536

/**
 * Windows of gold's rows from a time on, of all sizes that `wants`; an exchange without one is read whole. Before
 * anything was read these are the replayed rows of a version without candles, which no lane brings.
 */
export async function windowsFrom(
  below: GoldBelow,
  from_us: ReadonlyMap<string, bigint>,
  exchanges: readonly string[],
  into: SizedWindows,
  wants: (window: KeyWindow) => boolean,
): Promise<void> {
  if (below.positions.size === 0) return foldRows(below, await unnumberedReplays(below), into, wants)
  for (const exchange of exchanges) {
    const range = { exchange, from_us: from_us.get(exchange) ?? -GREATEST_US, to_us: GREATEST_US }
    await foldRange(below, range, into, wants)
  }
}

/** Windows made anew of all of gold's rows in them, whatever was known of them. */
export async function windowsAgain(below: GoldBelow, windows: readonly KeyWindow[], into: SizedWindows): Promise<void> {
  const wanted = new Map(windows.map((window) => [nameOf(window), window]))
  for (const range of rangesOf(below.keys, windows)) {
    await foldRange(below, range, into, (window) => wanted.has(nameOf(window)))
  }
}

export function nameOf({ key, size, n }: KeyWindow): string {
  return `${key} ${size.name} ${n}`
}

/** The windows' times by exchange, those that touch as one. */
function rangesOf(keys: CandleKeys, windows: readonly KeyWindow[]): TimeRange[] {
  const byExchange = new Map<string, KeyWindow[]>()
  for (const window of windows) {
    const { exchange } = keys.keyOf(window.key)
    byExchange.set(exchange, [...(byExchange.get(exchange) ?? []), window])
  }
  return [...byExchange].flatMap(([exchange, own]) => {
    const ranges: { exchange: string; from_us: bigint; to_us: bigint }[] = []
    for (const window of own.sort((a, b) => (startOf(a) < startOf(b) ? -1 : 1))) {
      const last = ranges.at(-1)
      const [from_us, to_us] = [startOf(window), endOf(window)]
      if (!last || from_us > last.to_us) ranges.push({ exchange, from_us, to_us })
      else if (to_us > last.to_us) last.to_us = to_us
    }
    return ranges
  })
}

/** Adds the windows of an exchange's trades in a range, as far as they are wanted. */
export async function foldRange(
  below: GoldBelow,
  range: TimeRange,
  into: SizedWindows,
  wants: (window: KeyWindow) => boolean,
): Promise<void> {
  return foldRows(below, await rowsBelow(below, range), into, wants)
}

async function foldRows(
  below: GoldBelow,
  sql: string | undefined,
  into: SizedWindows,
  wants: (window: KeyWindow) => boolean,
): Promise<void> {
  if (sql === undefined) return
  const source = below.gold.definition.columns.filter(({ name }) => CANDLE_SOURCE.includes(name))
  for await (const { columns, count } of readRows(below.session, source, sql, ROWS_AT_ONCE)) {
    const panes: KeyedPanes<Measures> = new Map()
    const rows = Uint32Array.from({ length: count }, (_, i) => i)
    foldPanes(tradeColumns(columns, count, below.keys), rows, panes)
    mergeInto(panes, into, wants)
  }
}

async function unnumberedReplays({ gold, pinned }: GoldBelow): Promise<string | undefined> {
  const files = await gold.files(pinned, { keep: (bounds) => bounds.hasValues('replay_id') })
  if (files.length === 0) return undefined
  return `SELECT * FROM (${scanSql(gold.definition, files)}) WHERE replay_id IS NOT NULL AND replay_sequence IS NULL`
}

/** SQL of the exchange's rows in the range and below the positions; undefined where no file has any. */
async function rowsBelow(
  { gold, pinned, positions }: GoldBelow,
  { exchange, from_us, to_us }: TimeRange,
): Promise<string | undefined> {
  const files = await gold.files(pinned, {
    keep: (bounds) => bounds.meets('timestamp', from_us, to_us - 1n),
  })
  if (files.length === 0) return undefined
  const lane = laneSql(gold.definition)
  const lanes = [...positions].map(([key, { position }]) => `(${quoteText(key)}, ${position}::BIGINT)`)
  // A replayed row without a sequence was written before there were candles.
  return `SELECT r.* FROM (
      SELECT *, ${lane.key} AS lane, coalesce(${lane.offset}, -1) AS lane_position
      FROM (${scanSql(gold.definition, files)}) WHERE exchange = ${quoteText(exchange)}
        AND ${quoteIdentifier('timestamp')} >= ${from_us} AND ${quoteIdentifier('timestamp')} < ${to_us}
    ) r JOIN (VALUES ${lanes.join(', ')}) p(lane, upper) ON p.lane = r.lane AND r.lane_position < p.upper`
}
