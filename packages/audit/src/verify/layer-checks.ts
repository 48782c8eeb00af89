import { CANDLES_TABLE } from '@assay/candles'
import type { LaneKey } from '@assay/core'
import type { Session, TemporaryTable } from '@assay/engine'
import type { Lake } from '@assay/lake'
import type { LayerName, LayerWorker } from '@assay/medallion'
import type { CheckList, Claim } from '../check.js'
import { readRuleHistory } from '../derive/rule-history.js'
import type { LaneRows } from '../pinned/lane-rows.js'
import type { PinnedExchange, PinnedLake } from '../pinned/pin-lake.js'
import type { PinnedScan } from '../pinned/pinned-scan.js'
import { CANDLE_TRADES_CLAIM, CANDLES_CLAIM, checkCandles } from './candles/check-candles.js'
import { checkRevisions, REVISIONS_CLAIM } from './candles/check-revisions.js'
import { checkStops, checkTopics } from './check-checkpoint.js'
import { checkDistinct, checkGold, checkKept } from './check-gold.js'
import { checkLog } from './check-log.js'
import { checkOffsets } from './check-offsets.js'
import { checkReference, REFERENCE_CLAIM } from './check-reference.js'
import { checkReplayed } from './check-replayed-rows.js'
import { checkReplayedValues } from './check-replayed-values.js'
import { checkRuleHistory, checkSilver } from './check-silver.js'
import { checkTradeGaps } from './check-trade-gaps.js'

/** Makes a check; one that can't be made because something can't be read has failed, and those after it go on. */
export type Guard = <T>(claim: Claim, work: () => Promise<T>) => Promise<T | undefined>

/** What a layer's own checks work on. */
interface LayerCheckContext {
  readonly lake: Lake
  readonly session: Session
  readonly tables: PinnedLake
  /** What each main table holds of its lanes, by name: the worker's own, and all upstream. */
  readonly laneRows: ReadonlyMap<string, ReadonlyMap<LaneKey, LaneRows>>
  /** All replayed rows of silver; undefined when they could not be read, which a check of its own has told. */
  readonly replayed: TemporaryTable | undefined
  readonly fromLog: boolean
  readonly checks: CheckList
  readonly guard: Guard
}

/** Checks one worker's tables, beyond what is checked of every table; gives how many rows were derived again. */
type LayerChecks = (context: LayerCheckContext, worker: LayerWorker) => Promise<bigint>

const LAYER_CHECKS = {
  bronze: checkBronzeLayer,
  silver: checkSilverLayer,
  gold: checkGoldLayer,
  candles: checkCandlesLayer,
} satisfies Record<LayerName, LayerChecks>

/** The checks of the layer of that name; undefined for one that has none of its own. */
export function ownChecksOf(layer: string): LayerChecks | undefined {
  return Object.entries(LAYER_CHECKS).find(([name]) => name === layer)?.[1]
}

export function claimOf(promise: string, { name }: PinnedScan, claim: string): Claim {
  return { promise, subject: name, claim }
}

async function checkBronzeLayer(context: LayerCheckContext, { main, topic }: LayerWorker): Promise<bigint> {
  const { lake, session, tables, fromLog, checks, guard } = context
  if (topic === undefined) throw new RangeError(`${main.name} is read from no topic`)
  const bronze = tables.of(main)
  const rows = rowsOf(context, bronze)
  const check = { lake, session, topic, bronze, gaps: tables.gaps, rows, checks }
  checkStops(bronze, checks)
  await guard(claimOf('chain', bronze, 'its topics are the ones that its lanes were read from'), () =>
    checkTopics(lake, topic, bronze, fromLog, checks),
  )
  await guard(claimOf('B2', bronze, 'no offset is there twice'), () => checkOffsets(check))
  if (fromLog) {
    await guard(claimOf('B1', bronze, 'its rows are the records of the log'), () => checkLog(check))
  } else checks.skipped(claimOf('B1', bronze, 'its rows are the records of the log, byte for byte'), 'needs --from-log')
  return 0n
}

