import { type QueryResult, quoteIdentifier } from '@assay/engine'
import { sqlType, type TableDefinition } from '@assay/pipeline'
import type { SessionPool } from './session-pool.js'

/** Rows of one table, with the types of their columns. */
export interface TableRows extends QueryResult {
  readonly table: string
}

/** Runs a query over a table's columns; at most `limit` rows, the first by its coordinates. */
export async function tableRows(
  sessions: SessionPool,
  definition: TableDefinition,
  sql: string,
  limit: number,
): Promise<TableRows> {
  // Sorted where it is read, a few rows would make DuckDB open every file once more to fetch their columns.
  const rows = await sessions.rows(
    `WITH found AS MATERIALIZED (SELECT ${columnsSql(definition)} FROM (${sql}))
     FROM found ORDER BY ${definition.orderBy.map(quoteIdentifier).join(', ')} LIMIT ${limit + 1}`,
  )
  return { ...rowsOf(definition, rows.slice(0, limit)), isTruncated: rows.length > limit }
}

export function columnsSql(definition: TableDefinition): string {
  return definition.columns.map(({ name }) => quoteIdentifier(name)).join(', ')
}

/** Rows that a query gave as objects, with all of the table's columns. */
export function rowsOf(definition: TableDefinition, rows: readonly Readonly<Record<string, unknown>>[]): TableRows {
  return {
    table: definition.name,
    columns: definition.columns.map(({ name, type }) => ({
      name,
      type: type === 'timestamptz' ? 'TIMESTAMP WITH TIME ZONE' : sqlType(type),
    })),
    rows: rows.map((row) => definition.columns.map(({ name }) => row[name])),
    isTruncated: false,
  }
}

/** The first row's value of a column; undefined without a row. */
export function cellOf({ columns, rows }: TableRows, name: string): unknown {
  return rows[0]?.[columns.findIndex((column) => column.name === name)]
}
