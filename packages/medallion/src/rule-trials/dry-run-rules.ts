import { type Lane, laneKey, rowBytes } from '@assay/core'
import { columnOf, quoteText } from '@assay/engine'
import { type Exchange, readerSchemaOf } from '@assay/exchanges'
import type { LakeTable, StageContext, UpstreamTable } from '@assay/pipeline'
import {
  type Checkpoint,
  dayOfDate,
  EMPTY_CHECKPOINT,
  type LanePlan,
  lanesAfter,
  planTableBatch,
  scanSql,
} from '@assay/pipeline'
import { type RuleSet, reasonOf } from '@assay/rules'
import type { SchemaRegistry } from '@assay/schema-registry'
import { coordinateText } from '../dead-letters/select-dead-letters.js'
import { BRONZE_COLUMNS, collectBronzeRows, cutToLookups } from '../silver/collect.js'
import { decoderLookup } from '../silver/decode.js'
import type { BronzeRows } from '../silver/rows/rows.js'
import { type RuleOutcome, ruleOutcome } from '../silver/rule-outcome.js'

interface RuleTestOptions {
  readonly context: Pick<StageContext, 'session' | 'limits'>
  readonly exchange: Exchange
  readonly registry: SchemaRegistry
  readonly rules: RuleSet
  readonly bronze: LakeTable
  readonly silver: LakeTable
  /** First and last day of the Kafka timestamp, as `YYYY-MM-DD`; all of history without. */
  readonly dates?: { readonly first: string; readonly last: string }
  /** Told after each batch how many records were judged in all. */
  readonly onProgress?: (records: number) => void
}

/** A record that the rules would judge otherwise than it was. */
interface ChangedRecord {
  /** Coordinates of the record as `topic/partition/offset`. */
  readonly coordinate: string
  /** The new reason; undefined for a record that the rules would accept. */
  readonly reason: string | undefined
  readonly detail: string | undefined
}

export interface RuleTestReport {
  readonly records: number
  readonly unchanged: number
  readonly newly_rejected: number
  readonly newly_accepted: number
  /** Rows that would be newly rejected, by reason. */
  readonly reasons: Readonly<Record<string, number>>
  /** A few records that would be newly rejected, and newly accepted. */
  readonly rejected_samples: readonly ChangedRecord[]
  readonly accepted_samples: readonly ChangedRecord[]
}

const SAMPLES_MAX = 10
const DAY_US = 86_400_000_000

/**
 * What a rule set would make of all that silver has judged, from the bytes in bronze, against what is in silver.
 * Writes nothing; memory is that of one batch.
 */
export async function testRules(options: RuleTestOptions, signal: AbortSignal): Promise<RuleTestReport> {
  const { context, exchange, registry, rules } = options
  const { session, limits } = context
  const lookup = decoderLookup(registry, readerSchemaOf(exchange), rules.decoding)
  const upstream = judgedPart(options)
  const tally = newTally()
  let own: Checkpoint = EMPTY_CHECKPOINT
  for (let turn = 0; !signal.aborted; turn++) {
    const batch = await planTableBatch(session, upstream, own, {
      ...limits,
      columns: BRONZE_COLUMNS,
      turn,
      adopt: false,
    })
    if (batch.plan.ranges.length === 0) break
    const collected = await collectBronzeRows(batch)
    const { rows, plan } = cutToLookups(collected.rows, collected.plan)
    const lanes = collected.plan.ranges.map(({ lane }) => lane)
    const judged = await ruleOutcome(session, { exchange, rules, lookup }, rows, {
      lanes,
      bronze: batch.pinned.checkpoint,
    })
    await compare(options, { lanes, plan, rows }, judged, tally)
    options.onProgress?.(tally.records)
    own = { ...own, lanes: new Map([...own.lanes, ...lanesAfter(plan, own, batch.pinned.sequence, () => ({}))]) }
  }
  const { records, newly_rejected, newly_accepted } = tally
  return { ...tally, unchanged: records - newly_rejected - newly_accepted }
}

type Tally = { -readonly [Key in keyof Omit<RuleTestReport, 'unchanged'>]: RuleTestReport[Key] }

function newTally(): Tally {
  return {
    records: 0,
    newly_rejected: 0,
    newly_accepted: 0,
    reasons: {},
    rejected_samples: [],
    accepted_samples: [],
  }
}

/** Bronze as far as silver has judged it, and only the days asked for. */
function judgedPart({ bronze, silver, dates }: RuleTestOptions): UpstreamTable {
  return {
    definition: bronze.definition,
    waitForCommit: bronze.waitForCommit.bind(bronze),
    files: (pinned, filter) =>
      bronze.files(pinned, {
        ...filter,
        ...(dates && {
          keepPartition: ({ ingestion_date: day }) => String(day) >= dates.first && String(day) <= dates.last,
        }),
      }),
    async pin() {
      const judged = (await silver.pin()).checkpoint.lanes
      const pinned = await bronze.pin()
      const lanes = new Map(
        [...pinned.checkpoint.lanes].flatMap(([key, lane]) => {
          const position = judged.get(key)?.position
          return position === undefined ? [] : [[key, { ...lane, position }] as const]
        }),
      )
      return { ...pinned, checkpoint: { ...pinned.checkpoint, lanes } }
    },
  }
}

