import type { LaneKey } from '@assay/core'
import type { LaneAssignment } from '@assay/event-log'
import { type Exchange, readerSchemaOf } from '@assay/exchanges'
import type {
  Checkpoint,
  LaneCheckpoint,
  SideFiles,
  Stage,
  StageContext,
  StageOutcome,
  UpstreamTable,
} from '@assay/pipeline'
import {
  cutPlan,
  type LaneFilter,
  type LanePlan,
  type LaneRange,
  lanesAfter,
  ownedBy,
  planTableBatch,
  type TableBatch,
} from '@assay/pipeline'
import type { SchemaRegistry } from '@assay/schema-registry'
import type { RuleSet } from '../rules/rule-set.js'
import type { Rejection } from './apply-rules.js'
import { collectBronzeRows } from './collect.js'
import { SILVER_SIDES } from './dead-letter-tables.js'
import { countWithinLookups, type DecoderLookup, decoderLookup } from './decode.js'
import type { LaneClockState } from './lanes/lane-clock.js'
import { laneState, readLaneState } from './lanes/lane-state.js'
import { type Lateness, latenessOf } from './lateness.js'
import { type BronzeRows, firstRows } from './rows/rows.js'
import { type RuleOutcome, ruleOutcome } from './rule-outcome.js'
import { DLQ_TABLE, silverTable } from './silver-tables.js'
import { writeDeadLetters, writeRuleSets, writeValid } from './write.js'

interface SilverInput {
  readonly exchange: Exchange
  readonly bronze: UpstreamTable
  readonly registry: SchemaRegistry
  readonly assignment: LaneAssignment
  readonly rules: RuleSet
  /** Take a bronze table with another uuid for the old one, by positions. */
  readonly adopt: boolean
  /** For rows that are derived again; the registry alone decides unless given. */
  readonly schemaUnknown?: SchemaUnknown
}

/**
 * Why records of these ranges were judged without their schema, by lane and offset: a registry may have learnt an id
 * since, and the dead letter is all that tells.
 */
export type SchemaUnknown = (ranges: readonly LaneRange[]) => Promise<ReadonlyMap<LaneKey, ReadonlyMap<bigint, string>>>

/** Judges each bronze row once: into silver, or into the dead-letter queue with a reason. */
export function silverStage(context: StageContext, input: SilverInput): Stage {
  const main = silverTable(input.exchange.name)
  const lookup = decoderLookup(input.registry, readerSchemaOf(input.exchange), input.rules.decoding)
  const owns: LaneFilter = ({ topic, partition }, bronze) =>
    input.assignment.owns({ topic: bronze.topics[topic]?.logTopic ?? topic, partition })
  let turn = 0
  return {
    name: `silver-${input.exchange.name}`,
    main,
    sides: SILVER_SIDES,
    async run(checkpoint): Promise<StageOutcome> {
      const batch = await planTableBatch(context.session, input.bronze, checkpoint, {
        maxRows: context.limits.maxRows,
        turn: turn++,
        adopt: input.adopt,
        owns,
      })
      if (batch.plan.ranges.length === 0) return { kind: 'idle' }
      const judged = await judgeBatch(context, input, lookup, checkpoint, batch)
      const { plan, rows, lateness } = judged
      const { exchange, rules } = input
      const { files } = await writeValid(context, { target: main, exchange, rules, input: judged.input, lateness })
      const sides = await writeSides(context, input, main.name, checkpoint, judged)
      return {
        kind: 'batch',
        files,
        sides,
        change: {
          basis: checkpoint,
          lanes: lanesAfter(plan, checkpoint, batch.pinned.sequence, (key) =>
            laneFacts(lateness, plan, key, input.rules.version),
          ),
          wholeCheckpoint: false,
          sources: { [input.bronze.definition.name]: batch.pinned.uuid },
        },
        rows: rows.count,
        more: plan.more,
        counts: {
          records: rows.count,
          valid: rows.count - judged.rejections.length,
          rejected: judged.rejections.length,
        },
        breakdowns: { rejected: rejectedByType(judged.rejections) },
        committed: () => undefined,
      }
    },
    forget: () => undefined,
    wait: (checkpoint, timeout_ms, signal) =>
      input.bronze.waitForCommit(checkpoint, timeout_ms, signal, (bronze) => ownedBy(bronze, owns)),
  }
}

