import { rm } from 'node:fs/promises'
import { AssayError, type LaneKey, laneKey, type Position, position } from '@assay/core'
import { quoteIdentifier, quoteText, type Session, type TemporaryTable } from '@assay/engine'
import type { Exchange } from '@assay/exchanges'
import type { Lake } from '@assay/lake'
import { correctionRegistry, parseRecordedCorrection } from '@assay/medallion'
import { DEFAULT_LIMITS, parquetFields } from '@assay/pipeline'
import type { RuleSet } from '@assay/rules'
import { type Findings, findingOf } from '../check.js'
import { addListed } from '../compare/compare.js'
import { inRanges, type PinnedScan } from '../pinned/pinned-scan.js'
import { looseFile } from './bounded-table.js'
import { correctedSql } from './correct-records.js'
import { deriveSilver } from './derive-silver.js'
import { onlyRules } from './rule-history.js'

interface ReplayedDerivation {
  readonly lake: Lake
  readonly session: Session
  readonly exchange: Exchange
  readonly bronze: PinnedScan
  readonly replays: PinnedScan
  /** The rules of a version; undefined for one that no ledger holds. */
  readonly rulesOf: (version: string) => RuleSet | undefined
}

/** Replayed rows as they are derived again. The queries hold until the next piece is asked for. */
export interface ReplayedPiece {
  /** SQL of the rows as their bytes give them, without the marks of a replay; undefined for none. */
  readonly rows: string | undefined
  /** SQL of the rows of silver that these replays wrote. */
  readonly recorded: string
}

/** What the ledger says of the replays of some rows. */
interface ReplayLedger {
  /** The whole ledger of replays. */
  readonly entries: TemporaryTable
  /** One row a replay; that of its end goes before that of its start. */
  readonly replays: TemporaryTable
}

/** Rows of replays by one rule set; of one replay, when that corrected them. */
interface ChosenRows {
  readonly table: TemporaryTable
  readonly rules: RuleSet
  /** The entries, and which replay corrected the rows; undefined for rows as they are in bronze. */
  readonly corrected: { readonly entries: TemporaryTable; readonly replay: string } | undefined
}

const COORDINATES = 'topic, "partition", "offset"'
const AT = `topic || '/' || "partition" || '/' || "offset"`
const REPLAYS_MAX = 1_000_000
/** The rows lie in one small file: it is the bytes of the records that limit a piece, not the width of its offsets. */
const LIMITS = { ...DEFAULT_LIMITS, maxRows: Number.MAX_SAFE_INTEGER }

/**
 * Derives replayed rows of silver (SQL of them) again from bronze's bytes: with the corrections of their replay, and by
 * its rules, as the ledgers have both. Rows for which these are missing or of no use are told and left out. Those that
 * were corrected are derived replay by replay, so that one replay's corrections are in memory.
 */
export async function* deriveReplayed(
  derivation: ReplayedDerivation,
  recorded: string,
  findings: Findings,
): AsyncGenerator<ReplayedPiece> {
  const { session, rulesOf } = derivation
  const ledger = await loadLedger(derivation, recorded, findings)
  const units = await session.rows(
    `SELECT DISTINCT rule_version, CASE WHEN is_corrected THEN replay_id END AS corrected FROM ${ledger.replays.name} ORDER BY ALL`,
    REPLAYS_MAX,
  )
  for (const unit of units) {
    const version = String(unit.rule_version)
    const corrected = unit.corrected === null ? undefined : { entries: ledger.entries, replay: String(unit.corrected) }
    const own = corrected === undefined ? 'NOT is_corrected' : `replay_id = ${quoteText(corrected.replay)}`
    const table = await session.createTable(
      'replayed_chosen',
      `SELECT * FROM (${recorded}) WHERE replay_id IN
      (SELECT replay_id FROM ${ledger.replays.name} WHERE rule_version = ${quoteText(version)} AND ${own})`,
    )
    const rules = rulesOf(version)
    if (rules) yield* deriveChosen(derivation, { table, rules, corrected }, findings)
    else {
      const unknown = quoteText(` was replayed by the rules ${version}, which the ledger of rule sets does not hold`)
      await addListed(session, `SELECT ${AT} || ${unknown} AS text FROM ${table.name}`, findings)
    }
  }
}

