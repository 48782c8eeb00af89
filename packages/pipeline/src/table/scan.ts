import { quoteIdentifier, quoteText } from '@assay/engine'
import { sqlType, type TableDefinition } from './definition.js'

/** A data file of a table where DuckDB can open it. */
export interface ScanFile {
  readonly path: string
  /** The file's name in the table's metadata, by which position deletes refer to it. */
  readonly name: string
  /** Position-delete files that apply to it. */
  readonly deletes: readonly string[]
}

/**
 * SQL that reads the table's columns from the files, matched by field id: files written under an older
 * schema or by another engine give NULL for what they lack.
 */
export function scanSql(table: TableDefinition, files: readonly ScanFile[]): string {
  const plain = files.filter((file) => file.deletes.length === 0)
  const deleted = files.filter((file) => file.deletes.length > 0)
  const parts: string[] = []
  if (plain.length > 0) parts.push(`SELECT * FROM ${readParquet(table, plain, '')}`)
  if (deleted.length > 0) parts.push(withDeletes(table, deleted))
  return parts.length === 0 ? emptySql(table) : parts.join(' UNION ALL ')
}

function emptySql(table: TableDefinition): string {
  const columns = table.columns.map((c) => `NULL::${sqlType(c.type)} AS ${quoteIdentifier(c.name)}`)
  return `SELECT ${columns.join(', ')} WHERE false`
}

function readParquet(table: TableDefinition, files: readonly ScanFile[], options: string): string {
  const list = files.map((file) => quoteText(file.path)).join(', ')
  const fields = table.columns.map(
    (c) => `${c.id}: {name: ${quoteText(c.name)}, type: ${quoteText(sqlType(c.type))}, default_value: NULL}`,
  )
  return `read_parquet([${list}], schema = MAP {${fields.join(', ')}}${options})`
}

function withDeletes(table: TableDefinition, files: readonly ScanFile[]): string {
  const columns = table.columns.map((c) => `s.${quoteIdentifier(c.name)}`).join(', ')
  const deletes = [...new Set(files.flatMap((file) => file.deletes))].map(quoteText).join(', ')
  const names = files.map((file) => `(${quoteText(file.path)}, ${quoteText(file.name)})`).join(', ')
  return `SELECT ${columns} FROM ${readParquet(table, files, ', filename = true, file_row_number = true')} s
    ANTI JOIN (
      SELECT n.path, d.pos FROM read_parquet([${deletes}]) d JOIN (VALUES ${names}) n(path, name) ON d.file_path = n.name
    ) x ON x.path = s.filename AND x.pos = s.file_row_number`
}
