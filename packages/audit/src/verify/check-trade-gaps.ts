import type { Session } from '@assay/engine'
import { GOLD_TABLE, SYMBOL_KEY_SQL, TRADE_GAPS_TABLE } from '@assay/medallion'
import { type CheckList, Findings } from '../check.js'
import { addListed } from '../compare/compare.js'
import type { PinnedLake } from '../pinned/pin-lake.js'

/** Greatest number that the key set counts gaps with. */
const NUMBER_MAX = 2n ** 53n - 1n

/** The ledger names a pair by its symbol alone: of two pairs with one joined name the gaps are counted together. */
const GAP = 'exchange, symbol, from_id, to_id'
const TEXT = `exchange || '/' || symbol || ' ' || from_id || '..' || (to_id - 1)`

/**
 * The gaps in the exchanges' trade numbers that the ledger has open are those between the trades that gold holds, each
 * once, and nothing was closed that had not been opened.
 */
export async function checkTradeGaps(session: Session, tables: PinnedLake, checks: CheckList): Promise<void> {
  const findings = new Findings()
  const numbers = `SELECT DISTINCT exchange, symbol, ${SYMBOL_KEY_SQL} AS symbol_key, source_sequence AS id FROM (${await tables.gold.sql()})
    WHERE source_sequence BETWEEN ${-NUMBER_MAX} AND ${NUMBER_MAX}`
  const between = `SELECT exchange, symbol, id + 1 AS from_id, next AS to_id, count(*)::BIGINT AS gaps FROM (
      SELECT *, lead(id) OVER (PARTITION BY symbol_key ORDER BY id) AS next FROM (${numbers})
    ) WHERE next > id + 1 GROUP BY ALL`
  const ledger = `SELECT ${GAP}, (count(*) FILTER (change = 'opened') - count(*) FILTER (change = 'closed'))::BIGINT AS open
    FROM (${await tables.tradeGaps.sql()}) GROUP BY ALL`
  const { name: inGold } = await session.createTable('verify_gaps', between)
  const { name: inLedger } = await session.createTable('verify_ledger', ledger)
  await addListed(
    session,
    `SELECT ${TEXT} || ' is missing in gold, and no gap says so' AS text FROM ${inGold}
     ANTI JOIN (SELECT * FROM ${inLedger} WHERE open > 0) USING (${GAP})`,
    findings,
  )
  await addListed(
    session,
    `SELECT ${TEXT} || ' is an open gap, but gold has trades of it or none around it' AS text
     FROM (SELECT * FROM ${inLedger} WHERE open > 0) ANTI JOIN ${inGold} USING (${GAP})`,
    findings,
  )
  await addListed(
    session,
    `SELECT ${TEXT} || ' was opened ' || open || ' times more often than closed' AS text
     FROM ${inLedger} LEFT JOIN ${inGold} USING (${GAP}) WHERE open > greatest(coalesce(gaps, 1), 1)
     UNION ALL SELECT ${TEXT} || ' was closed more often than opened' FROM ${inLedger} WHERE open < 0`,
    findings,
  )
  const [counts] = await session.rows(`SELECT (SELECT count(*) FROM ${inGold}) AS gaps,
    (SELECT count(*) FROM ${inLedger} WHERE open > 0) AS open`)
  await session.run(`DROP TABLE ${inGold}; DROP TABLE ${inLedger}`)
  checks.done(
    {
      promise: 'G3',
      subject: TRADE_GAPS_TABLE.name,
      claim: `its open gaps are those between the trades of ${GOLD_TABLE.name}`,
    },
    { gaps_in_gold: counts?.gaps as bigint, gaps_open: counts?.open as bigint },
    findings,
  )
}