async function loadLedger(
  { session, replays }: ReplayedDerivation,
  recorded: string,
  findings: Findings,
): Promise<ReplayLedger> {
  const entries = await session.createTable(
    'replayed_entries',
    `SELECT replay_id, rule_version, fix, finished_at IS NOT NULL AS is_end
    FROM (${await replays.sql()}) SEMI JOIN (${recorded}) USING (replay_id)`,
  )
  // Of corrections only what tells them apart: an aggregate would have to hold them all in memory.
  const ledger = await session.createTable(
    'replayed_ledger',
    `SELECT replay_id, coalesce(arg_max(rule_version, is_end), '') AS rule_version, bool_or(fix IS NOT NULL) AS is_corrected,
      count(DISTINCT (rule_version, md5(fix))) AS kinds FROM ${entries.name} GROUP BY 1`,
  )
  await addListed(
    session,
    `SELECT ${AT} || ' was replayed by ' || replay_id || ', which the ledger of replays does not hold' AS text
     FROM (${recorded}) ANTI JOIN ${ledger.name} USING (replay_id)`,
    findings,
  )
  await addListed(
    session,
    `SELECT 'the ledger says two things of the rules or the corrections of replay ' || replay_id AS text FROM ${ledger.name} WHERE kinds > 1`,
    findings,
  )
  return { entries, replays: ledger }
}

async function* deriveChosen(
  derivation: ReplayedDerivation,
  chosen: ChosenRows,
  findings: Findings,
): AsyncGenerator<ReplayedPiece> {
  const { bronze, exchange, lake, session } = derivation
  const { table, rules, corrected } = chosen
  const path = `${await lake.store.scratchDirectory()}/${lake.random.uuid()}.parquet`
  const { definition } = bronze
  try {
    const { low, high, ends } = await boundsOf(session, table)
    if (ends.size === 0) return
    const rows = await bronze.sql({ keep: (bounds) => bounds.meets('offset', low, high) })
    const plain = `SELECT * FROM (${rows}) WHERE "offset" BETWEEN ${low} AND ${high}
      AND (${COORDINATES}) IN (SELECT (${COORDINATES}) FROM ${table.name})`
    const records = await withCorrection(derivation, chosen, plain, findings)
    if (records === undefined) return
    const columns = definition.columns.map(({ name }) => quoteIdentifier(name)).join(', ')
    const select = `SELECT ${columns} FROM (${records}) ORDER BY ${COORDINATES}`
    await session.writeParquet({ select, path, fields: parquetFields(definition) })
    const registry = corrected === undefined ? lake.registry : correctionRegistry(exchange)
    const files = async () => [looseFile(path)]
    const input = { lake, session, exchange, bronze, registry, ends, files, history: onlyRules(rules), limits: LIMITS }
    for await (const piece of deriveSilver(input)) {
      const recorded = `SELECT * FROM ${table.name} WHERE ${inRanges(piece.ranges, bronze.coordinates())}`
      yield { rows: piece.rows, recorded }
    }
  } finally {
    await rm(path, { force: true })
  }
}

/**
 * SQL of the records with the corrections of their replay, if it had any; undefined when these are of no use. Chosen
 * stays what has one.
 */
async function withCorrection(
  { lake, session, exchange, bronze }: ReplayedDerivation,
  { table, rules, corrected }: ChosenRows,
  records: string,
  findings: Findings,
): Promise<string | undefined> {
  if (!corrected) return records
  const { entries, replay } = corrected
  const [row] = await session.rows(
    `SELECT fix FROM ${entries.name} WHERE replay_id = ${quoteText(replay)} AND fix IS NOT NULL ORDER BY is_end DESC LIMIT 1`,
  )
  try {
    const correction = parseRecordedCorrection(String(row?.fix), exchange)
    const { registry } = lake
    const corrected = await correctedSql(
      { session, exchange, registry, bronze, correction, decoding: rules.decoding },
      records,
      findings,
    )
    await session.run(
      `DELETE FROM ${table.name} WHERE (${COORDINATES}) NOT IN (SELECT (${COORDINATES}) FROM (${corrected}))`,
    )
    return corrected
  } catch (error) {
    if (!(error instanceof AssayError) || error.code !== 'bad_fix_file') throw error
    findings.add(`replay ${replay}: ${findingOf(error)}`)
    return undefined
  }
}

async function boundsOf(
  session: Session,
  chosen: TemporaryTable,
): Promise<{ readonly low: bigint; readonly high: bigint; readonly ends: ReadonlyMap<LaneKey, Position> }> {
  const lanes = await session.rows(
    `SELECT topic, "partition", min("offset") AS low, max("offset") AS high FROM ${chosen.name} GROUP BY ALL`,
    1_000_000,
  )
  const ends = new Map<LaneKey, Position>()
  let low = 2n ** 63n - 1n
  let high = 0n
  for (const lane of lanes) {
    const key = laneKey({ topic: String(lane.topic), partition: Number(lane.partition) })
    if ((lane.low as bigint) < low) low = lane.low as bigint
    if ((lane.high as bigint) > high) high = lane.high as bigint
    ends.set(key, position((lane.high as bigint) + 1n))
  }
  return { low, high, ends }
}
