import type { LaneKey } from '@assay/core'
import type { DataFile } from '@assay/iceberg'
import type { Checkpoint, LaneCheckpoint } from '../checkpoint/checkpoint.js'
import { cutPlan, type LanePlan, lanesAfter } from '../source/lane-plan.js'
import { hasBacklog, planTableBatch, type TableBatch } from '../source/table-source.js'
import { ident, quote } from '../sql/literals.js'
import { dateText, timestampLiteral } from '../sql/times.js'
import { DUPLICATES_TABLE, GOLD_TABLE } from '../tables/gold.js'
import type { LakeTable } from '../tables/lake-table.js'
import { TRADE_COLUMNS } from '../tables/silver.js'
import type { StageContext } from './context.js'
import { DUPLICATES, findDuplicates, INPUT } from './gold/find-duplicates.js'
import { findKept, KEPT } from './gold/find-kept.js'
import { type LoadedKeys, loadKeys, saveKeysIfDue } from './gold/key-keeper.js'
import type { Stage, StageOutcome } from './stage.js'

export interface GoldInput {
  readonly silvers: readonly LakeTable[]
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
    sides: [DUPLICATES_TABLE],
    async run(checkpoint): Promise<StageOutcome> {
      const batches = await planSources(context, input, checkpoint, turn++)
      if (batches.length === 0) return { kind: 'idle' }
      const pinned = await input.gold.pin()
      loaded ??= await loadKeys(input.gold, context.session, checkpoint, input.keySet_bytes)
      const state = loaded
      const plans = await loadInput(context, batches)
      const { staged, duplicates } = await findDuplicates(context.session, input.gold, pinned, state.keys)
      if (duplicates > 0) await findKept(context.session, input.gold, pinned)
      const files = await writeNew(context, duplicates > 0)
      const dropped = duplicates > 0 ? await writeDuplicates(context) : []
      const keys = await saveKeysIfDue(input.gold, state, pinned.uuid, context.random)
      const rows = await countRows(context)
      return {
        kind: 'batch',
        files,
        sides: dropped.length > 0 ? [{ table: DUPLICATES_TABLE, files: dropped }] : [],
        change: {
          basis: checkpoint,
          lanes: await lanesOf(context, checkpoint, batches, plans),
          wholeCheckpoint: true,
          sources: Object.fromEntries(batches.map(({ name, batch }) => [name, batch.pinned.uuid])),
          ...(keys && { keys }),
        },
        rows,
        more: plans.some((plan) => plan.more),
        counts: { records: rows, written: rows - duplicates, duplicates },
        committed: (snapshot) => {
          state.keys.merge(staged)
          state.sequence = snapshot.sequence
          state.commitsSinceSave = keys ? 0 : state.commitsSinceSave + 1
          if (keys && checkpoint.keys) void input.gold.store.delete(checkpoint.keys.path).catch(() => undefined)
        },
      }
    },
    forget: () => {
      loaded = undefined
    },
    wait: (checkpoint, timeout_ms, signal) => waitForAny(input.silvers, checkpoint, timeout_ms, signal),
  }
}

async function waitForAny(
  tables: readonly LakeTable[],
  checkpoint: Checkpoint,
  timeout_ms: number,
  signal: AbortSignal,
): Promise<void> {
  const one = new AbortController()
  const either = AbortSignal.any([signal, one.signal])
  await Promise.race(tables.map((table) => table.waitForCommit(checkpoint, timeout_ms, either)))
  one.abort()
}

interface SourceBatch {
  readonly name: string
  readonly batch: TableBatch
}

/** A batch of each silver table that has something new, the row limit shared among them. */
async function planSources(
  context: StageContext,
  input: GoldInput,
  checkpoint: Checkpoint,
  turn: number,
): Promise<SourceBatch[]> {
  const waiting: LakeTable[] = []
  for (const silver of input.silvers) if (await hasBacklog(silver, checkpoint)) waiting.push(silver)
  const share = Math.max(1, Math.floor(context.limits.maxRows / Math.max(1, waiting.length)))
  const batches: SourceBatch[] = []
  for (const silver of waiting) {
    const batch = await planTableBatch(silver, checkpoint, share, turn, input.adopt)
    if (batch.plan.ranges.length > 0) batches.push({ name: silver.definition.name, batch })
  }
  return batches
}

