import { AssayError } from '@assay/core'
import type { Exchange } from '@assay/exchanges'
import {
  type Batch,
  commitBatch,
  isFileGone,
  type LakeTable,
  type PinnedTable,
  planTableBatch,
  publishPending,
  type StageContext,
} from '@assay/pipeline'
import { windowsAgain } from '../gold-windows.js'
import { emptyWindows, endOf, type KeyWindow, startOf } from '../measures/candle-windows.js'
import { CANDLE_SOURCE, CandleKeys } from '../measures/trade-columns.js'
import { type CandleRow, firstRow, type Revision, VALUE_NAMES } from '../tables/candle-row.js'
import { candleState, readCandleState } from '../tables/candle-state.js'
import { CANDLES_TABLE, LATE_TRADES_TABLE, REVISIONS_TABLE } from '../tables/candle-tables.js'
import { writeCandles, writeRevisions } from '../tables/write-candles.js'
import { copyOthers, loadWindows, type WrittenCandle, windowName, writtenCandles } from '../tables/written-candles.js'
import { measuresOf } from '../window-memory.js'
import { daysOf, lookAtDay } from './differing-windows.js'

interface ReconcileInput {
  readonly gold: LakeTable
  /** Candles and the tables beside them, by name. */
  readonly tables: ReadonlyMap<string, LakeTable>
  readonly exchanges: readonly Exchange[]
  /** Days since 1970 of windows that are looked at, the last included; all without. */
  readonly days?: { readonly from?: number; readonly to?: number }
  /** Told after each day. */
  readonly onProgress?: (report: ReconcileReport) => void
}

export interface ReconcileReport {
  /** Closed windows that were looked at. */
  readonly looked: number
  /** Candles that are another one now. */
  readonly revised: number
  /** Candles that were missing. */
  readonly added: number
  /** Candles of which gold has no trade any more. */
  readonly removed: number
  /** False when it was stopped before the last day. */
  readonly finished: boolean
}

type Changes = Pick<ReconcileReport, 'revised' | 'added' | 'removed'>

/** A commit that loses so often meets something other than a worker. */
const REFUSED_MAX = 50
const REFUSED_WAIT_MS = 200
const NONE: Changes = { revised: 0, added: 0, removed: 0 }

/**
 * Computes every closed candle again from gold and makes those that differ anew, with a line in the ledger of revisions.
 * Each commit bumps the generation of candles, the last one where nothing differs: a worker drops what it remembers of gold.
 * Throws `candles_contended`.
 */
export async function reconcileCandles(
  context: StageContext,
  input: ReconcileInput,
  signal: AbortSignal,
): Promise<ReconcileReport> {
  const { session } = context
  const { gold, exchanges, days: { from = Number.NEGATIVE_INFINITY, to = Number.POSITIVE_INFINITY } = {} } = input
  const candles = tableOf(input, CANDLES_TABLE.name)
  let report: ReconcileReport = { looked: 0, ...NONE, finished: false }
  // Candles first: gold has then all that they have read.
  const own = await candles.pin()
  const pinned = { candles: own, gold: await pinRead(context, gold, own) }
  const names = exchanges.map(({ name }) => name.toUpperCase())
  const keys = new CandleKeys()
  const look = { session, candles, gold, pinned, exchanges: names, keys }
  if (pinned.candles.checkpoint.lanes.size === 0) return { ...report, finished: true }
  let isCommitted = false
  for (const day of await daysOf(look)) {
    if (day < from || day > to) continue
    if (signal.aborted) return report
    const { looked, differing } = await lookAtDay(look, day)
    for await (const windows of differing) {
      const changes = await makeAnew(context, input, keys, windows)
      isCommitted ||= changes !== NONE
      report = { ...report, ...sumOf(report, changes) }
    }
    report = { ...report, looked: report.looked + Number(looked) }
    input.onProgress?.(report)
  }
  if (!isCommitted) await bump(context, input)
  return { ...report, finished: true }
}

/** Gold, which is still the table that candles have read; throws as a worker does where it is not. */
async function pinRead({ session, limits }: StageContext, gold: LakeTable, { checkpoint }: PinnedTable) {
  const options = { ...limits, columns: CANDLE_SOURCE, turn: 0, adopt: false }
  return (await planTableBatch(session, gold, checkpoint, options)).pinned
}

function sumOf(a: Changes, b: Changes): Changes {
  return { revised: a.revised + b.revised, added: a.added + b.added, removed: a.removed + b.removed }
}

/** Makes windows anew that differ still, by what candles have read by now. */
async function makeAnew(
  context: StageContext,
  input: ReconcileInput,
  keys: CandleKeys,
  windows: readonly KeyWindow[],
): Promise<Changes> {
  return attempts(context, input, async (candles) => {
    const { rows, revisions, removed, found, windows: changed } = await compare(context, input, candles, keys, windows)
    if (changed.length === 0) return { changes: NONE, batch: undefined }
    const paths = new Set(changed.flatMap((window) => found.get(windowName(window))?.path ?? []))
    const table = tableOf(input, CANDLES_TABLE.name)
    const wanted = await loadWindows(context.session, changed)
    const copies = paths.size > 0 ? await copyOthers(context.session, table, candles, paths, wanted) : []
    const ledger = await writeRevisions(context, revisions)
    return {
      changes: { revised: revisions.length - removed, added: rows.length + removed - revisions.length, removed },
      batch: {
        files: [...copies, ...(await writeCandles(context, rows))],
        sides: ledger.length > 0 ? [{ table: REVISIONS_TABLE, files: ledger }] : [],
        ...(paths.size > 0 && { replaces: { paths: [...paths], plannedAt: candles.sequence } }),
      },
    }
  })
}

