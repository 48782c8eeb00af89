import type { Lake } from '@assay/lake'
import { REF_SYMBOLS_TABLE, type SymbolRow } from '@assay/medallion'
import { withTables } from './tables.js'

/** A year of 365 days, in which tests count. */
const YEAR_US = 31_536_000_000_000n

/** A row that is true from one year after 1970 to another. */
export function symbolRow(
  symbol: string,
  from: number,
  to: number | null,
  changed: Partial<SymbolRow> = {},
): SymbolRow {
  return {
    exchange: 'BINANCE',
    symbol,
    base: 'B',
    quote: 'Q',
    tick_size: '0.01',
    lot_size: null,
    tier: 'major',
    valid_from: BigInt(from) * YEAR_US,
    valid_to: to === null ? null : BigInt(to) * YEAR_US,
    ...changed,
  }
}

/** Symbol, tier, from and to of each row of the table, in order. */
export async function symbolsIn(lake: Lake): Promise<[string, string | null, number, number | null][]> {
  const sql = `SELECT symbol, tier, epoch_us(valid_from) AS "from", epoch_us(valid_to) AS "to" FROM ref_symbols ORDER BY symbol, "from"`
  const rows = await withTables(
    lake,
    (tables) => tables.rows(sql),
    (name) => name === REF_SYMBOLS_TABLE.name,
  )
  const years = (time: unknown): number => Number((time as bigint) / YEAR_US)
  return rows.map(({ symbol, tier, from, to }) => [
    String(symbol),
    tier as string | null,
    years(from),
    to === null ? null : years(to),
  ])
}