/** Fills the input table; plans are cut where one partition too many would begin. */
async function loadInput(context: StageContext, batches: readonly SourceBatch[]): Promise<LanePlan[]> {
  const columns = [
    ...TRADE_COLUMNS.map(([name]) => name),
    ...['topic', 'partition', 'offset', 'kafka_timestamp', 'is_late', 'replay_id'],
  ].map(ident)
  const parts = batches.map(
    ({ batch }, source) =>
      `SELECT ${source}::INTEGER AS source, lane_rank, ${columns.join(', ')} FROM (${batch.select})`,
  )
  await context.session.run(`CREATE OR REPLACE TEMP TABLE ${INPUT} AS
    SELECT (row_number() OVER (ORDER BY source, lane_rank, "offset") - 1)::INTEGER AS rn, *,
      ("timestamp" // 86400000000)::INTEGER AS exchange_day, (("timestamp" // 3600000000) % 24)::INTEGER AS exchange_hour
    FROM (${parts.join(' UNION ALL ')})`)
  const [cut] = await context.session.rows(`SELECT source, lane_rank, "offset", rn FROM ${INPUT} WHERE rn = (
      SELECT min(rn) AS first FROM ${INPUT} GROUP BY exchange_day, exchange_hour
      ORDER BY first OFFSET ${context.limits.maxPartitions} LIMIT 1)`)
  const plans = batches.map(({ batch }) => batch.plan)
  if (!cut) return plans
  await context.session.run(`DELETE FROM ${INPUT} WHERE rn >= ${cut.rn}`)
  return plans.map((plan, source) => {
    if (source < Number(cut.source)) return plan
    if (source > Number(cut.source)) return { ...plan, ranges: [], idle: [], more: true }
    return cutPlan(plan, Number(cut.lane_rank), cut.offset as bigint)
  })
}

async function writeNew(context: StageContext, hasDuplicates: boolean): Promise<DataFile[]> {
  const fresh = hasDuplicates ? `(SELECT i.* FROM ${INPUT} i ANTI JOIN ${DUPLICATES} USING (rn))` : INPUT
  const partitions = await context.session.rows(
    `SELECT exchange_day, exchange_hour, count(*) AS n FROM ${fresh} GROUP BY ALL ORDER BY ALL`,
  )
  const trade = TRADE_COLUMNS.map(([name]) => ident(name)).join(', ')
  const now = timestampLiteral(context.clock.now_ms())
  const files: DataFile[] = []
  for (const { exchange_day, exchange_hour } of partitions) {
    const date = dateText(Number(exchange_day))
    const select = `SELECT ${trade}, ${now} AS gold_ingestion_timestamp, DATE ${quote(date)} AS exchange_date, exchange_hour,
      topic, "partition", "offset", kafka_timestamp, is_late, replay_id
      FROM ${fresh} WHERE exchange_day = ${exchange_day} AND exchange_hour = ${exchange_hour} ORDER BY rn`
    const file = await context.write(GOLD_TABLE, select, { exchange_date: date, exchange_hour: Number(exchange_hour) })
    if (file) files.push(file)
  }
  return files
}

async function writeDuplicates(context: StageContext): Promise<DataFile[]> {
  const days = await context.session.rows(
    `SELECT DISTINCT exchange_day FROM ${INPUT} SEMI JOIN ${DUPLICATES} USING (rn) ORDER BY 1`,
  )
  const files: DataFile[] = []
  for (const { exchange_day } of days) {
    const date = dateText(Number(exchange_day))
    const select = `SELECT exchange, symbol, trade_id, topic, "partition", "offset", kafka_timestamp,
      DATE ${quote(date)} AS exchange_date, kept_topic, kept_partition, kept_offset, is_conflict
      FROM ${INPUT} JOIN ${KEPT} USING (rn) WHERE exchange_day = ${exchange_day} ORDER BY rn`
    const file = await context.write(DUPLICATES_TABLE, select, { exchange_date: date })
    if (file) files.push(file)
  }
  return files
}

async function countRows(context: StageContext): Promise<number> {
  const [row] = await context.session.rows(`SELECT count(*) AS n FROM ${INPUT}`)
  return Number(row?.n)
}

async function lanesOf(
  context: StageContext,
  checkpoint: Checkpoint,
  batches: readonly SourceBatch[],
  plans: readonly LanePlan[],
): Promise<Map<LaneKey, LaneCheckpoint>> {
  const rows = await context.session.rows(
    `SELECT topic || '/' || "partition" AS lane, max("offset") AS written
     FROM ${INPUT} ANTI JOIN ${DUPLICATES} USING (rn) GROUP BY ALL`,
  )
  const written = new Map(rows.map((row) => [String(row.lane), row.written as bigint]))
  const lanes = new Map<LaneKey, LaneCheckpoint>()
  for (const [source, plan] of plans.entries()) {
    const { pinned } = (batches[source] as SourceBatch).batch
    const after = lanesAfter(plan, checkpoint, pinned.sequence, (key) => {
      const offset = written.get(key)
      return offset === undefined ? {} : { written: offset }
    })
    for (const [key, lane] of after) lanes.set(key, lane)
  }
  return lanes
}
