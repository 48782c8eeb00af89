import { CANDLES_TABLE, REVISED, REVISIONS_TABLE } from '@assay/candles'
import type { Session } from '@assay/engine'
import { type CheckList, type Claim, Findings } from '../../check.js'
import { addListed } from '../../compare/compare.js'
import type { PinnedLake } from '../../pinned/pin-lake.js'
import { candleText, KEY } from './candle-sql.js'

export const REVISIONS_CLAIM: Claim = {
  promise: 'W1',
  subject: REVISIONS_TABLE.name,
  claim: 'they lead from each candle as it was closed to the candle as it is',
}

/**
 * A candle of revision n has the changes 2 to n; each begins with what the one before it made, the last made the candle.
 * A change that left no trade ended its candle; trades that come again begin one anew, and these are left out.
 */
export async function checkRevisions(session: Session, tables: PinnedLake, checks: CheckList): Promise<void> {
  const findings = new Findings()
  const [candles, revisions] = [tables.of(CANDLES_TABLE), tables.of(REVISIONS_TABLE)]
  const days = await session.rows(
    `SELECT DISTINCT window_date::VARCHAR AS day FROM (SELECT window_date FROM (${await revisions.sql()})
     UNION ALL SELECT window_date FROM (${await candles.sql()}) WHERE revision > 1) ORDER BY 1`,
    1_000_000,
  )
  let changes = 0n
  for (const { day } of days) {
    const ofDay = { keepPartition: ({ window_date }: Readonly<Record<string, unknown>>) => window_date === day }
    const select = (sql: string) =>
      `SELECT *, epoch_us(window_start) AS start_us FROM (${sql}) WHERE window_date = DATE '${day}'`
    const changed = select(await revisions.sql(ofDay))
    const left = (sql: string) =>
      `${sql} ANTI JOIN (SELECT ${KEY} FROM (${changed}) WHERE new_trades = 0) USING (${KEY})`
    await session.createTable('verify_revised', left(`SELECT * FROM (${select(await candles.sql(ofDay))})`))
    await session.createTable('verify_revisions', left(`SELECT * FROM (${changed})`))
    await addBroken(session, findings)
    const [counted] = await session.rows('SELECT count(*) AS n FROM verify_revisions')
    changes += counted?.n as bigint
    await session.run('DROP TABLE verify_revised; DROP TABLE verify_revisions')
  }
  checks.done(REVISIONS_CLAIM, { days: days.length, revisions: changes }, findings)
}

async function addBroken(session: Session, findings: Findings): Promise<void> {
  const row = (prefix: string): string => `(${REVISED.map((name) => `${prefix}${name}`).join(', ')})`
  const kinds = [
    `SELECT ${candleText('c')} || ' has revision ' || c.revision || ', but ' || coalesce(r.n, 0) || ' changes to ' || coalesce(r.last, 1) AS text
     FROM verify_revised c LEFT JOIN (
       SELECT ${KEY}, count(*) AS n, count(DISTINCT revision) AS numbers, min(revision) AS least, max(revision) AS last
       FROM verify_revisions GROUP BY ${KEY}
     ) r USING (${KEY}) WHERE NOT (coalesce(r.n, 0) = c.revision - 1 AND coalesce(r.numbers, 0) = c.revision - 1
       AND coalesce(r.least, 2) = 2 AND coalesce(r.last, 1) = c.revision)`,
    `SELECT ${candleText('r')} || ' has the change ' || r.revision || ', but no candle' AS text
     FROM verify_revisions r ANTI JOIN verify_revised USING (${KEY})`,
    `SELECT ${candleText('r')} || ': change ' || r.revision || ' does not begin with what change ' || (r.revision - 1) || ' made' AS text
     FROM verify_revisions r JOIN verify_revisions b USING (${KEY})
     WHERE b.revision = r.revision - 1 AND ${row('r.old_')} IS DISTINCT FROM ${row('b.new_')}`,
    `SELECT ${candleText('r')} || ': change ' || r.revision || ' made another candle than the one that is there' AS text
     FROM verify_revisions r JOIN verify_revised c USING (${KEY})
     WHERE r.revision = c.revision AND ${row('r.new_')} IS DISTINCT FROM ${row('c.')}`,
  ]
  for (const sql of kinds) await addListed(session, sql, findings)
}
