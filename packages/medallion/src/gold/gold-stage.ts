import type { LaneKey } from '@assay/core'
import { quoteIdentifier, quoteText, type Session, type TemporaryTable } from '@assay/engine'
import type { DataFile } from '@assay/iceberg'
import type {
  Checkpoint,
  LakeTable,
  LaneCheckpoint,
  Stage,
  StageContext,
  StageOutcome,
  UpstreamTable,
} from '@assay/pipeline'
import {
  cutPlan,
  dateText,
  hasBacklog,
  type LanePlan,
  lanesAfter,
  planTableBatch,
  type TableBatch,
  timestampLiteral,
} from '@assay/pipeline'
import { TRADE_COLUMNS } from '../silver/silver-tables.js'
import { currentKeys, type LoadedKeys, saveKeysIfDue } from './current-keys.js'
import { type DedupResult, findDuplicates, type GoldBatch } from './find-duplicates.js'
import { findKept } from './find-kept.js'
import { DUPLICATES_TABLE, GOLD_TABLE } from './gold-tables.js'
import { keySetState, readSavedKeySet } from './key-set-state.js'
import { writeTradeGaps } from './trade-gaps.js'
import { TRADE_GAPS_TABLE } from './trade-gaps-table.js'

const HOUR_US = 3_600_000_000

interface GoldInput {
  readonly silvers: readonly UpstreamTable[]
  readonly gold: LakeTable
  /** Memory that the key set may take. */
  readonly keySet_bytes: number
  readonly adopt: boolean
}

