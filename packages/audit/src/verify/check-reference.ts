import type { Session } from '@assay/engine'
import { REF_SYMBOLS_TABLE } from '@assay/medallion'
import { type CheckList, type Claim, Findings } from '../check.js'
import { addListed } from '../compare/compare.js'
import type { PinnedLake } from '../pinned/pin-lake.js'

/** Two at once would double a trade for whoever joins by time. */
export const REFERENCE_CLAIM: Claim = {
  promise: 'G1',
  subject: REF_SYMBOLS_TABLE.name,
  claim: 'every row is true for a time, and no two of a symbol at once',
}

const ROW = `coalesce(exchange, 'NULL') || '/' || coalesce(symbol, 'NULL') || ' from ' || coalesce(valid_from::VARCHAR, 'NULL')`

/** The rows' times are not empty, and those of a symbol do not overlap: a row that ends when another begins does not. */
export async function checkReference(session: Session, tables: PinnedLake, checks: CheckList): Promise<void> {
  const findings = new Findings()
  const rows = await session.createTable('verify_ref_symbols', await tables.of(REF_SYMBOLS_TABLE).sql())
  const isTimed =
    "exchange IS NOT NULL AND symbol IS NOT NULL AND valid_from < coalesce(valid_to, TIMESTAMPTZ 'infinity')"
  await addListed(
    session,
    `SELECT ${ROW} || ' is true for no time' AS text FROM ${rows.name} WHERE (${isTimed}) IS NOT TRUE`,
    findings,
  )
  await addListed(
    session,
    `SELECT ${ROW} || ' is true while the row before it is, which ends ' || coalesce(before::VARCHAR, 'never') AS text
     FROM (
       SELECT *, lag(valid_to) OVER w AS before, count(*) OVER (w ROWS BETWEEN 1 PRECEDING AND 1 PRECEDING) AS others
       FROM ${rows.name} WHERE ${isTimed} WINDOW w AS (PARTITION BY exchange, symbol ORDER BY valid_from, valid_to)
     ) WHERE others > 0 AND valid_from < coalesce(before, TIMESTAMPTZ 'infinity')`,
    findings,
  )
  const [counts] = await session.rows(
    `SELECT count(*) AS n, count(DISTINCT (exchange, symbol)) AS symbols FROM ${rows.name}`,
  )
  await session.run(`DROP TABLE ${rows.name}`)
  checks.done(REFERENCE_CLAIM, { rows: counts?.n as bigint, symbols: counts?.symbols as bigint }, findings)
}