/** Rows that were judged, and where they are from: `lanes` by the rank that the rows give. */
interface JudgedBatch {
  readonly lanes: readonly Lane[]
  readonly plan: LanePlan
  readonly rows: BronzeRows
}

/** Adds the judged batch to the tally. */
async function compare(options: RuleTestOptions, batch: JudgedBatch, judged: RuleOutcome, tally: Tally): Promise<void> {
  const { context, silver, rules, dates } = options
  const { lanes, rows } = batch
  const wasAccepted = await acceptedRows(context.session, silver, batch)
  const first = dates ? dayOfDate(dates.first) : Number.NEGATIVE_INFINITY
  const last = dates ? dayOfDate(dates.last) : Number.POSITIVE_INFINITY
  const rejected: number[] = []
  const accepted: number[] = []
  const reasons = { ...tally.reasons }
  for (let row = 0; row < rows.count; row++) {
    const day = rows.kafkaNulls[row] === 1 ? 0 : Math.floor(Number(rows.kafka_us[row]) / DAY_US)
    if (day < first || day > last) continue
    tally.records++
    const verdict = judged.broken[row] as number
    if (verdict === 0 && wasAccepted[row] === 0) accepted.push(row)
    if (verdict === 0 || wasAccepted[row] === 0) continue
    rejected.push(row)
    const reason = reasonOf(rules, verdict)
    reasons[reason] = (reasons[reason] ?? 0) + 1
  }
  tally.newly_rejected += rejected.length
  tally.newly_accepted += accepted.length
  tally.reasons = reasons
  tally.rejected_samples = await withSamples(tally.rejected_samples, rejected, lanes, rows, judged)
  tally.accepted_samples = await withSamples(tally.accepted_samples, accepted, lanes, rows, judged)
}

/** The first few records by their coordinates. */
async function withSamples(
  known: readonly ChangedRecord[],
  changed: readonly number[],
  lanes: readonly Lane[],
  { ranks, offsets }: BronzeRows,
  judged: RuleOutcome,
): Promise<readonly ChangedRecord[]> {
  if (known.length >= SAMPLES_MAX) return known
  const laneOf = (row: number): Lane => lanes[ranks[row] as number] as Lane
  const sorted = changed.toSorted((a, b) => compareLanes(laneOf(a), laneOf(b)) || a - b)
  const rows = Uint32Array.from(sorted.slice(0, SAMPLES_MAX - known.length))
  const details = await judged.detailsOf(rows)
  const records = Array.from(rows, (row, i) => {
    const verdict = judged.broken[row] as number
    const isBroken = verdict !== 0
    return {
      coordinate: coordinateText({ ...laneOf(row), offset: offsets[row] as bigint }),
      reason: isBroken ? reasonOf(judged.rules, verdict) : undefined,
      detail: isBroken ? details[i] : undefined,
    }
  })
  return [...known, ...records]
}

function compareLanes(a: Lane, b: Lane): number {
  return Buffer.compare(Buffer.from(a.topic), Buffer.from(b.topic)) || a.partition - b.partition
}

/** 1 for each of the batch's rows that is in silver. */
async function acceptedRows(
  session: StageContext['session'],
  silver: LakeTable,
  { lanes, plan, rows }: JudgedBatch,
): Promise<Uint8Array> {
  const ranks = new Map(lanes.map((lane, rank) => [laneKey(lane), rank]))
  const rowOf = lanes.map(() => new Map<bigint, number>())
  for (let row = 0; row < rows.count; row++) rowOf[rows.ranks[row] as number]?.set(rows.offsets[row] as bigint, row)
  const found = new Uint8Array(rows.count)
  const text = new TextDecoder()
  for await (const chunk of session.read(await acceptedSql(silver, plan))) {
    const topics = columnOf(chunk, 'topic', 'VARCHAR')
    const partitions = columnOf(chunk, 'partition', 'INTEGER').data
    const offsets = columnOf(chunk, 'offset', 'BIGINT').data
    for (let i = 0; i < chunk.count; i++) {
      const topic = text.decode(rowBytes(topics, i))
      const rank = ranks.get(laneKey({ topic, partition: partitions[i] as number }))
      const row = rank === undefined ? undefined : rowOf[rank]?.get(offsets[i] as bigint)
      if (row !== undefined) found[row] = 1
    }
  }
  return found
}

/** What of the plan's ranges is in silver, by whichever lane it came there. */
async function acceptedSql(silver: LakeTable, plan: LanePlan): Promise<string> {
  const { definition } = silver
  const files = await silver.files(await silver.pin(), {
    keep: (bounds) =>
      plan.ranges.some(
        ({ lane, from, upper }) =>
          bounds.meets('partition', lane.partition, lane.partition) && bounds.meets('offset', from, upper - 1n),
      ),
  })
  const ranges = plan.ranges.map(
    ({ lane, from, upper }) =>
      `(topic = ${quoteText(lane.topic)} AND "partition" = ${lane.partition}
        AND "offset" >= ${from} AND "offset" < ${upper})`,
  )
  return `SELECT topic, "partition", "offset" FROM (${scanSql(definition, files)}) WHERE ${ranges.join(' OR ') || 'false'}`
}
