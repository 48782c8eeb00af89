import { laneKey } from '@assay/core'
import type { Exchange } from '@assay/exchanges'
import type { SchemaRegistry } from '@assay/schema-registry'
import type { Checkpoint } from '../checkpoint/checkpoint.js'
import type { RuleSet } from '../rules/rule-set.js'
import { cutPlan, type LanePlan, type LaneRange, lanesAfter } from '../source/lane-plan.js'
import { planTableBatch, type TableBatch } from '../source/table-source.js'
import type { LakeTable } from '../tables/lake-table.js'
import { DLQ_TABLE, RULE_SETS_TABLE, silverTable } from '../tables/silver.js'
import type { StageContext } from './context.js'
import { collectBronzeRows } from './silver/collect.js'
import { countWithinLookups, type DecoderLookup, decodeRows, decoderLookup } from './silver/decode.js'
import { cutSql, INPUT, inputColumns, JUDGED, judgeSql } from './silver/judge.js'
import type { LaneNumber } from './silver/message-id.js'
import { type BronzeRows, firstRows } from './silver/rows.js'
import { writeDeadLetters, writeRuleSets, writeValid } from './silver/write.js'
import type { SideFiles, Stage, StageOutcome } from './stage.js'

export interface SilverInput {
  readonly exchange: Exchange
  readonly bronze: LakeTable
  readonly registry: SchemaRegistry
  readonly rules: RuleSet
  /** Take a bronze table with another uuid for the old one, by positions. */
  readonly adopt: boolean
}

/** Judges each bronze row once: into silver, or into the dead-letter queue with a reason. */
export function silverStage(context: StageContext, input: SilverInput): Stage {
  const main = silverTable(input.exchange.name)
  const lookup = decoderLookup(input.registry, input.exchange.schema)
  let turn = 0
  return {
    name: `silver-${input.exchange.name}`,
    main,
    sides: [DLQ_TABLE, RULE_SETS_TABLE],
    async run(checkpoint): Promise<StageOutcome> {
      const { maxRows } = context.limits
      const batch = await planTableBatch(input.bronze, checkpoint, maxRows, turn++, input.adopt)
      if (batch.plan.ranges.length === 0) return { kind: 'idle' }
      const { rows, plan } = await judgeBatch(context, input, lookup, checkpoint, batch)
      const files = await writeValid(context, main, input.rules)
      const sides = await writeSides(context, input, main.name, checkpoint, plan, rows)
      const stats = await laneStats(context, plan)
      return {
        kind: 'batch',
        files,
        sides,
        change: {
          basis: checkpoint,
          lanes: lanesAfter(plan, checkpoint, batch.pinned.sequence, (key) => {
            const stat = stats.get(key)
            return { rules: input.rules.version, ...stat }
          }),
          wholeCheckpoint: false,
          sources: { [input.bronze.definition.name]: batch.pinned.uuid },
        },
        rows: rows.count,
        more: plan.more,
        counts: { records: rows.count, valid: recordCount(files), rejected: rejectedCount(sides) },
        committed: () => undefined,
      }
    },
    forget: () => undefined,
    wait: (checkpoint, timeout_ms, signal) => input.bronze.waitForCommit(checkpoint, timeout_ms, signal),
  }
}

function recordCount(files: readonly { readonly recordCount: number }[]): number {
  return files.reduce((sum, file) => sum + file.recordCount, 0)
}

function rejectedCount(sides: readonly SideFiles[]): number {
  return sides.filter((side) => side.table === DLQ_TABLE).reduce((sum, side) => sum + recordCount(side.files), 0)
}

/** Fills the judged table; rows and plan are cut where one partition too many would begin. */
async function judgeBatch(
  context: StageContext,
  input: SilverInput,
  lookup: DecoderLookup,
  checkpoint: Checkpoint,
  batch: TableBatch,
): Promise<{ rows: BronzeRows; plan: LanePlan }> {
  let { rows, plan } = await collectBronzeRows(context.session, batch, context.limits.maxBytes)
  const cutAt = (row: number): void => {
    plan = cutPlan(plan, rows.ranks[row] as number, rows.offsets[row] as bigint)
    rows = firstRows(rows, row)
  }
  const known = countWithinLookups(rows)
  if (known < rows.count) cutAt(known)
  const decoded = await decodeRows(rows, input.exchange.schema, lookup)
  const { ranges } = batch.plan
  const numbers = laneNumbers(ranges, batch.pinned.checkpoint)
  const columns = inputColumns(rows, decoded, ranges, numbers, input.exchange)
  await context.session.load(INPUT, columns, rows.count)
  const greatest = ranges.map((range) => checkpoint.lanes.get(range.key)?.greatest_us)
  await context.session.run(judgeSql(input.exchange, input.rules, ranges, greatest))
  const [cut] = await context.session.rows(cutSql(context.limits.maxPartitions))
  if (cut) {
    cutAt(Number(cut.first))
    await context.session.run(`DELETE FROM ${JUDGED} WHERE rn >= ${rows.count}`)
  }
  return { rows, plan }
}

function laneNumbers(ranges: readonly LaneRange[], bronze: Checkpoint): LaneNumber[] {
  return ranges.map(({ lane }) => {
    const topic = bronze.topics[lane.topic]
    if (!topic) throw new RangeError(`bronze has rows of ${laneKey(lane)} but no lane id for its topic`)
    return { laneId: topic.laneId, partition: lane.partition }
  })
}

async function writeSides(
  context: StageContext,
  input: SilverInput,
  silverName: string,
  checkpoint: Checkpoint,
  plan: LanePlan,
  rows: BronzeRows,
): Promise<SideFiles[]> {
  const letters = await writeDeadLetters(context, input.bronze.definition.name, input.rules, rows.raw)
  const newlyJudged = plan.ranges.filter((range) => checkpoint.lanes.get(range.key)?.rules !== input.rules.version)
  return [
    ...(letters.length > 0 ? [{ table: DLQ_TABLE, files: letters }] : []),
    ...(await writeRuleSets(context, silverName, input.rules, newlyJudged)),
  ]
}

/** Greatest event time and offset of each lane's valid rows. */
async function laneStats(context: StageContext, plan: LanePlan) {
  const rows = await context.session.rows(
    `SELECT lane_rank, max("offset") AS written, max(greatest(event_time_us, seen_us)) AS greatest_us
     FROM ${JUDGED} WHERE error_reason IS NULL GROUP BY lane_rank`,
  )
  return new Map(
    rows.flatMap((row) => {
      const range = plan.ranges[Number(row.lane_rank)]
      return range
        ? [[range.key, { written: row.written as bigint, greatest_us: row.greatest_us as bigint }] as const]
        : []
    }),
  )
}
