import { CANDLES_TABLE } from '@assay/candles'
import { type LaneKey, type Position, parseLaneKey, UsageError } from '@assay/core'
import { type Session, withSession } from '@assay/engine'
import type { Exchange } from '@assay/exchanges'
import type { Lake } from '@assay/lake'
import { silverTable } from '@assay/medallion'
import { DEFAULT_LIMITS, isReplayLane, type WorkerEvent } from '@assay/pipeline'
import { type RuleSet, SILVER_RULES } from '@assay/rules'
import { CheckList } from '../check.js'
import { Tally } from '../compare/compare.js'
import { onlyRules, type RuleHistory, readRuleHistory } from '../derive/rule-history.js'
import { type PinnedExchange, type PinnedLake, pinLake } from '../pinned/pin-lake.js'
import type { PinnedScan } from '../pinned/pinned-scan.js'
import { compareLakes, comparisonOf, type TableComparison } from './compare-lakes.js'
import { rebuildCandles } from './rebuild-candles.js'
import { rebuildGold } from './rebuild-gold.js'
import { rebuildSilver } from './rebuild-silver.js'
import { presentReplays, type ReplayedRows, recordedReplays } from './replayed-rows.js'
import { replayedStage } from './replayed-stage.js'
import { type RebuildContext, runStage } from './run-stage.js'

export interface RebuildOptions {
  /**
   * `recorded`: each record by the rule set that judged it first, winners across lanes as the duplicates say, replays
   * by their own rules and corrections. `present`: everything by today's rules, as if the lake had just begun; what
   * they reject is given the correction that once brought it into silver, and is judged by them again.
   */
  readonly rules: 'recorded' | 'present'
  /** Today's rules; `SILVER_RULES` unless given. */
  readonly present?: RuleSet
  readonly compare: boolean
  /** Greatest number of rows of a batch. */
  readonly batchRows?: number
  readonly onEvent: (event: WorkerEvent) => void
  /** Told when the rows are all there, and are about to be compared. */
  readonly onCompare?: () => void
}

export interface RebuildReport {
  /** False when the rebuild was stopped before its end. */
  readonly finished: boolean
  /** Empty unless compared; what could not be used of the ledgers is told under `ledgers` all the same. */
  readonly comparisons: readonly TableComparison[]
  /** True when nothing differs, or nothing was compared. */
  readonly is_same: boolean
}

/**
 * Derives silver, gold and candles again from bronze into a new lake, by the same stages and workers (A3). The old lake is only
 * read; it is taken as it stands at the start. Throws `lake_not_empty`, and `session_closed` when it is aborted while
 * it compares.
 */
export async function rebuildLake(
  source: Lake,
  target: Lake,
  options: RebuildOptions,
  signal: AbortSignal,
): Promise<RebuildReport> {
  if ((await target.catalog.list()).length > 0) {
    throw new UsageError('lake_not_empty', `${target.location} holds tables already`, {
      hint: 'name an empty place with --into',
    })
  }
  const old = await pinLake(source, new CheckList(() => undefined))
  const limits = { ...DEFAULT_LIMITS, ...(options.batchRows !== undefined && { maxRows: options.batchRows }) }
  const rebuild: RebuildContext = { source, target, limits, onEvent: options.onEvent, signal }
  const present = options.rules === 'present' ? (options.present ?? SILVER_RULES) : undefined
  const ledgers = await rebuildTables(rebuild, old, present)
  if (signal.aborted) return { finished: false, comparisons: [], is_same: false }
  if (options.compare) options.onCompare?.()
  const comparisons = options.compare ? await compareWith(old, target, signal) : []
  if (!ledgers.findings.isEmpty) comparisons.push(comparisonOf('ledgers', ledgers))
  return { finished: true, comparisons, is_same: comparisons.every(({ differing }) => differing === 0n) }
}

/**
 * By the rules given, or by those that are recorded. Gives the replayed rows and how many were derived again, and what
 * of the ledgers could not be used.
 */
async function rebuildTables(rebuild: RebuildContext, old: PinnedLake, present: RuleSet | undefined): Promise<Tally> {
  const { target, signal } = rebuild
  const ledgers = new Tally()
  for (const exchange of old.exchanges) {
    if (!signal.aborted) await rebuildExchange(rebuild, old, exchange, present, ledgers)
  }
  if (signal.aborted) return ledgers
  if (!present) {
    const ends = endsOf(old.gold.checkpoint, () => true)
    await rebuildGold(rebuild, ends, await old.duplicates.sql())
  } else {
    const ends = [...endsOf(old.gold.checkpoint, isOrdinary), ...(await replayEnds(target))]
    await rebuildGold(rebuild, new Map(ends), undefined)
  }
  const candles = old.of(CANDLES_TABLE)
  if (candles.pinned && !signal.aborted) await rebuildCandles(rebuild, candles, present ? 'all' : 'recorded')
  return ledgers
}

/** An exchange's silver: its own lanes first, then that of the replays. */
async function rebuildExchange(
  rebuild: RebuildContext,
  recorded: PinnedLake,
  { exchange, bronze, silver }: PinnedExchange,
  present: RuleSet | undefined,
  ledgers: Tally,
): Promise<void> {
  const { source, target, signal } = rebuild
  const { ruleSets, replays } = recorded
  const ends = endsOf(silver.checkpoint, isOrdinary)
  const old = { lake: source, exchange, bronze, silver, replays }
  let replayed: ReplayedRows
  if (!present) {
    const history = await recordedHistory(target, ruleSets, exchange)
    ledgers.findings.add(...history.mistakes.map((text) => `${silver.name}: ${text}`))
    await rebuildSilver(rebuild, exchange, bronze, ends, { history, recorded })
    replayed = recordedReplays(old, history, ledgers)
  } else {
    await rebuildSilver(rebuild, exchange, bronze, ends, { history: onlyRules(present) })
    replayed = presentReplays(old, target, present, ledgers)
  }
  if (signal.aborted) return
  await runStage(rebuild, silver.definition, (context) => replayedStage(context, exchange, replayed, ledgers))
}

async function recordedHistory(target: Lake, ruleSets: PinnedScan, exchange: Exchange): Promise<RuleHistory> {
  return withSession(await target.engine(), async (session) => readRuleHistory(session, await ruleSets.sql(), exchange))
}

/** Replays that are judged anew are all taken by gold. */
async function replayEnds(target: Lake): Promise<Map<LaneKey, Position>> {
  const ends = new Map<LaneKey, Position>()
  for (const { name } of target.exchanges) {
    const { checkpoint } = await (await target.table(silverTable(name))).pin()
    for (const [key, end] of endsOf(checkpoint, (lane) => !isOrdinary(lane))) ends.set(key, end)
  }
  return ends
}

async function compareWith(old: PinnedLake, target: Lake, signal: AbortSignal): Promise<TableComparison[]> {
  const work = async (session: Session): Promise<TableComparison[]> =>
    compareLakes(session, old, await pinLake(target, new CheckList(() => undefined)))
  return withSession(await target.engine(), work, signal)
}

function isOrdinary(key: LaneKey): boolean {
  return !isReplayLane(parseLaneKey(key))
}

function endsOf(
  { lanes }: PinnedLake['gold']['checkpoint'],
  isTaken: (key: LaneKey) => boolean,
): Map<LaneKey, Position> {
  return new Map([...lanes].filter(([key]) => isTaken(key)).map(([key, { position }]) => [key, position]))
}