/** Unites the silver tables and keeps each trade once, however late a copy comes (G1–G4). */
export function goldStage(context: StageContext, input: GoldInput): Stage {
  let loaded: LoadedKeys | undefined
  let turn = 0
  return {
    name: 'gold',
    main: GOLD_TABLE,
    sides: [DUPLICATES_TABLE, TRADE_GAPS_TABLE],
    async run(checkpoint): Promise<StageOutcome> {
      const { session, limits } = context
      const planned = await planSources(context, input, checkpoint, turn++)
      if (planned.length === 0) return { kind: 'idle' }
      const pinned = await input.gold.pin()
      loaded = await currentKeys(loaded, { ...input, session, pinned, checkpoint })
      const state = loaded
      let batch = { input: await defineInput(session, planned, 'in place'), gold: input.gold, pinned }
      const result = await findDuplicates(session, batch, state.keys, limits.maxPartitions)
      const batches = sourcesUntil(planned, result.limitReachedAt)
      if (result.limitReachedAt || result.hours.size > HOURS_READ_IN_PLACE)
        batch = { ...batch, input: await defineInput(session, batches, 'copied') }
      const files = await writeNew(context, batch.input, result)
      const dropped = await writeDuplicates(context, batch, result)
      const gaps = await writeTradeGaps(context, batch, result, state.keys)
      const keys = await saveKeysIfDue(input.gold, state, pinned, context.random)
      return {
        kind: 'batch',
        files,
        sides: [
          ...(dropped.length > 0 ? [{ table: DUPLICATES_TABLE, files: dropped }] : []),
          ...(gaps.length > 0 ? [{ table: TRADE_GAPS_TABLE, files: gaps }] : []),
        ],
        change: {
          basis: checkpoint,
          lanes: lanesOf(checkpoint, planned, batches, result),
          wholeCheckpoint: true,
          sources: Object.fromEntries(batches.map(({ name, batch }) => [name, batch.pinned.uuid])),
          ...(keys && { state: keySetState(keys) }),
        },
        rows: result.count,
        more: batches.some(({ plan }) => plan.more),
        counts: {
          records: result.count,
          written: result.count - result.duplicates,
          duplicates: result.duplicates,
          get key_set_bytes() {
            return state.keys.size_bytes
          },
        },
        committed: (snapshot) => {
          state.keys.merge(result.staged)
          state.sequence = snapshot.sequence
          state.commitsSinceSave = keys ? 0 : state.commitsSinceSave + 1
          const before = readSavedKeySet(checkpoint)
          if (keys && before) void input.gold.store.delete(before.path).catch(() => undefined)
        },
      }
    },
    forget: () => {
      loaded = undefined
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

/** What a batch takes of one silver table. */
interface SourceBatch {
  readonly name: string
  readonly batch: TableBatch
  readonly plan: LanePlan
  /** Rank of the source's first lane among the lanes of all sources. */
  readonly firstRank: number
}

/** A batch of each silver table that has something new, the row limit shared among them. */
async function planSources(
  context: StageContext,
  input: GoldInput,
  checkpoint: Checkpoint,
  turn: number,
): Promise<SourceBatch[]> {
  const waiting: UpstreamTable[] = []
  for (const silver of input.silvers) if (await hasBacklog(silver, checkpoint)) waiting.push(silver)
  const share = Math.max(1, Math.floor(context.limits.maxRows / Math.max(1, waiting.length)))
  const sources: SourceBatch[] = []
  let firstRank = 0
  for (const silver of waiting) {
    const batch = await planTableBatch(context.session, silver, checkpoint, {
      maxRows: share,
      turn,
      adopt: input.adopt,
    })
    const { plan } = batch
    if (plan.ranges.length > 0) sources.push({ name: silver.definition.name, batch, plan, firstRank })
    firstRank += plan.ranges.length
  }
  return sources
}

/** Batches over more hours than this are copied before they are written hour by hour. */
const HOURS_READ_IN_PLACE = 3
const INPUT_COLUMNS = [
  ...TRADE_COLUMNS.map(([name]) => name),
  ...['topic', 'partition', 'offset', 'kafka_timestamp', 'is_late', 'replay_id'],
].map(quoteIdentifier)

/** Makes the batch readable under one name: in place, or copied once when it is going to be read often. */
async function defineInput(
  session: Session,
  sources: readonly SourceBatch[],
  how: 'in place' | 'copied',
): Promise<TemporaryTable> {
  const parts = sources
    .filter(({ plan }) => plan.ranges.length > 0)
    .map(
      ({ batch, plan, firstRank }) =>
        `SELECT (lane_rank + ${firstRank})::INTEGER AS lane_rank, lane_offset, ${INPUT_COLUMNS.join(', ')} FROM (${batch.select(plan)})`,
    )
  let rows = parts.join(' UNION ALL ')
  if (how === 'copied') {
    const copy = await session.createTable('gold_input_rows', rows)
    rows = `SELECT * FROM ${copy.name}`
  }
  return session.createView('gold_input', rows)
}

/** The sources' plans up to where the result was limitReachedAt short. */
function sourcesUntil(
  sources: readonly SourceBatch[],
  limitReachedAt: DedupResult['limitReachedAt'],
): readonly SourceBatch[] {
  if (!limitReachedAt) return sources
  return sources.map((source) => {
    const rank = limitReachedAt.rank - source.firstRank
    if (rank >= source.plan.ranges.length) return source
    if (rank < 0) return { ...source, plan: { ...source.plan, ranges: [], idle: [], more: true } }
    return { ...source, plan: cutPlan(source.plan, rank, limitReachedAt.offset) }
  })
}

async function writeNew(context: StageContext, input: TemporaryTable, result: DedupResult): Promise<DataFile[]> {
  if (result.duplicates === result.count) return []
  // An anti join would put the wide side into its hash table: views tell DuckDB no cardinality.
  const isNew =
    result.duplicates === 0
      ? 'true'
      : `(lane_rank, lane_offset) NOT IN (SELECT (lane_rank, lane_offset) FROM ${result.duplicateRows.name})`
  const trade = TRADE_COLUMNS.map(([name]) => quoteIdentifier(name)).join(', ')
  const now = timestampLiteral(context.clock.now_ms())
  const files: DataFile[] = []
  for (const hour of result.hours) {
    const date = dateText(Math.floor(hour / 24))
    const ofHour =
      result.hours.size === 1 ? '' : `AND "timestamp" >= ${hour * HOUR_US} AND "timestamp" < ${(hour + 1) * HOUR_US}`
    const select = `SELECT ${trade}, ${now} AS gold_ingestion_timestamp, DATE ${quoteText(date)} AS exchange_date,
      ${hour % 24}::INTEGER AS exchange_hour, topic, "partition", "offset", kafka_timestamp, is_late, replay_id
      FROM ${input.name} WHERE ${isNew} ${ofHour}`
    const file = await context.write(GOLD_TABLE, select, { exchange_date: date, exchange_hour: hour % 24 })
    if (file) files.push(file)
  }
  return files
}

async function writeDuplicates(context: StageContext, batch: GoldBatch, result: DedupResult): Promise<DataFile[]> {
  if (result.duplicates === 0) return []
  const { dropped, kept } = await findKept(context.session, batch, result.duplicateRows)
  const days = await context.session.rows(
    `SELECT DISTINCT "timestamp" // 86400000000 AS day FROM ${dropped.name} ORDER BY 1`,
  )
  const files: DataFile[] = []
  for (const { day } of days) {
    const date = dateText(Number(day))
    const select = `SELECT exchange, symbol, trade_id, topic, "partition", "offset", kafka_timestamp,
      DATE ${quoteText(date)} AS exchange_date, kept_topic, kept_partition, kept_offset, is_conflict
      FROM ${dropped.name} JOIN ${kept.name} USING (lane_rank, lane_offset) WHERE "timestamp" // 86400000000 = ${day}
      ORDER BY lane_rank, lane_offset`
    const file = await context.write(DUPLICATES_TABLE, select, { exchange_date: date })
    if (file) files.push(file)
  }
  return files
}

function lanesOf(
  checkpoint: Checkpoint,
  planned: readonly SourceBatch[],
  batches: readonly SourceBatch[],
  result: DedupResult,
): Map<LaneKey, LaneCheckpoint> {
  const written = new Map<LaneKey, bigint>()
  for (const { plan, firstRank } of planned) {
    for (const [rank, { key }] of plan.ranges.entries()) {
      const offset = result.written.get(firstRank + rank)
      if (offset !== undefined) written.set(key, offset)
    }
  }
  return new Map(
    batches.flatMap(({ plan, batch }) => [
      ...lanesAfter(plan, checkpoint, batch.pinned.sequence, (key) => {
        const offset = written.get(key)
        return offset === undefined ? {} : { written: offset }
      }),
    ]),
  )
}
