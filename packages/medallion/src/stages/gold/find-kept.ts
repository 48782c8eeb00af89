import { AssayError } from '@assay/core'
import type { Session } from '@assay/engine'
import { scanSql } from '../../sql/scan.js'
import type { LakeTable, PinnedTable } from '../../tables/lake-table.js'
import { DUPLICATES, hoursOf, INPUT, partitionHour } from './find-duplicates.js'

/** For each duplicate the row that was kept, one row a duplicate. */
export const KEPT = 'gold_kept'

const COMPARED = '"timestamp", price, quantity, side'
const SAME_TRADE = 'k.exchange = d.exchange AND k.symbol = d.symbol AND k.trade_id = d.trade_id'
const IS_CONFLICT = `(k."timestamp" IS DISTINCT FROM d."timestamp" OR k.price IS DISTINCT FROM d.price
  OR k.quantity IS DISTINCT FROM d.quantity OR k.side IS DISTINCT FROM d.side)`
const OPEN = `(SELECT i.* FROM ${INPUT} i SEMI JOIN ${DUPLICATES} USING (rn) ANTI JOIN ${KEPT} USING (rn))`

/**
 * Looks up the kept row of every duplicate: in the batch itself, then in its hour's partition, then
 * wherever the bounds of the trade numbers allow. Throws `key_set_inconsistent` when one isn't anywhere.
 */
export async function findKept(session: Session, gold: LakeTable, pinned: PinnedTable): Promise<void> {
  await session.run(`CREATE OR REPLACE TEMP TABLE ${KEPT} AS
    SELECT d.rn, k.topic AS kept_topic, k."partition" AS kept_partition, k."offset" AS kept_offset, ${IS_CONFLICT} AS is_conflict
    FROM (SELECT i.* FROM ${INPUT} i SEMI JOIN ${DUPLICATES} USING (rn)) d
    JOIN (SELECT i.* FROM ${INPUT} i ANTI JOIN ${DUPLICATES} USING (rn)) k ON ${SAME_TRADE}`)
  if ((await openCount(session)) > 0) {
    const hours = await hoursOf(session, `SELECT * FROM ${OPEN}`)
    await search(session, gold, pinned, { keepPartition: (values) => hours.has(partitionHour(values)) })
  }
  if ((await openCount(session)) > 0) {
    const [ids] = await session.rows(`SELECT min(source_sequence) AS low, max(source_sequence) AS high FROM ${OPEN}`)
    const low = ids?.low as bigint
    const high = ids?.high as bigint
    await search(session, gold, pinned, { keep: (bounds) => bounds.meets('source_sequence', low, high) })
  }
  const missing = await openCount(session)
  if (missing > 0) {
    throw new AssayError(
      'key_set_inconsistent',
      `${missing} trades are in gold's key set but not in ${gold.definition.name}`,
      {
        hint: 'the key set is rebuilt from the table; if this comes back, gold has lost rows: restore it or rebuild it from silver',
        retryable: true,
      },
    )
  }
}

async function openCount(session: Session): Promise<number> {
  const [row] = await session.rows(`SELECT count(*) AS n FROM ${OPEN}`)
  return Number(row?.n)
}

async function search(
  session: Session,
  gold: LakeTable,
  pinned: PinnedTable,
  filter: Parameters<LakeTable['files']>[1],
): Promise<void> {
  const files = await gold.files(pinned, filter)
  const columns = `exchange, symbol, trade_id, topic, "partition", "offset", ${COMPARED}`
  await session.run(`INSERT INTO ${KEPT}
    SELECT d.rn, k.topic, k."partition", k."offset", ${IS_CONFLICT}
    FROM ${OPEN} d JOIN (SELECT ${columns} FROM (${scanSql(gold.definition, files)})) k ON ${SAME_TRADE}`)
}
