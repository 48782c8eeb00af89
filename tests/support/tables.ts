import { CANDLES_TABLE } from '@assay/candles'
import type { Session } from '@assay/engine'
import { quoteIdentifier } from '@assay/engine'
import type { Lake } from '@assay/lake'
import { candlesLayer, TRADE_GAPS_TABLE } from '@assay/medallion'
import { type ColumnDefinition, scanSql, type TableDefinition } from '@assay/pipeline'

/** The rows of a lake's tables as SQL sees them: each table a copy under its name. */
export interface Tables {
  readonly session: Session
  rows(sql: string): Promise<Record<string, unknown>[]>
  /** The only value of the only row. */
  value(sql: string): Promise<unknown>
}

/** Opens every table as it stands, hands them to `use`, and closes them. */
export async function withTables<T>(
  lake: Lake,
  use: (tables: Tables) => Promise<T>,
  only: (table: string) => boolean = () => true,
): Promise<T> {
  const session = await (await lake.engine()).session()
  try {
    for (const definition of lake.definitions.filter(({ name }) => only(name))) {
      const table = await lake.table(definition)
      const files = await table.files(await table.pin())
      await session.run(`CREATE TEMP TABLE ${quoteIdentifier(definition.name)} AS ${scanSql(definition, files)}`)
    }
    return await use({
      session,
      rows: (sql) => session.rows(sql, 100_000),
      value: async (sql) => Object.values((await session.rows(sql))[0] ?? {})[0],
    })
  } finally {
    await session.close()
  }
}

/** Rows of one query. */
export function query(lake: Lake, sql: string): Promise<Record<string, unknown>[]> {
  return withTables(lake, (tables) => tables.rows(sql))
}

/** Times of processing: the only columns that a rebuild may change. */
const PROCESSING_TIMES = new Set([
  'ingestion_timestamp',
  'validation_timestamp',
  'bronze_ingestion_timestamp',
  'error_timestamp',
  'gold_ingestion_timestamp',
  'found_at',
  'accepted_at',
  'emitted_at',
])

/** In silver and gold this column is the exchange's own time of taking the trade. */
function isProcessingTime({ type, name }: TableDefinition['columns'][number]): boolean {
  return PROCESSING_TIMES.has(name) && type === 'timestamptz'
}

/** Which gaps were open for a while depends on where batches end; which are open does not. */
function rowsOf(table: string): string {
  if (table !== TRADE_GAPS_TABLE.name) return quoteIdentifier(table)
  return `(SELECT * FROM ${quoteIdentifier(table)} o WHERE change = 'opened') o ANTI JOIN
    (SELECT * FROM ${quoteIdentifier(table)} WHERE change = 'closed') c USING (exchange, symbol, from_id, to_id)`
}

export type Digests = Record<string, { readonly rows: bigint; readonly digest: string }>

/** Rows and an order-independent digest of each table over all columns that a rebuild may not change. */
export function digests(lake: Lake, only: (table: string) => boolean = () => true): Promise<Digests> {
  return withTables(lake, (tables) => digestsOf(lake, tables, only), only)
}

/** Tables that tell what came when, which batches decide. */
const BY_ARRIVAL = new Set(candlesLayer.sides.map(({ name }) => name))

/** What of a candle tells when its trades came, and not which they are. */
const OF_ARRIVAL = new Set(['late_trades', 'replayed_trades', 'revision', 'watermark'])

function isOfInput(table: string, column: ColumnDefinition): boolean {
  return !isProcessingTime(column) && !(table === CANDLES_TABLE.name && OF_ARRIVAL.has(column.name))
}

/** The same of tables that are open already. */
export async function digestsOf(lake: Lake, { rows }: Tables, only: (table: string) => boolean): Promise<Digests> {
  const found: Digests = {}
  for (const { name, columns } of lake.definitions.filter(({ name: table }) => only(table) && !BY_ARRIVAL.has(table))) {
    const kept = columns.filter((column) => isOfInput(name, column)).map((column) => quoteIdentifier(column.name))
    const [row] = await rows(
      `SELECT count(*) AS n, coalesce(sum(hash(row(${kept.join(', ')}))), 0)::VARCHAR AS digest FROM ${rowsOf(name)}`,
    )
    found[name] = { rows: row?.n as bigint, digest: String(row?.digest) }
  }
  return found
}
