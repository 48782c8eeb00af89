import type { LaneKey, RowColumns } from '@assay/core'
import type { LaneAssignment } from '@assay/event-log'
import { type Exchange, readerSchemaOf } from '@assay/exchanges'
import type {
  Checkpoint,
  LaneCheckpoint,
  LaneClockState,
  LaneRows,
  SideFiles,
  Stage,
  StageContext,
  StageOutcome,
  UpstreamTable,
} from '@assay/pipeline'
import {
  cutLanes,
  type LaneFilter,
  type LanePlan,
  type LaneRange,
  lanesAfter,
  ownedBy,
  planTableBatch,
  type TableBatch,
} from '@assay/pipeline'
import { fixedColumn, type RuleSet, typesOfVerdicts } from '@assay/rules'
import type { SchemaRegistry } from '@assay/schema-registry'
import { BRONZE_COLUMNS, collectBronzeRows, cutToLookups } from './collect.js'
import { SILVER_SIDES } from './dead-letter-tables.js'
import { type DecoderLookup, decoderLookup } from './decode.js'
import { laneState, readLaneState } from './lanes/lane-state.js'
import { type LaneLateness, type Lateness, latenessOf } from './lateness.js'
import type { BronzeRows } from './rows/rows.js'
import { type RuleOutcome, ruleOutcome } from './rule-outcome.js'
import { DLQ_TABLE, silverTable } from './silver-tables.js'
import { laneEnds, type SortedRows, sortRows } from './sort-rows.js'
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
        ...context.limits,
        columns: BRONZE_COLUMNS,
        handOver: context.handOver,
        turn: turn++,
        adopt: input.adopt,
        owns,
      })
      if (batch.plan.ranges.length === 0) return { kind: 'idle' }
      const judged = await judgeBatch(context, input, lookup, checkpoint, batch)
      const { plan, ranges, sorted, lateness } = judged
      const { files, columns } = await writeValid(context, main, judged)
      const sides = await writeSides(context, input, main.name, checkpoint, judged)
      const { valid, rejected } = sorted
      const records = valid.length + rejected.length
      return {
        kind: 'batch',
        files,
        sides,
        change: {
          basis: checkpoint,
          lanes: lanesAfter(plan, checkpoint, batch.pinned.sequence, (key) =>
            laneFacts(lateness.lanes[ranges.findIndex((range) => range.key === key)], input.rules.version),
          ),
          wholeCheckpoint: false,
          sources: { [input.bronze.definition.name]: batch.pinned.uuid },
        },
        rows: records,
        more: plan.more,
        counts: { records, valid: valid.length, rejected: rejected.length },
        breakdowns: { rejected: rejectedByType(judged) },
        handOver: handOverOf(judged, columns),
        committed: () => undefined,
      }
    },
    forget: () => undefined,
    wait: (checkpoint, timeout_ms, signal) =>
      input.bronze.waitForCommit(checkpoint, timeout_ms, signal, (bronze) => ownedBy(bronze, owns)),
  }
}

interface JudgedBatch extends RuleOutcome {
  /** Rows that were judged; of each lane as many of them are taken as `sorted` says. */
  readonly rows: BronzeRows
  /** The lanes by the rank that the rows give. */
  readonly ranges: readonly LaneRange[]
  readonly sorted: SortedRows
  readonly lateness: Lateness
  readonly plan: LanePlan
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
  const collected = await collectBronzeRows(batch)
  const { ranges } = collected.plan
  const all = await markSchemaUnknown(collected.rows, ranges, input.schemaUnknown)
  const { rows, plan } = cutToLookups(all, collected.plan)
  const judged = await ruleOutcome(session, { ...input, lookup }, rows, {
    lanes: ranges.map(({ lane }) => lane),
    bronze: batch.pinned.checkpoint,
  })
  const times_us = fixedColumn(judged.columns, 'event_time_us', 'BIGINT').data
  const ends = laneEnds(rows, ranges.length)
  const sorted = sortRows(rows, times_us, judged, { ends, maxPartitions: limits.maxPartitions })
  const before = ranges.map(({ key }) => clockBefore(checkpoint.lanes.get(key), input.rules))
  const lateness = latenessOf(rows, times_us, sorted.valid, before, input.rules)
  // A lane that was taken whole ends where its range does, and not at its last row.
  const uppers = plan.ranges.map((_, rank) => {
    const end = (ends[rank - 1] ?? 0) + (sorted.counts[rank] as number)
    return end < (ends[rank] as number) ? rows.offsets[end] : undefined
  })
  return { ...judged, rows, ranges, sorted, lateness, plan: cutLanes(plan, uppers) }
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

function rejectedByType({ rules, broken, sorted: { rejected } }: JudgedBatch): Record<string, number> {
  const types = typesOfVerdicts(rules)
  const counts: Record<string, number> = {}
  for (const row of rejected) {
    const type = types[broken[row] as number] ?? 'unknown_error'
    counts[type] = (counts[type] ?? 0) + 1
  }
  return counts
}

function laneFacts(lane: LaneLateness | undefined, rules: string): Partial<LaneCheckpoint> {
  return {
    state: laneState({ greatest_us: lane?.greatest_us, candidate_us: lane?.candidate_us, rules }),
    ...(lane?.written !== undefined && { written: lane.written }),
  }
}

/** The valid rows of each range that was taken. */
function handOverOf({ rows, ranges, sorted: { valid }, plan }: JudgedBatch, columns: RowColumns): LaneRows[] {
  const ends = new Uint32Array(ranges.length)
  for (let k = 0; k < valid.length; k++) ends[rows.ranks[valid[k] as number] as number] = k + 1
  return plan.ranges.map(({ key, from, upper }) => {
    const rank = ranges.findIndex((range) => range.key === key)
    const end = ends[rank] as number
    const start = ends.subarray(0, rank).reduce((most, place) => Math.max(most, place), 0)
    return { key, from, upper, columns, offsets: rows.offsets, rows: valid.subarray(start, Math.max(start, end)) }
  })
}

async function writeSides(
  context: StageContext,
  input: SilverInput,
  silverName: string,
  checkpoint: Checkpoint,
  judged: JudgedBatch,
): Promise<SideFiles[]> {
  const deadLetters = await writeDeadLetters(context, { ...judged, bronzeTable: input.bronze.definition.name })
  const newlyJudged = judged.plan.ranges.filter(
    (range) => readLaneState(checkpoint.lanes.get(range.key)).rules !== input.rules.version,
  )
  return [
    ...(deadLetters.length > 0 ? [{ table: DLQ_TABLE, files: deadLetters }] : []),
    ...(await writeRuleSets(context, silverName, input.rules, newlyJudged)),
  ]
}
