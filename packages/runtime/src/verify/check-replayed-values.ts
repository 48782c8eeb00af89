import { quoteText } from '@assay/engine'
import { deriveChosen } from '../rebuild/derive-replayed.js'
import { derivedColumns } from '../rebuild/processing-times.js'
import type { SilverCheck } from './check-silver.js'
import { addListed, compareRows, Tally } from './compare.js'
import { inRanges } from './pinned-scan.js'
import { REPLAYED } from './replayed-rows.js'

const CHOSEN = 'verify_chosen'
/** What makes a row one of a replay. */
const MARKS = new Set(['is_late', 'lateness_ms', 'replay_id', 'replay_sequence'])

/**
 * Replayed rows are what the rules of their replay make of bronze's bytes. Those that were corrected by hand, and
 * those whose rules no ledger holds, can't be derived again and are only counted.
 */
export async function checkReplayedValues(check: SilverCheck): Promise<void> {
  const { session, pinned, tables, history, checks } = check
  const { silver, bronze } = pinned
  const own = `SELECT * FROM ${REPLAYED} WHERE silver_table = ${quoteText(silver.name)}`
  const corrected = `SELECT replay_id FROM (${await tables.replays.sql()}) WHERE fix IS NOT NULL`
  const derivable = `SELECT * FROM (${own}) WHERE replay_id NOT IN (${corrected})`
  const columns = derivedColumns(silver.definition).filter(({ name }) => !MARKS.has(name))
  const tally = new Tally()
  let unknown = 0n
  for (const { rule_version, n } of await session.rows(
    `SELECT rule_version, count(*) AS n FROM (${derivable}) GROUP BY 1 ORDER BY 1`,
  )) {
    const rules = history.sets.get(String(rule_version))
    if (!rules) {
      unknown += n as bigint
      continue
    }
    await session.run(`CREATE OR REPLACE TEMP TABLE ${CHOSEN} AS
      SELECT * FROM (${derivable}) WHERE rule_version = ${quoteText(rules.version)}`)
    for await (const piece of deriveChosen({ ...check, bronze }, CHOSEN, rules)) {
      await compareRows(
        session,
        {
          expected: piece.rows ?? `SELECT * FROM ${CHOSEN} WHERE false`,
          found: `SELECT * FROM ${CHOSEN} WHERE ${inRanges(piece.ranges, silver.place())}`,
          columns,
          place: silver.place(),
          missing: 'was replayed, but is not in silver',
          extra: 'was replayed, but breaks the rules that it names',
        },
        tally,
      )
    }
  }
  await addListed(
    session,
    `SELECT topic || '/' || "partition" || '/' || "offset" || ' was replayed, and has a lateness' AS text
     FROM (${own}) WHERE is_late IS NOT NULL OR lateness_ms IS NOT NULL`,
    tally.findings,
  )
  const [counts] = await session.rows(`SELECT count(*) AS n FROM (${own}) WHERE replay_id IN (${corrected})`)
  checks.done(
    {
      promise: 'S2',
      subject: silver.name,
      claim: 'replayed rows are what the rules of their replay make of their bytes',
    },
    {
      derived: tally.expected,
      replayed: tally.found,
      corrected_by_hand: counts?.n as bigint,
      by_unknown_rules: unknown,
    },
    tally.findings,
  )
}
