import { quoteText, type TemporaryTable } from '@assay/engine'
import { type Exchange, readerSchemaOf } from '@assay/exchanges'
import type { LakeTable, StageContext, UpstreamTable } from '@assay/pipeline'
import {
  type Checkpoint,
  cutPlan,
  dayOfDate,
  EMPTY_CHECKPOINT,
  type LanePlan,
  lanesAfter,
  planTableBatch,
  scanSql,
} from '@assay/pipeline'
import type { SchemaRegistry } from '@assay/schema-registry'
import type { RuleSet } from '../rules/rule-set.js'
import { detailSql } from '../rules/rule-sql.js'
import { collectBronzeRows } from '../silver/collect.js'
import { countWithinLookups, decoderLookup } from '../silver/decode.js'
import { firstRows } from '../silver/rows/rows.js'
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
    const batch = await planTableBatch(session, upstream, own, { maxRows: limits.maxRows, turn, adopt: false })
    if (batch.plan.ranges.length === 0) break
    const collected = await collectBronzeRows(session, batch, limits.maxBytes)
    const count = countWithinLookups(collected.rows)
    const rows = firstRows(collected.rows, count)
    const plan =
      count === collected.rows.count
        ? collected.plan
        : cutPlan(collected.plan, collected.rows.ranks[count] as number, collected.rows.offsets[count] as bigint)
    const lanes = batch.plan.ranges.map(({ lane }) => lane)
    const judged = await ruleOutcome(session, { exchange, rules, lookup }, rows, {
      lanes,
      bronze: batch.pinned.checkpoint,
    })
    await compare(options, plan, judged, tally)
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

/** Adds the judged batch to the tally. */
async function compare(
  { context, silver, rules, dates }: RuleTestOptions,
  plan: LanePlan,
  { input, broken }: RuleOutcome,
  tally: Tally,
): Promise<void> {
  const { session } = context
  const day = `coalesce(i.kafka_us, 0) // ${DAY_US}`
  const inDates = dates ? `${day} BETWEEN ${dayOfDate(dates.first)} AND ${dayOfDate(dates.last)}` : 'true'
  const changed = await session.createTable(
    'rules_changed',
    `SELECT *, was_accepted AND error_reason IS NOT NULL AS newly_rejected,
      NOT was_accepted AND error_reason IS NULL AS newly_accepted
    FROM (
      SELECT i.topic, i."partition", i."offset", b.error_reason, b.error_detail,
        (i.topic, i."partition", i."offset") IN (SELECT (topic, "partition", "offset") FROM (${await acceptedSql(silver, plan)}))
          AS was_accepted
      FROM ${input.name} i
      LEFT JOIN (SELECT rn, error_reason, ${detailSql(rules)} AS error_detail FROM ${broken.name}) b USING (rn)
      WHERE ${inDates}
    )`,
  )
  const [counts] = await session.rows(`SELECT count(*) AS records, count(*) FILTER (newly_rejected) AS rejected,
    count(*) FILTER (newly_accepted) AS accepted FROM ${changed.name}`)
  tally.records += Number(counts?.records)
  tally.newly_rejected += Number(counts?.rejected)
  tally.newly_accepted += Number(counts?.accepted)
  const reasons = await session.rows(
    `SELECT error_reason AS reason, count(*) AS n FROM ${changed.name} WHERE newly_rejected GROUP BY 1`,
  )
  for (const { reason, n } of reasons) {
    tally.reasons = { ...tally.reasons, [String(reason)]: (tally.reasons[String(reason)] ?? 0) + Number(n) }
  }
  tally.rejected_samples = await withSamples(session, changed, tally.rejected_samples, 'newly_rejected')
  tally.accepted_samples = await withSamples(session, changed, tally.accepted_samples, 'newly_accepted')
}

async function withSamples(
  session: StageContext['session'],
  changed: TemporaryTable,
  known: readonly ChangedRecord[],
  which: 'newly_rejected' | 'newly_accepted',
): Promise<readonly ChangedRecord[]> {
  if (known.length >= SAMPLES_MAX) return known
  const rows =
    await session.rows(`SELECT topic || '/' || "partition" || '/' || "offset" AS coordinate, error_reason, error_detail
    FROM ${changed.name} WHERE ${which} ORDER BY topic, "partition", "offset" LIMIT ${SAMPLES_MAX - known.length}`)
  const text = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined)
  return [
    ...known,
    ...rows.map((row) => ({
      coordinate: String(row.coordinate),
      reason: text(row.error_reason),
      detail: text(row.error_detail),
    })),
  ]
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