interface JudgedBatch extends RuleOutcome {
  readonly rows: BronzeRows
  readonly plan: LanePlan
  readonly lateness: Lateness
}

/** Reads, decodes and judges; rows and plan are cut where a limit is met. */
async function judgeBatch(
  context: StageContext,
  input: SilverInput,
  lookup: DecoderLookup,
  checkpoint: Checkpoint,
  batch: TableBatch,
): Promise<JudgedBatch> {
  const { session, limits } = context
  const { ranges } = batch.plan
  const collected = await collectBronzeRows(session, batch, limits.maxBytes)
  const all = await markSchemaUnknown(collected.rows, ranges, input.schemaUnknown)
  const { rows, plan } = cutAt(all, collected.plan, countWithinLookups(all))
  const judged = await ruleOutcome(session, { ...input, lookup }, rows, {
    lanes: ranges.map(({ lane }) => lane),
    bronze: batch.pinned.checkpoint,
  })
  const before = ranges.map(({ key }) => clockBefore(checkpoint.lanes.get(key), input.rules))
  const lateness = latenessOf(rows, judged.decodedColumns, judged.rejections, before, { ...input.rules, ...limits })
  return {
    ...judged,
    ...cutAt(rows, plan, lateness.count),
    rejections: judged.rejections.filter(({ row }) => row < lateness.count),
    lateness,
  }
}

async function markSchemaUnknown(
  rows: BronzeRows,
  ranges: readonly LaneRange[],
  find: SchemaUnknown | undefined,
): Promise<BronzeRows> {
  if (!find) return rows
  const byLane = await find(ranges)
  const schemaUnknown = new Map<number, string>()
  for (let i = 0; i < rows.count; i++) {
    const why = byLane.get((ranges[rows.ranks[i] as number] as LaneRange).key)?.get(rows.offsets[i] as bigint)
    if (why !== undefined) schemaUnknown.set(i, why)
  }
  return { ...rows, schemaUnknown }
}

/**
 * What is known of a lane's event times. What other rules had trusted is no more than a candidate for these: they may
 * have trusted anything, and a lane that one wrong value had moved ahead goes on rightly.
 */
function clockBefore(lane: LaneCheckpoint | undefined, { version, lateness_jump_ms }: RuleSet): LaneClockState {
  const { greatest_us, candidate_us, rules } = readLaneState(lane)
  if (lateness_jump_ms === undefined || rules === undefined || rules === version) return { greatest_us, candidate_us }
  return { greatest_us: undefined, candidate_us: greatest_us }
}

function cutAt(rows: BronzeRows, plan: LanePlan, count: number): { rows: BronzeRows; plan: LanePlan } {
  if (count === rows.count) return { rows, plan }
  return {
    rows: firstRows(rows, count),
    plan: cutPlan(plan, rows.ranks[count] as number, rows.offsets[count] as bigint),
  }
}

function rejectedByType(rejections: readonly Rejection[]): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const { type } of rejections) counts[type] = (counts[type] ?? 0) + 1
  return counts
}

function laneFacts(lateness: Lateness, plan: LanePlan, key: LaneKey, rules: string): Partial<LaneCheckpoint> {
  const lane = lateness.lanes[plan.ranges.findIndex((range) => range.key === key)]
  return {
    state: laneState({ greatest_us: lane?.greatest_us, candidate_us: lane?.candidate_us, rules }),
    ...(lane?.written !== undefined && { written: lane.written }),
  }
}

async function writeSides(
  context: StageContext,
  input: SilverInput,
  silverName: string,
  checkpoint: Checkpoint,
  judged: JudgedBatch,
): Promise<SideFiles[]> {
  const deadLetters = await writeDeadLetters(context, input.bronze.definition.name, input.rules, judged.rows, judged)
  const newlyJudged = judged.plan.ranges.filter(
    (range) => readLaneState(checkpoint.lanes.get(range.key)).rules !== input.rules.version,
  )
  return [
    ...(deadLetters.length > 0 ? [{ table: DLQ_TABLE, files: deadLetters }] : []),
    ...(await writeRuleSets(context, silverName, input.rules, newlyJudged)),
  ]
}
