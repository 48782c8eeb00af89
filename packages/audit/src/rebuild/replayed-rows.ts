import type { Session } from '@assay/engine'
import type { Exchange } from '@assay/exchanges'
import type { Lake } from '@assay/lake'
import { pinExisting } from '@assay/lake'
import type { RuleSet } from '@assay/medallion'
import { replayLane } from '@assay/pipeline'
import { Findings } from '../check.js'
import type { Tally } from '../compare/compare.js'
import { deriveReplayed, type ReplayedPiece } from '../derive/derive-replayed.js'
import { onlyRules, type RuleHistory } from '../derive/rule-history.js'
import { PinnedScan } from '../pinned/pinned-scan.js'

/** What the lane of replays of a rebuilt silver table is made of. */
export interface ReplayedRows {
  /** Which rules judged it from where on. */
  readonly history: RuleHistory
  /** Where it ends. */
  end(session: Session): Promise<bigint>
  /** Its rows in [from, upper), derived again; what they stand for has their replay_id and replay_sequence. */
  derive(session: Session, from: bigint, upper: bigint): AsyncIterable<ReplayedPiece>
}

export interface ReplayedSource {
  readonly lake: Lake
  readonly exchange: Exchange
  readonly bronze: PinnedScan
  readonly silver: PinnedScan
  readonly replays: PinnedScan
}

const PLACE = 'topic, "partition", "offset"'
const MARKED = `${PLACE}, replay_id, replay_sequence`
const RECORDED = 'rebuild_recorded'
const CORRECTED = 'rebuild_corrected'
const PASSED = 'rebuild_passed'

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
      await session.run(`CREATE OR REPLACE TEMP TABLE ${RECORDED} AS SELECT ${MARKED} FROM (${rows})
        WHERE replay_sequence >= ${from} AND replay_sequence < ${upper}`)
      const derivation = { ...source, session, rulesOf: (version: string) => history.sets.get(version) }
      yield* deriveReplayed(derivation, `FROM ${RECORDED}`, tally.findings)
    },
  }
}

/**
 * The rows that a correction by hand brought into the old table, as far as today's rules reject their bytes as they are
 * and let the corrected ones pass; numbered anew. Letters that were replayed as they are have been judged by today's
 * rules in their own lane.
 */
export function presentReplays(source: ReplayedSource, target: Lake, rules: RuleSet, tally: Tally): ReplayedRows {
  const { definition } = source.silver
  const { version } = rules
  const spans = new Map([[replayLane(definition), [{ from: 0n, version }]]])
  const history = { ...onlyRules(rules), spans, sets: new Map([[version, rules]]) }
  const derive = (session: Session, recorded: string, findings: Findings) =>
    deriveReplayed({ ...source, session, rulesOf: () => rules }, recorded, findings)
  let end: bigint | undefined
  return {
    history,
    async end(session) {
      if (end !== undefined) return end
      await loadCorrected(session, source, target)
      await session.run(`CREATE OR REPLACE TEMP TABLE ${PASSED} AS SELECT * FROM ${CORRECTED} LIMIT 0`)
      for await (const { rows, recorded } of derive(session, `FROM ${CORRECTED}`, tally.findings)) {
        if (rows === undefined) continue
        await session.run(
          `INSERT INTO ${PASSED} SELECT ${MARKED} FROM (${recorded}) SEMI JOIN (${rows}) USING (${PLACE})`,
        )
      }
      await session.run(`CREATE OR REPLACE TEMP TABLE ${PASSED} AS
        SELECT ${PLACE}, replay_id, row_number() OVER (ORDER BY replay_sequence) - 1 AS replay_sequence FROM ${PASSED}`)
      const [counts] = await session.rows(`SELECT count(*) AS n FROM ${PASSED}`)
      end = counts?.n as bigint
      return end
    },
    derive: (session, from, upper) =>
      derive(
        session,
        `SELECT * FROM ${PASSED} WHERE replay_sequence >= ${from} AND replay_sequence < ${upper}`,
        new Findings(),
      ),
  }
}

/** Makes the table of the old table's corrected rows that the new one doesn't have by their own lanes. */
async function loadCorrected(session: Session, { silver, replays }: ReplayedSource, target: Lake): Promise<void> {
  const { definition } = silver
  const rows = await silver.sql({ keep: (bounds) => bounds.hasValues('replay_id') })
  await session.run(`CREATE OR REPLACE TEMP TABLE ${CORRECTED} AS SELECT ${MARKED} FROM (${rows})
    WHERE replay_id IN (SELECT replay_id FROM (${await replays.sql()}) WHERE fix IS NOT NULL)`)
  const [bounds] = await session.rows(
    `SELECT count(*) AS n, min("offset") AS low, max("offset") AS high FROM ${CORRECTED}`,
  )
  if (bounds?.n === 0n) return
  const fresh = new PinnedScan(definition, await pinExisting(target, definition))
  const near = await fresh.sql({ keep: (one) => one.meets('offset', bounds?.low as bigint, bounds?.high as bigint) })
  await session.run(
    `DELETE FROM ${CORRECTED} WHERE (${PLACE}) IN (SELECT (${PLACE}) FROM (${near}) WHERE replay_id IS NULL)`,
  )
}
