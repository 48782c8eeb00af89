import type { Session, TemporaryTable } from '@assay/engine'
import type { Exchange } from '@assay/exchanges'
import type { Lake } from '@assay/lake'
import { pinExisting } from '@assay/lake'
import { replayLane } from '@assay/pipeline'
import type { RuleSet } from '@assay/rules'
import { Findings } from '../check.js'
import type { Tally } from '../compare/compare.js'
import { deriveReplayed, type ReplayedPiece } from '../derive/derive-replayed.js'
import { onlyRules, type RuleHistory } from '../derive/rule-history.js'
import { PinnedScan } from '../pinned/pinned-scan.js'

/** What the lane of replays of a rebuilt silver table is made of. */
export interface ReplayedRows {
  /** Which rule sets judged the lanes, from which offset on. */
  readonly history: RuleHistory
  /** Position at which the lane of replays ends. */
  end(session: Session): Promise<bigint>
  /** Its rows in [from, upper), derived again; what they stand for has their replay_id and replay_sequence. */
  derive(session: Session, from: bigint, upper: bigint): AsyncIterable<ReplayedPiece>
}

interface ReplayedSource {
  readonly lake: Lake
  readonly exchange: Exchange
  readonly bronze: PinnedScan
  readonly silver: PinnedScan
  readonly replays: PinnedScan
}

const COORDINATES = 'topic, "partition", "offset"'
const MARKED = `${COORDINATES}, replay_id, replay_sequence`

/** The rows that the old table has, each by the rules and with the correction of its replay. */
export function recordedReplays(source: ReplayedSource, history: RuleHistory, tally: Tally): ReplayedRows {
  const { silver } = source
  return {
    history,
    end: async () => silver.checkpoint.lanes.get(replayLane(silver.definition))?.position ?? 0n,
    async *derive(session, from, upper) {
      const rows = await silver.sql({
        keep: (bounds) => bounds.hasValues('replay_id') && bounds.meets('replay_sequence', from, upper - 1n),
      })
      const recorded = await session.createTable(
        'rebuild_recorded',
        `SELECT ${MARKED} FROM (${rows})
        WHERE replay_sequence >= ${from} AND replay_sequence < ${upper}`,
      )
      const derivation = { ...source, session, rulesOf: (version: string) => history.sets.get(version) }
      yield* deriveReplayed(derivation, `FROM ${recorded.name}`, tally.findings)
    },
  }
}

/**
 * The rows that a correction by hand brought into the old table, as far as today's rules reject their bytes as they are
 * and let the corrected ones pass; numbered anew. Dead letters that were replayed as they are have been judged by
 * today's rules in their own lane.
 */
export function presentReplays(source: ReplayedSource, target: Lake, rules: RuleSet, tally: Tally): ReplayedRows {
  const { definition } = source.silver
  const { version } = rules
  const spans = new Map([[replayLane(definition), [{ from: 0n, version }]]])
  const history = { ...onlyRules(rules), spans, sets: new Map([[version, rules]]) }
  const derive = (session: Session, recorded: string, findings: Findings) =>
    deriveReplayed({ ...source, session, rulesOf: () => rules }, recorded, findings)
  let passed: NumberedRows | undefined
  const find = async (session: Session): Promise<NumberedRows> => {
    passed ??= await findPassed(session, source, target, (corrected) => derive(session, corrected, tally.findings))
    return passed
  }
  return {
    history,
    end: async (session) => (await find(session)).count,
    async *derive(session, from, upper) {
      const { table } = await find(session)
      const range = `SELECT * FROM ${table.name} WHERE replay_sequence >= ${from} AND replay_sequence < ${upper}`
      yield* derive(session, range, new Findings())
    },
  }
}

interface NumberedRows {
  readonly table: TemporaryTable
  readonly count: bigint
}

/** The corrected rows of which `derive` makes a row, numbered in the order of their replay. */
async function findPassed(
  session: Session,
  source: ReplayedSource,
  target: Lake,
  derive: (corrected: string) => AsyncIterable<ReplayedPiece>,
): Promise<NumberedRows> {
  const corrected = await loadCorrected(session, source, target)
  const passed = await session.createTable('rebuild_passed', `SELECT * FROM ${corrected.name} LIMIT 0`)
  for await (const { rows, recorded } of derive(`FROM ${corrected.name}`)) {
    if (rows === undefined) continue
    await session.run(
      `INSERT INTO ${passed.name} SELECT ${MARKED} FROM (${recorded}) SEMI JOIN (${rows}) USING (${COORDINATES})`,
    )
  }
  const table = await session.createTable(
    passed.name,
    `SELECT ${COORDINATES}, replay_id, row_number() OVER (ORDER BY replay_sequence) - 1 AS replay_sequence FROM ${passed.name}`,
  )
  const [counts] = await session.rows(`SELECT count(*) AS n FROM ${table.name}`)
  return { table, count: counts?.n as bigint }
}

/** The old table's corrected rows that the new one doesn't have by their own lanes. */
async function loadCorrected(
  session: Session,
  { silver, replays }: ReplayedSource,
  target: Lake,
): Promise<TemporaryTable> {
  const { definition } = silver
  const rows = await silver.sql({ keep: (bounds) => bounds.hasValues('replay_id') })
  const corrected = await session.createTable(
    'rebuild_corrected',
    `SELECT ${MARKED} FROM (${rows})
    WHERE replay_id IN (SELECT replay_id FROM (${await replays.sql()}) WHERE fix IS NOT NULL)`,
  )
  const [bounds] = await session.rows(
    `SELECT count(*) AS n, min("offset") AS low, max("offset") AS high FROM ${corrected.name}`,
  )
  if (bounds?.n === 0n) return corrected
  const fresh = new PinnedScan(definition, await pinExisting(target, definition))
  const near = await fresh.sql({ keep: (one) => one.meets('offset', bounds?.low as bigint, bounds?.high as bigint) })
  await session.run(
    `DELETE FROM ${corrected.name} WHERE (${COORDINATES}) IN (SELECT (${COORDINATES}) FROM (${near}) WHERE replay_id IS NULL)`,
  )
  return corrected
}
