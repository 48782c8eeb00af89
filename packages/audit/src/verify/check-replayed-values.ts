import { parseLaneKey } from '@assay/core'
import { quoteText, type TemporaryTable } from '@assay/engine'
import { replayLane } from '@assay/pipeline'
import { addListed, compareRows, Tally } from '../compare/compare.js'
import { deriveReplayed } from '../derive/derive-replayed.js'
import { derivedColumns } from '../derive/processing-times.js'
import type { SilverCheck } from './check-silver.js'

/** What makes a row one of a replay. */
const MARKS = new Set(['is_late', 'lateness_ms', 'replay_id', 'replay_sequence', 'origin', 'origin_id'])
const AT = `topic || '/' || "partition" || '/' || "offset"`

/**
 * Replayed rows are what the rules of their replay make of bronze's bytes, corrected where the ledger has a correction;
 * and both ledgers name the same rules.
 */
export async function checkReplayedValues(check: SilverCheck, replayed: TemporaryTable): Promise<void> {
  const { session, pinned, tables, history, checks } = check
  const { silver, bronze } = pinned
  const own = `SELECT * FROM ${replayed.name} WHERE silver_table = ${quoteText(silver.name)}`
  const columns = derivedColumns(silver.definition).filter(({ name }) => !MARKS.has(name))
  const tally = new Tally()
  const derivation = {
    ...check,
    bronze,
    replays: tables.replays,
    rulesOf: (version: string) => history.sets.get(version),
  }
  for await (const { rows, recorded } of deriveReplayed(derivation, own, tally.findings)) {
    await compareRows(
      session,
      {
        expected: rows ?? `SELECT * FROM (${recorded}) WHERE false`,
        found: recorded,
        columns,
        coordinates: silver.coordinates(),
        missing: 'was replayed, but is not in silver',
        extra: 'was replayed, but its bytes, corrected or not, break the rules of its replay',
      },
      tally,
    )
  }
  await addListed(
    session,
    `SELECT ${AT} || ' was replayed, and has a lateness' AS text
     FROM (${own}) WHERE is_late IS NOT NULL OR lateness_ms IS NOT NULL`,
    tally.findings,
  )
  await addListed(
    session,
    `SELECT ${AT} || ' was replayed, and has another origin: ' || concat_ws(' ', origin, origin_id) AS text
     FROM (${own}) WHERE NOT (origin IS NOT DISTINCT FROM 'replay' AND origin_id IS NOT DISTINCT FROM replay_id)
       AND NOT (origin IS NULL AND origin_id IS NULL)`,
    tally.findings,
  )
  await addListed(session, otherRulesSql(check, own, await tables.ruleSets.sql()), tally.findings)
  const [counts] = await session.rows(`SELECT count(*) AS n FROM (${own})`)
  const count = counts?.n as bigint
  if (tally.findings.isEmpty && tally.found !== count) {
    tally.findings.add(`${tally.found} of ${count} replayed rows were compared`)
  }
  checks.done(
    {
      promise: 'S2',
      subject: silver.name,
      claim: 'replayed rows are what the rules and corrections of their replay make of their bytes',
    },
    { derived: tally.expected, replayed: count },
    tally.findings,
  )
}

/** SQL that lists rows of replays whose rules are not those that the ledger of rule sets names at their place. */
function otherRulesSql({ pinned: { silver } }: SilverCheck, own: string, ledger: string): string {
  const { topic } = parseLaneKey(replayLane(silver.definition))
  return `SELECT ${AT} || ' was replayed by the rules ' || o.rule_version || ', where the ledger of rule sets says '
      || coalesce(s.version, 'nothing') AS text
    FROM (${own}) o ASOF LEFT JOIN (SELECT DISTINCT from_offset, rule_version AS version FROM (${ledger})
      WHERE table_name = ${quoteText(silver.name)} AND topic = ${quoteText(topic)}) s ON o.replay_sequence >= s.from_offset
    WHERE s.version IS DISTINCT FROM o.rule_version`
}
