import { UsageError } from '@assay/core'
import type { Session, TemporaryTable } from '@assay/engine'
import { type Lake, pinExisting } from '@assay/lake'
import {
  compareSymbols,
  GOLD_TABLE,
  givenSymbols,
  REF_SYMBOLS_TABLE,
  replaceSymbols,
  type SymbolChanges,
  type SymbolRow,
} from '@assay/medallion'
import { scanSql } from '@assay/pipeline'
import { withJobContext } from '../dead-letters/job-context.js'
import { checkRows } from './check-rows.js'
import { Mistakes } from './mistakes.js'
import { readRecords } from './read-records.js'

/** Bytes that a file of reference data has at most. */
export const REFERENCE_BYTES_MAX = 16 * 2 ** 20
const NOTED_MAX = 100

export interface ReferenceReport extends SymbolChanges {
  /** Rows that were given. */
  readonly rows: number
  /** Symbols that gold has no trade of, as `EXCHANGE/SYMBOL`: the first hundred. */
  readonly not_in_gold: readonly string[]
  readonly not_in_gold_total: number
}

/** The rows of a file's bytes. Throws `bad_reference_file` with every mistake. */
export function parseReference({ exchanges }: Pick<Lake, 'exchanges'>, bytes: Uint8Array): SymbolRow[] {
  const mistakes = new Mistakes()
  const found = readRecords(bytes, mistakes)
  const rows = checkRows(found, exchanges, mistakes)
  if (mistakes.count === 0 && rows.length === 0) mistakes.add({ line: 1, expected: 'rows of symbols; there are none' })
  if (mistakes.count === 0) return rows
  throw new UsageError('bad_reference_file', `mistakes in the file: ${mistakes.count}\n${mistakes.text()}`, {
    hint: 'nothing was loaded; docs/reference-data.md says what a row has',
  })
}

/**
 * Makes the rows all that `ref_symbols` has of the symbols that they name, in one commit; a dry run counts and writes
 * nothing. Throws `reference_contended`.
 */
export async function loadReference(
  lake: Lake,
  rows: readonly SymbolRow[],
  isDry: boolean,
  signal: AbortSignal,
): Promise<ReferenceReport> {
  const load = async (session: Session): Promise<ReferenceReport> => {
    const given = await givenSymbols(session, rows)
    // Before anything is committed: what was done is told in any case.
    const unseen = await notInGold(lake, session, given)
    const changes = isDry
      ? await compareSymbols({ session, given, table: (await pinExisting(lake, REF_SYMBOLS_TABLE))?.table })
      : await replaceSymbols({ ...lake, session, given, table: await lake.table(REF_SYMBOLS_TABLE) })
    return { rows: rows.length, ...changes, ...unseen }
  }
  return withJobContext(lake, undefined, ({ session }) => load(session), signal)
}

async function notInGold(
  lake: Lake,
  session: Session,
  { name }: TemporaryTable,
): Promise<Pick<ReferenceReport, 'not_in_gold' | 'not_in_gold_total'>> {
  const gold = await pinExisting(lake, GOLD_TABLE)
  const trades = scanSql(GOLD_TABLE, gold ? await gold.table.files(gold.pinned) : [])
  const rows = await session.rows(`SELECT exchange || '/' || symbol AS symbol, count(*) OVER () AS n
    FROM (SELECT DISTINCT exchange, symbol FROM ${name}) ANTI JOIN (${trades}) USING (exchange, symbol)
    ORDER BY ALL LIMIT ${NOTED_MAX}`)
  return { not_in_gold: rows.map(({ symbol }) => String(symbol)), not_in_gold_total: Number(rows[0]?.n ?? 0n) }
}