/** A commit that changes no candle. */
async function bump(context: StageContext, input: ReconcileInput): Promise<void> {
  await attempts(context, input, async () => ({ changes: NONE, batch: { files: [], sides: [] } }))
}

interface Attempt {
  readonly changes: Changes
  /** Undefined where there is nothing to commit. */
  readonly batch: Pick<Batch, 'files' | 'sides' | 'replaces'> | undefined
}

/** Derives and commits until no worker comes between the two. */
async function attempts(
  { clock, random }: StageContext,
  input: ReconcileInput,
  derive: (candles: PinnedTable) => Promise<Attempt>,
): Promise<Changes> {
  const table = tableOf(input, CANDLES_TABLE.name)
  for (let refused = 0; refused < REFUSED_MAX; refused++) {
    if (refused > 0) await clock.sleep(REFUSED_WAIT_MS * random.unit())
    const candles = await table.pin()
    const attempt = await derive(candles).catch((error: unknown) => {
      if (!isFileGone(error)) throw error
      return undefined
    })
    if (!attempt) continue
    if (!attempt.batch) return attempt.changes
    const state = readCandleState(candles.checkpoint)
    const outcome = await commitBatch(table, input.tables, {
      kind: 'batch',
      ...attempt.batch,
      change: {
        basis: candles.checkpoint,
        lanes: new Map(),
        wholeCheckpoint: true,
        state: candleState({ ...state, generation: state.generation + 1 }),
      },
      rows: 0,
      more: false,
      counts: {},
      committed: () => undefined,
    })
    if (outcome.kind === 'refused') continue
    await publishPending(table, input.tables)
    return attempt.changes
  }
  throw new AssayError(
    'candles_contended',
    `${table.definition.name} changed under ${REFUSED_MAX} attempts to commit`,
    {
      hint: 'workers of candles commit all the time; what was committed stays, run this again when less comes',
      retryable: true,
    },
  )
}

interface Compared {
  readonly rows: readonly CandleRow[]
  readonly revisions: readonly Revision[]
  readonly removed: number
  readonly found: ReadonlyMap<string, WrittenCandle>
  /** Windows that differ. */
  readonly windows: readonly Revision['window'][]
}

async function compare(
  context: StageContext,
  input: ReconcileInput,
  candles: PinnedTable,
  keys: CandleKeys,
  windows: readonly KeyWindow[],
): Promise<Compared> {
  const { session } = context
  const { gold } = input
  const { lanes } = candles.checkpoint
  const { watermarks } = readCandleState(candles.checkpoint)
  const again = emptyWindows()
  await windowsAgain(
    { session, gold, pinned: await pinRead(context, gold, candles), positions: lanes, keys },
    windows,
    again,
  )
  const named = windows.map((window) => ({
    ...keys.keyOf(window.key),
    window_size: window.size.name,
    start_us: startOf(window),
  }))
  const { found } = await writtenCandles(session, tableOf(input, CANDLES_TABLE.name), candles, named)
  const compared = { rows: [] as CandleRow[], revisions: [] as Revision[], windows: [] as Revision['window'][] }
  let removed = 0
  for (const [i, window] of windows.entries()) {
    const name = named[i] as Revision['window']
    const measures = measuresOf(again, window)
    const row = measures && firstRow({ ...window, measures }, keys, watermarks)
    const written = found.get(windowName(name))
    const watermark_us = watermarks.get(name.exchange)
    if (watermark_us === undefined || endOf(window) > watermark_us || isSame(row, written)) continue
    compared.windows.push(name)
    const revision = (written?.revision ?? 0) + 1
    if (row) compared.rows.push({ ...row, late_trades: written?.late_trades ?? 0n, revision })
    else removed++
    if (!written) continue
    const added = Number((row?.values.trades ?? 0n) - written.values.trades)
    const cause = { cause: 'reconcile', added } as const
    compared.revisions.push({ window: name, revision, before: written.values, after: row?.values, cause })
  }
  return { ...compared, removed, found }
}

function isSame(row: CandleRow | undefined, written: WrittenCandle | undefined): boolean {
  if (!row || !written) return row === undefined && written === undefined
  return (
    row.replayed_trades === written.replayed_trades &&
    VALUE_NAMES.every((name) => row.values[name] === written.values[name])
  )
}

function tableOf({ tables }: ReconcileInput, name: string): LakeTable {
  const table = tables.get(name)
  if (!table) throw new RangeError(`no table ${name} is open`)
  return table
}

/** The tables that a reconciliation writes to. */
export const RECONCILED_TABLES = [CANDLES_TABLE, REVISIONS_TABLE, LATE_TRADES_TABLE] as const