async function checkSilverLayer(context: LayerCheckContext, worker: LayerWorker): Promise<bigint> {
  const { lake, session, tables, checks, guard } = context
  const pinned = pinnedOf(tables, worker)
  const { exchange, bronze, silver } = pinned
  const check = await guard(claimOf('S2', silver, 'the rule_sets ledger can be read'), async () => {
    const history = await readRuleHistory(session, await tables.ruleSets.sql(), exchange)
    return { lake, session, exchange, pinned, tables, history, bronzeRows: rowsOf(context, bronze), checks }
  })
  if (!check) return 0n
  await guard(claimOf('S2', silver, 'the rule_sets ledger covers its positions'), async () => checkRuleHistory(check))
  const rows = await guard(claimOf('S1', silver, 'its rows are the valid rows of bronze'), () => checkSilver(check))
  await ofReplayed(
    context,
    claimOf('S2', silver, 'replayed rows are what their rules make of their bytes'),
    (replayed) => checkReplayedValues(check, replayed),
  )
  await ofReplayed(context, claimOf('D1', silver, 'every dead letter was replayed at most once'), (replayed) =>
    checkReplayed(session, replayed, pinned, checks),
  )
  return rows ?? 0n
}

async function checkGoldLayer(context: LayerCheckContext): Promise<bigint> {
  const { session, tables, checks, guard } = context
  const { gold, duplicates, exchanges } = tables
  const silverRows = new Map(exchanges.map(({ silver }) => [silver.name, rowsOf(context, silver)]))
  await guard(claimOf('G1', gold, 'every trade is there once'), () => checkDistinct(session, tables, checks))
  const claim = claimOf('G2', gold, 'its rows are the silver rows that are no duplicates')
  const dropped = await ofReplayed(context, claim, (replayed) =>
    checkGold({ session, tables, silverRows, replayed, checks }),
  )
  const keptClaim = claimOf('G4', duplicates, 'each names the row that was kept')
  if (dropped) await guard(keptClaim, () => checkKept(session, dropped, tables, checks))
  else checks.skipped(keptClaim, 'the duplicates could not be read')
  await guard(claimOf('G3', tables.tradeGaps, 'its open gaps are those between the trades of gold'), () =>
    checkTradeGaps(session, tables, checks),
  )
  await guard(REFERENCE_CLAIM, () => checkReference(session, tables, checks))
  return 0n
}

async function checkCandlesLayer({ session, tables, checks, guard }: LayerCheckContext): Promise<bigint> {
  const candles = tables.of(CANDLES_TABLE)
  if (!candles.pinned && !candles.problem) {
    for (const claim of [CANDLES_CLAIM, CANDLE_TRADES_CLAIM, REVISIONS_CLAIM]) {
      checks.skipped(claim, 'the lake has no candles yet')
    }
    return 0n
  }
  await guard(CANDLES_CLAIM, () => checkCandles(session, tables, checks))
  await guard(REVISIONS_CLAIM, () => checkRevisions(session, tables, checks))
  return 0n
}

/** A check that needs the replayed rows. */
export async function ofReplayed<T>(
  { replayed, guard, checks }: Pick<LayerCheckContext, 'replayed' | 'guard' | 'checks'>,
  claim: Claim,
  work: (replayed: TemporaryTable) => Promise<T>,
): Promise<T | undefined> {
  if (replayed) return guard(claim, () => work(replayed))
  checks.skipped(claim, 'the replayed rows could not be read')
  return undefined
}

function pinnedOf({ exchanges }: PinnedLake, { exchange }: LayerWorker): PinnedExchange {
  const pinned = exchanges.find((one) => one.exchange.name === exchange?.name)
  if (!pinned) throw new RangeError(`the lake takes no trades of ${exchange?.name}`)
  return pinned
}

function rowsOf({ laneRows }: LayerCheckContext, { name }: PinnedScan): ReadonlyMap<LaneKey, LaneRows> {
  return laneRows.get(name) ?? new Map()
}
