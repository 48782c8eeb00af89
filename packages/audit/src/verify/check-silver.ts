import { type LaneKey, type Position, parseLaneKey, position } from '@assay/core'
import type { Session } from '@assay/engine'
import type { Exchange } from '@assay/exchanges'
import type { Lake } from '@assay/lake'
import { DLQ_TABLE, readLaneState } from '@assay/medallion'
import { type Checkpoint, type ColumnDefinition, isReplayLane, scanSql } from '@assay/pipeline'
import { type CheckList, Findings } from '../check.js'
import { compareRows, Tally } from '../compare/compare.js'
import { deadLettersIn, purgedSql, schemaUnknownThen } from '../derive/dead-letters.js'
import { deriveSilver } from '../derive/derive-silver.js'
import { derivedColumns } from '../derive/processing-times.js'
import type { RuleHistory } from '../derive/rule-history.js'
import type { LaneRows } from '../pinned/lane-rows.js'
import type { PinnedExchange, PinnedLake } from '../pinned/pin-lake.js'

export interface SilverCheck {
  readonly lake: Lake
  readonly session: Session
  readonly exchange: Exchange
  readonly pinned: PinnedExchange
  readonly tables: PinnedLake
  readonly history: RuleHistory
  readonly bronzeRows: ReadonlyMap<LaneKey, LaneRows>
  readonly checks: CheckList
}

/**
 * Derives silver again from bronze's bytes, by the rule set that the ledger names for each offset, and compares it with
 * silver, the dead letters and their archive: every bronze row is in exactly one of them, and every value is what its
 * bytes say. Gives the number of bronze rows gone through.
 */
export async function checkSilver(check: SilverCheck): Promise<bigint> {
  const { session, pinned, tables, checks } = check
  const silver = new Tally()
  const deadLetters = new Tally()
  let rows = 0n
  let derived: Checkpoint['lanes'] = new Map()
  const purged = await purgedSql(tables)
  const schemaUnknown = schemaUnknownThen(session, tables)
  const empty = { silver: scanSql(pinned.silver.definition, []), deadLetters: scanSql(DLQ_TABLE, []) }
  for await (const piece of deriveSilver({ ...check, bronze: pinned.bronze, ends: endsOf(pinned), schemaUnknown })) {
    rows += BigInt(piece.count)
    derived = piece.lanes
    await compareRows(
      session,
      {
        expected: piece.rows ?? empty.silver,
        found: `SELECT * FROM (${await pinned.silver.rowsIn(piece.ranges)}) WHERE replay_id IS NULL`,
        columns: ofSilver(pinned.silver.definition.columns),
        coordinates: pinned.silver.coordinates(),
        missing: `should be in ${pinned.silver.name}, by its bytes in bronze, and is not`,
        extra: `is in ${pinned.silver.name}, but not among the valid rows of bronze`,
      },
      silver,
    )
    const found = await deadLettersIn(tables, piece.ranges)
    await compareRows(
      session,
      {
        expected: `SELECT e.* FROM (${piece.deadLetters ?? empty.deadLetters}) e
          ANTI JOIN (SELECT topic, "partition", kafka_offset FROM (${purged}) ANTI JOIN (${found}) USING (topic, "partition", kafka_offset))
          USING (topic, "partition", kafka_offset)`,
        found,
        columns: derivedColumns(DLQ_TABLE),
        coordinates: tables.deadLetters.coordinates(),
        missing: 'should be a dead letter, by its bytes in bronze, and is none (nor archived or purged)',
        extra: 'is a dead letter, but not among the rejected rows of bronze',
      },
      deadLetters,
    )
  }
  const claims = { promise: 'S1', subject: pinned.silver.name }
  checks.done(
    { ...claims, claim: 'its rows are the valid rows of bronze, derived again from their bytes' },
    { derived: silver.expected, in_silver: silver.found, bronze_rows: rows },
    silver.findings,
  )
  checks.done(
    {
      ...claims,
      subject: `${DLQ_TABLE.name} (${check.exchange.name})`,
      claim: 'the dead letters are the rejected rows of bronze',
    },
    { derived: deadLetters.expected, in_dead_letters: deadLetters.found, bronze_rows: rows },
    deadLetters.findings,
  )
  checkLaneState(check, derived)
  return rows
}

/** What silver knows of a lane beside its position is what its rows make of it: later rows are judged by it. */
function checkLaneState({ pinned: { silver }, checks }: SilverCheck, derived: Checkpoint['lanes']): void {
  const findings = new Findings()
  for (const [key, own] of silver.checkpoint.lanes) {
    if (derived.get(key)?.position !== own.position) continue
    const lane = readLaneState(derived.get(key))
    const { greatest_us, candidate_us, rules } = readLaneState(own)
    if (lane.greatest_us !== greatest_us) {
      findings.add(`${key}: its greatest event time is ${lane.greatest_us}, the checkpoint says ${greatest_us}`)
    }
    if (lane.candidate_us !== candidate_us) {
      findings.add(`${key}: its event time far ahead is ${lane.candidate_us}, the checkpoint says ${candidate_us}`)
    }
    if (lane.rules !== rules)
      findings.add(`${key}: its rows were judged by ${lane.rules}, the checkpoint says ${rules}`)
  }
  checks.done(
    { promise: 'S2', subject: silver.name, claim: 'what its checkpoint says of each lane is what its rows say' },
    { lanes: silver.checkpoint.lanes.size, lanes_derived: derived.size },
    findings,
  )
}

/** All that a silver row has of its bronze row, the time at which that was read included; only its own is left out. */
function ofSilver(columns: readonly ColumnDefinition[]): ColumnDefinition[] {
  return columns.filter(({ name }) => name !== 'validation_timestamp')
}

/** Where silver stands, as far as bronze has come. */
function endsOf({ bronze, silver }: PinnedExchange): Map<LaneKey, Position> {
  const ends = new Map<LaneKey, Position>()
  for (const [key, { position: own }] of silver.checkpoint.lanes) {
    const upstream = bronze.checkpoint.lanes.get(key)?.position
    if (upstream === undefined || isReplayLane(parseLaneKey(key))) continue
    ends.set(key, own < upstream ? own : position(upstream))
  }
  return ends
}

/** The ledger says by which rules every judged row was judged. */
export function checkRuleHistory({ pinned, history, bronzeRows, checks }: SilverCheck): void {
  const findings = new Findings()
  findings.add(...history.mistakes)
  for (const [key, lane] of pinned.silver.checkpoint.lanes) {
    if (isReplayLane(parseLaneKey(key))) continue
    const least = bronzeRows.get(key)?.least
    if (least === undefined || least >= lane.position) continue
    const spans = history.spans.get(key) ?? []
    const first = spans[0]
    if (!first || first.from > least) findings.add(`${key}: nothing is noted before ${first?.from ?? lane.position}`)
    const last = spans.findLast(({ from }) => from < lane.position)
    const { rules } = readLaneState(lane)
    if (last && rules !== undefined && last.version !== rules) {
      findings.add(`${key}: the ledger ends in ${last.version}, the checkpoint says ${rules}`)
    }
    for (const { version } of spans) {
      if (!history.sets.has(version)) findings.add(`${key}: the rules of ${version} are not in the ledger`)
    }
  }
  checks.done(
    { promise: 'S2', subject: pinned.silver.name, claim: 'the rule_sets ledger says which rules judged every row' },
    { lanes: pinned.silver.checkpoint.lanes.size, rule_sets: history.sets.size },
    findings,
  )
}
