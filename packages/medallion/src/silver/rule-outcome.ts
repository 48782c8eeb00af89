import { setImmediate } from 'node:timers/promises'
import { AssayError, type Lane, laneKey, type RowColumns } from '@assay/core'
import type { Session } from '@assay/engine'
import { type Exchange, readerSchemaOf } from '@assay/exchanges'
import type { Checkpoint } from '@assay/pipeline'
import { applyRules, type RuleSet, type Verdicts } from '@assay/rules'
import { type DecoderLookup, decodeRows, ROWS_AT_ONCE } from './decode.js'
import type { LaneNumber } from './rows/message-id.js'
import type { BronzeRows } from './rows/rows.js'
import { ruleColumns } from './rule-columns.js'

/** What rows are decoded and checked by. */
interface RuleParts {
  readonly exchange: Exchange
  readonly rules: RuleSet
  readonly lookup: DecoderLookup
}

export interface RuleOutcome extends Verdicts {
  /** All rows, as the rules saw them. */
  readonly columns: RowColumns
}

/** Where rows come from: `lanes` by rank, and the bronze checkpoint that numbers their topics. */
interface Origin {
  readonly lanes: readonly Lane[]
  readonly bronze: Checkpoint
}

/** Decodes and judges rows: the one way from a record's bytes to a row of silver or a reason why not. */
export async function ruleOutcome(
  session: Session,
  { exchange, rules, lookup }: RuleParts,
  rows: BronzeRows,
  { lanes, bronze }: Origin,
): Promise<RuleOutcome> {
  const { reading } = rules
  const decoded = await decodeRows(rows, readerSchemaOf(exchange), lookup)
  await betweenSteps(rows)
  const exchangeColumns = exchange.columns(decoded.columns, decoded.valid, reading)
  await betweenSteps(rows)
  const laneNumbers = lanes.map((lane) => laneNumber(lane, bronze))
  const columns = ruleColumns({ exchange, rows, decoded, lanes, laneNumbers, exchangeColumns })
  const rawColumns = (): RowColumns => exchange.rawColumns(decoded.columns, decoded.valid, reading)
  const verdicts = await applyRules(session, rules, { count: rows.count, columns, rawColumns })
  await betweenSteps(rows)
  return { columns, ...verdicts }
}

/** A step over many rows takes some ten milliseconds, between which the process may do something else. */
async function betweenSteps({ count }: BronzeRows): Promise<void> {
  if (count > ROWS_AT_ONCE) await setImmediate()
}

function laneNumber(lane: Lane, bronze: Checkpoint): LaneNumber {
  const topic = bronze.topics[lane.topic]
  if (!topic) {
    throw new AssayError('topic_unknown', `bronze has rows of ${laneKey(lane)} but no lane id for its topic`, {
      hint: 'the checkpoint of bronze was changed by hand: assay verify names what is wrong with it',
    })
  }
  return { laneId: topic.laneId, partition: lane.partition }
}
