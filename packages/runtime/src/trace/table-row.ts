import { type QueryResult, quoteIdentifier, type Session } from '@assay/engine'
import { sqlType, type TableDefinition } from '@assay/medallion'

/** Rows of one table, with the types of their columns. */
export interface TableRows extends QueryResult {
  readonly table: string
}

/** Runs a query over a table's columns; at most `limit` rows, the first by its coordinates. */
export async function tableRows(
  session: Session,
  definition: TableDefinition,
  sql: string,
  limit: number,
): Promise<TableRows> {
  const names = definition.columns.map(({ name }) => quoteIdentifier(name))
  const rows = await session.rows(
    `SELECT ${names.join(', ')} FROM (${sql}) ORDER BY ${definition.orderBy.map(quoteIdentifier).join(', ')} LIMIT ${limit + 1}`,
  )
  return {
    table: definition.name,
    columns: definition.columns.map(({ name, type }) => ({
      name,
      type: type === 'timestamptz' ? 'TIMESTAMP WITH TIME ZONE' : sqlType(type),
    })),
    rows: rows.slice(0, limit).map((row) => definition.columns.map(({ name }) => row[name])),
    isTruncated: rows.length > limit,
  }
}

/** The first row's value of a column; undefined without a row. */
export function cellOf({ columns, rows }: TableRows, name: string): unknown {
  return rows[0]?.[columns.findIndex((column) => column.name === name)]
}
