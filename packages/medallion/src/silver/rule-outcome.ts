import { AssayError, type Lane, laneKey, type NamedColumn } from '@assay/core'
import type { Session, TemporaryTable } from '@assay/engine'
import { type Exchange, readerSchemaOf } from '@assay/exchanges'
import type { Checkpoint } from '@assay/pipeline'
import type { RuleSet } from '../rules/rule-set.js'
import { applyRules, type RejectedRows } from './apply-rules.js'
import { type DecoderLookup, decodeRows } from './decode.js'
import { loadInput } from './input.js'
import type { LaneNumber } from './rows/message-id.js'
import type { BronzeRows } from './rows/rows.js'

/** What rows are decoded and checked by. */
interface RuleParts {
  readonly exchange: Exchange
  readonly rules: RuleSet
  readonly lookup: DecoderLookup
}

export interface RuleOutcome extends RejectedRows {
  readonly decodedColumns: readonly NamedColumn[]
  /** All rows, as the rules saw them. */
  readonly input: TemporaryTable
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
  const decoded = await decodeRows(rows, readerSchemaOf(exchange), lookup)
  const decodedColumns = exchange.columns(decoded.columns, decoded.valid, rules.reading)
  const laneNumbers = lanes.map((lane) => laneNumber(lane, bronze))
  const input = await loadInput(session, { rows, decoded, lanes, laneNumbers, exchangeColumns: decodedColumns })
  return { decodedColumns, input, ...(await applyRules(session, exchange, rules, rows, input)) }
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
