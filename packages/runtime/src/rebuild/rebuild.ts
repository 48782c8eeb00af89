import { type LaneKey, type Position, parseLaneKey, UsageError } from '@assay/core'
import { DEFAULT_LIMITS, isReplayLane, SILVER_RULES, type WorkerEvent } from '@assay/medallion'
import type { Lake } from '../lake.js'
import { CheckList } from '../verify/check.js'
import { type PinnedLake, pinLake } from '../verify/pin-lake.js'
import { compareLakes, type TableComparison } from './compare-lakes.js'
import { rebuildGold } from './rebuild-gold.js'
import { rebuildSilver } from './rebuild-silver.js'
import { replayedStage } from './replayed-stage.js'
import { onlyRules, readRuleHistory } from './rule-history.js'
import { type RebuildContext, runStage } from './run-stage.js'

export interface RebuildOptions {
  /**
   * `recorded`: each record by the rule set that judged it first, winners across lanes as the duplicates say, replays
   * as they were. `present`: everything by today's rules, as if the lake had just begun.
   */
  readonly rules: 'recorded' | 'present'
  readonly compare: boolean
  /** Rows of a batch. */
  readonly batchRows?: number
  readonly onEvent: (event: WorkerEvent) => void
}

export interface RebuildReport {
  /** False when it was stopped before the end. */
  readonly finished: boolean
  /** Empty unless compared. */
  readonly comparisons: readonly TableComparison[]
  /** True when nothing differs, or nothing was compared. */
  readonly is_same: boolean
}

/**
 * Derives silver and gold again from bronze into a new lake, by the same stages and workers (A3). The old lake is only
 * read; it is taken as it stands at the start. Throws `lake_not_empty`.
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
  await rebuildTables(rebuild, old, options.rules)
  if (signal.aborted) return { finished: false, comparisons: [], is_same: false }
  const comparisons = options.compare ? await compareWith(old, target) : []
  return { finished: true, comparisons, is_same: comparisons.every(({ differing }) => differing === 0n) }
}

async function rebuildTables(rebuild: RebuildContext, old: PinnedLake, rules: RebuildOptions['rules']): Promise<void> {
  const { source, target, signal } = rebuild
  const session = await (await target.engine()).session()
  try {
    const ledger = await old.ruleSets.sql()
    for (const { exchange, bronze, silver } of old.exchanges) {
      if (signal.aborted) return
      const recorded = await readRuleHistory(session, ledger, silver.name)
      const history = rules === 'recorded' ? recorded : onlyRules(SILVER_RULES)
      await rebuildSilver(rebuild, exchange, bronze, endsOf(silver.checkpoint, isOrdinary), history)
      if (rules === 'present' || signal.aborted) continue
      const replayed = { lake: source, exchange, bronze, silver, replays: old.replays, history }
      await runStage(rebuild, silver.definition, (context) => replayedStage(context, replayed))
    }
  } finally {
    await session.close()
  }
  if (signal.aborted) return
  const isTaken = rules === 'recorded' ? () => true : isOrdinary
  await rebuildGold(
    rebuild,
    endsOf(old.gold.checkpoint, isTaken),
    rules === 'recorded' ? await old.duplicates.sql() : undefined,
  )
}

async function compareWith(old: PinnedLake, target: Lake): Promise<TableComparison[]> {
  const session = await (await target.engine()).session()
  try {
    return await compareLakes(session, old, await pinLake(target, new CheckList(() => undefined)))
  } finally {
    await session.close()
  }
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
