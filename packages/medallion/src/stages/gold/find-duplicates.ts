import { columnOf, type Session } from '@assay/engine'
import { type KeySet, StagedKeys } from '../../keys/key-set.js'
import { scanSql } from '../../sql/scan.js'
import { dateText } from '../../sql/times.js'
import type { LakeTable, PinnedTable } from '../../tables/lake-table.js'

/** Silver rows of the batch, numbered in the order in which gold meets them. */
export const INPUT = 'gold_input'
/** Numbers of the rows that gold already has. */
export const DUPLICATES = 'gold_duplicate_rows'

/**
 * Decides for every row, in order, whether it is the first of its trade, and fills the table of those
 * that aren't. Returns what the batch adds to the key set and how many duplicates there are.
 */
export async function findDuplicates(
  session: Session,
  gold: LakeTable,
  pinned: PinnedTable,
  keys: KeySet,
): Promise<{ readonly staged: StagedKeys; readonly duplicates: number }> {
  const books = await numberBooks(session)
  const staged = new StagedKeys(keys)
  const duplicates: number[] = []
  let numberless = false
  const sql = `SELECT rn, book, source_sequence FROM ${INPUT} JOIN gold_books USING (exchange, symbol) ORDER BY rn`
  for await (const chunk of session.read(sql)) {
    const rn = columnOf(chunk, 'rn', 'INTEGER').data
    const book = columnOf(chunk, 'book', 'INTEGER').data
    const id = columnOf(chunk, 'source_sequence', 'BIGINT')
    for (let i = 0; i < chunk.count; i++) {
      if (id.nulls?.[i]) numberless = true
      else if (!staged.add(books[book[i] as number] as string, id.data[i] as bigint)) duplicates.push(rn[i] as number)
    }
  }
  if (numberless) duplicates.push(...(await numberlessDuplicates(session, gold, pinned)))
  const column = { type: 'INTEGER' as const, data: Int32Array.from(duplicates) }
  await session.load(DUPLICATES, [{ name: 'rn', column }], duplicates.length)
  return { staged, duplicates: duplicates.length }
}

async function numberBooks(session: Session): Promise<string[]> {
  await session.run(`CREATE OR REPLACE TEMP TABLE gold_books AS
    SELECT (row_number() OVER () - 1)::INTEGER AS book, exchange, symbol
    FROM (SELECT DISTINCT exchange, symbol FROM ${INPUT})`)
  const rows = await session.rows(`SELECT exchange || '/' || symbol AS name FROM gold_books ORDER BY book`)
  return rows.map((row) => String(row.name))
}

/** Ids without a number hold their timestamp, so that only the row's own hour can hold the same trade. */
async function numberlessDuplicates(session: Session, gold: LakeTable, pinned: PinnedTable): Promise<number[]> {
  const hours = await hoursOf(session, `SELECT * FROM ${INPUT} WHERE source_sequence IS NULL`)
  const files = await gold.files(pinned, { keepPartition: (values) => hours.has(partitionHour(values)) })
  const rows = session.read(`SELECT rn FROM (
      SELECT rn, trade_id, exchange, symbol,
        row_number() OVER (PARTITION BY exchange, symbol, trade_id ORDER BY rn) AS nth
      FROM ${INPUT} WHERE source_sequence IS NULL
    ) i WHERE nth > 1 OR EXISTS (
      SELECT 1 FROM (${scanSql(gold.definition, files)}) g
      WHERE g.exchange = i.exchange AND g.symbol = i.symbol AND g.trade_id = i.trade_id
    ) ORDER BY rn`)
  const found: number[] = []
  for await (const chunk of rows) found.push(...columnOf(chunk, 'rn', 'INTEGER').data.subarray(0, chunk.count))
  return found
}

/** The distinct (date, hour) of a query over the input, as `2026-01-31 13`. */
export async function hoursOf(session: Session, select: string): Promise<Set<string>> {
  const rows = await session.rows(`SELECT DISTINCT exchange_day, exchange_hour FROM (${select})`)
  return new Set(rows.map((row) => `${dateText(Number(row.exchange_day))} ${row.exchange_hour}`))
}

/** A gold file's partition in the same form. */
export function partitionHour(values: Readonly<Record<string, unknown>>): string {
  return `${values.exchange_date} ${values.exchange_hour}`
}
