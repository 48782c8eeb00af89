import {
  type Decisions,
  findDuplicates,
  type KeySet,
  RecentTrades,
  WantedTrades,
  writtenOf,
} from '@assay/deduplication'
import type { DataFile } from '@assay/iceberg'
import type {
  Checkpoint,
  LakeTable,
  SideFiles,
  Stage,
  StageContext,
  StageOutcome,
  UpstreamTable,
} from '@assay/pipeline'
import { currentKeys, type LoadedKeys, saveKeysIfDue } from './current-keys.js'
import { findInGold, type GoldFiles } from './duplicates/find-in-gold.js'
import { findKept, wantKept } from './duplicates/find-kept.js'
import { gapTimes } from './gaps/gap-times.js'
import { gapChanges, sidesOf, writeTradeGaps } from './gaps/trade-gaps.js'
import { TRADE_GAPS_TABLE } from './gaps/trade-gaps-table.js'
import { lanesAfterBatch, readSources } from './gold-sources.js'
import { DUPLICATES_TABLE, GOLD_TABLE } from './gold-tables.js'
import { keySetState, readSavedKeySet } from './key-set-state.js'
import { writeDuplicates, writeNew } from './write-gold.js'

interface GoldInput {
  readonly silvers: readonly UpstreamTable[]
  readonly gold: LakeTable
  /** Memory that the key set may take. */
  readonly keySet_bytes: number
  readonly adopt: boolean
}

/** Unites the silver tables and keeps each trade once, however late a copy comes (G1–G4). */
export function goldStage(context: StageContext, input: GoldInput): Stage {
  const recent = new RecentTrades()
  let loaded: LoadedKeys | undefined
  let turn = 0
  return {
    name: 'gold',
    main: GOLD_TABLE,
    sides: [DUPLICATES_TABLE, TRADE_GAPS_TABLE],
    async run(checkpoint): Promise<StageOutcome> {
      const { session } = context
      const { sources, rows } = await readSources(context, checkpoint, { ...input, turn: turn++ })
      if (sources.length === 0) return { kind: 'idle' }
      const pinned = await input.gold.pin()
      loaded = await currentKeys(loaded, { ...input, session, pinned, checkpoint })
      const state = loaded
      recent.keepIfUnchanged(pinned.version.metadata)
      const goldFiles = { session, gold: input.gold, pinned }
      const decisions = await findDuplicates(rows, state.keys, findInGold(goldFiles))
      const files = await writeNew(context, decisions)
      const sides = await writeSides(context, goldFiles, decisions, { keys: state.keys, recent })
      const keys = await saveKeysIfDue(input.gold, state, pinned, context.random)
      return {
        kind: 'batch',
        files,
        sides,
        change: {
          basis: checkpoint,
          lanes: lanesAfterBatch(sources, rows, checkpoint, writtenOf(decisions)),
          wholeCheckpoint: true,
          sources: Object.fromEntries(sources.map(({ name, pinned: silver }) => [name, silver.uuid])),
          ...(keys && { state: keySetState(keys) }),
        },
        rows: rows.count,
        more: sources.some(({ plan }) => plan.more),
        counts: {
          records: rows.count,
          written: rows.count - decisions.duplicates,
          duplicates: decisions.duplicates,
          get key_set_bytes() {
            return state.keys.size_bytes
          },
        },
        committed: (snapshot) => {
          state.keys.merge(decisions.staged)
          state.sequence = snapshot.sequence
          state.commitsSinceSave = keys ? 0 : state.commitsSinceSave + 1
          recent.add(decisions, snapshot.id)
          const before = readSavedKeySet(checkpoint)
          if (keys && before) void input.gold.store.delete(before.path).catch(() => undefined)
        },
      }
    },
    forget: () => {
      loaded = undefined
      recent.forget()
    },
    wait: (checkpoint, timeout_ms, signal) => waitForSources(input.silvers, checkpoint, timeout_ms, signal),
  }
}

/** How long gold waits for the other silver tables once one has a commit, so that one batch takes them all. */
const GATHER_MS = 100

async function waitForSources(
  tables: readonly UpstreamTable[],
  checkpoint: Checkpoint,
  timeout_ms: number,
  signal: AbortSignal,
): Promise<void> {
  const first = new AbortController()
  const either = AbortSignal.any([signal, first.signal])
  await Promise.race(tables.map((table) => table.waitForCommit(checkpoint, timeout_ms, either)))
  first.abort()
  await Promise.all(tables.map((table) => table.waitForCommit(checkpoint, GATHER_MS, signal)))
}

interface Known {
  readonly keys: KeySet
  readonly recent: RecentTrades
}

/** Writes the duplicates and what the new trades change in the gaps of the trade numbers. */
async function writeSides(
  context: StageContext,
  gold: GoldFiles,
  decisions: Decisions,
  { keys, recent }: Known,
): Promise<SideFiles[]> {
  const changes = gapChanges(keys, decisions)
  const gapSides = sidesOf(changes)
  const wanted = new WantedTrades(decisions.symbolKeys.length)
  wantKept(decisions, wanted)
  for (const { symbol, id } of gapSides) wanted.add(symbol, id)
  wanted.find(decisions)
  const kept = await findKept(gold, decisions, wanted, recent)
  const dropped: DataFile[] = decisions.duplicates > 0 ? await writeDuplicates(context, decisions, kept) : []
  const times = await gapTimes(gold, gapSides, decisions, wanted, recent)
  const gaps = await writeTradeGaps(context, changes, decisions.symbolKeys, times)
  return [
    ...(dropped.length > 0 ? [{ table: DUPLICATES_TABLE, files: dropped }] : []),
    ...(gaps.length > 0 ? [{ table: TRADE_GAPS_TABLE, files: gaps }] : []),
  ]
}
