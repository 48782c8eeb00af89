import type { LaneKey } from '@assay/core'
import type { DataFile } from '@assay/iceberg'
import type { Batch, LakeTable, PinnedTable, SideFiles, StageContext, UpstreamTable } from '@assay/pipeline'
import type { LateOutcome } from './batch-trades.js'
import { nameOf, windowsAgain } from './gold-windows.js'
import { emptyWindows, type KeyWindow, type SizedWindows } from './measures/candle-windows.js'
import type { Measures } from './measures/measures.js'
import { type CandleRow, firstRow, type Revision } from './tables/candle-row.js'
import type { CandleState } from './tables/candle-state.js'
import { LATE_TRADES_TABLE, REVISIONS_TABLE } from './tables/candle-tables.js'
import { writeCandles, writeLateTrades, writeRevisions } from './tables/write-candles.js'
import { copyOthers, type WrittenCandle, windowName, writtenCandles } from './tables/written-candles.js'
import { measuresOf, type WindowMemory } from './window-memory.js'

interface Moment {
  readonly lanes: ReadonlyMap<LaneKey, { readonly position: bigint }>
  readonly state: CandleState
  readonly memory: WindowMemory
}

interface EmissionInput {
  readonly before: Moment
  readonly next: Moment
  /** Gold as the batch read it. */
  readonly pinned: PinnedTable
  /** What the batch adds to the windows in memory. */
  readonly staged: SizedWindows
  readonly late: LateOutcome
}

/** What a batch writes. */
export interface Emission extends Pick<Batch, 'files' | 'sides' | 'replaces'> {
  readonly candles: number
  readonly revisions: number
  readonly late: number
}

type MeasuredWindow = KeyWindow & { readonly measures: Measures }

/** Writes the candles of windows that close, and anew those that late trades change; undefined when there are none. */
export async function emission(
  context: StageContext,
  { gold, candles }: { readonly gold: UpstreamTable; readonly candles: LakeTable },
  input: EmissionInput,
): Promise<Emission | undefined> {
  const { before, next, late } = input
  const closing = before.memory.closing(input.staged, before.state.watermarks, next.state.watermarks)
  if (closing.length === 0 && late.causes.size === 0) return undefined
  const rowOf = (window: MeasuredWindow): CandleRow => firstRow(window, before.memory.keys, next.state.watermarks)
  const changed = await changedWindows(context, gold, input)
  const own = await candles.pin()
  const windows = changed.map((window) => rowOf(window))
  const { found, wanted } =
    windows.length > 0
      ? await writtenCandles(context.session, candles, own, windows)
      : { found: new Map<string, WrittenCandle>(), wanted: undefined }
  const { rows, revisions, paths } = revise(windows, changed, found, late)
  const copies: DataFile[] =
    wanted && paths.size > 0 ? await copyOthers(context.session, candles, own, paths, wanted) : []
  const files = [...copies, ...(await writeCandles(context, [...closing.map((window) => rowOf(window)), ...rows]))]
  return {
    files,
    sides: await writeSides(context, revisions, late),
    ...(paths.size > 0 && { replaces: { paths: [...paths], plannedAt: own.sequence } }),
    candles: closing.length,
    revisions: revisions.length,
    late: late.late.length,
  }
}

/** The closed windows that late trades fall into, with all of their trades: from memory, or from gold's files. */
async function changedWindows(
  { session }: StageContext,
  gold: UpstreamTable,
  { before: { memory }, next, pinned, staged, late }: EmissionInput,
): Promise<MeasuredWindow[]> {
  const windows = [...late.causes.values()].map(({ window }) => window)
  const old = windows.filter((window) => !measuresOf(staged, window))
  const again = emptyWindows()
  if (old.length > 0) {
    await windowsAgain({ session, gold, pinned, positions: next.lanes, keys: memory.keys }, old, again)
  }
  return windows.flatMap((window) => {
    const measures = measuresOf(staged, window) ?? measuresOf(again, window)
    return measures ? [{ ...window, measures }] : []
  })
}

interface Revised {
  readonly rows: readonly CandleRow[]
  readonly revisions: readonly Revision[]
  /** Files that hold a row that is written anew. */
  readonly paths: ReadonlySet<string>
}

function revise(
  windows: readonly CandleRow[],
  changed: readonly MeasuredWindow[],
  found: ReadonlyMap<string, WrittenCandle>,
  { causes }: LateOutcome,
): Revised {
  const byRow = new Map(changed.map((window, i) => [windows[i] as CandleRow, window]))
  const rows: CandleRow[] = []
  const revisions: Revision[] = []
  const paths = new Set<string>()
  for (const row of windows) {
    const cause = causes.get(nameOf(byRow.get(row) as MeasuredWindow))?.cause
    const written = found.get(windowName(row))
    const added = BigInt(cause?.added ?? 0)
    // A window in which nobody had traded when it closed has its first candle now.
    if (!written) rows.push({ ...row, late_trades: added })
    else if (cause) {
      const late_trades = written.late_trades + added
      const revision = written.revision + 1
      rows.push({ ...row, late_trades, revision })
      revisions.push({ window: row, revision, before: written.values, after: row.values, cause })
      paths.add(written.path)
    }
  }
  return { rows, revisions, paths }
}

async function writeSides(
  context: StageContext,
  revisions: readonly Revision[],
  { late }: LateOutcome,
): Promise<SideFiles[]> {
  const revised = await writeRevisions(context, revisions)
  const noted = await writeLateTrades(context, late)
  return [
    ...(revised.length > 0 ? [{ table: REVISIONS_TABLE, files: revised }] : []),
    ...(noted.length > 0 ? [{ table: LATE_TRADES_TABLE, files: noted }] : []),
  ]
}
