import { quoteIdentifier, quoteText } from '@assay/engine'
import { sqlType, type TableDefinition } from './definition.js'

/** A data file of a table where DuckDB can open it. */
export interface ScanFile {
  readonly path: string
  /** The file's name in the table's metadata, by which position deletes refer to it. */
  readonly name: string
  /** Position-delete files that apply to it. */
  readonly deletes: readonly string[]
  /**
   * The table's field ids of the definition's columns; one that the table lacks is not in it. A file that is no
   * table's has the definition's own.
   */
  readonly ids?: ReadonlyMap<string, number>
}

/** A column to read: by its field id, under a name of the reader's choice. */
export interface ReadColumn {
  readonly id: number
  readonly name: string
  /** SQL type that its values are brought to. */
  readonly type: string
}

/** Names under which `numberedScanSql` gives a row's file, and its number there. */
export const FILE_PATH = 'file_path'
export const FILE_ROW = 'pos'

/**
 * SQL that reads the table's columns from the files, matched by field id: files written under an older
 * schema or by another engine give NULL for what they lack.
 */
export function scanSql(table: TableDefinition, files: readonly ScanFile[]): string {
  const byIds = new Map<ScanFile['ids'], ScanFile[]>()
  for (const file of files) {
    const others = byIds.get(file.ids)
    if (others) others.push(file)
    else byIds.set(file.ids, [file])
  }
  if (byIds.size === 0) return emptySql(table)
  return [...byIds].map(([ids, some]) => definedColumns(table, ids, some)).join(' UNION ALL ')
}

function emptySql(table: TableDefinition): string {
  const columns = table.columns.map((c) => `NULL::${sqlType(c.type)} AS ${quoteIdentifier(c.name)}`)
  return `SELECT ${columns.join(', ')} WHERE false`
}

function definedColumns(table: TableDefinition, ids: ScanFile['ids'], files: readonly ScanFile[]): string {
  const columns = definitionColumns(table, ids)
  const rows = readSql(columns, files)
  if (columns.length === table.columns.length) return rows
  const present = new Set(columns.map(({ name }) => name))
  const all = table.columns.map(({ name, type }) => {
    const quoted = quoteIdentifier(name)
    return present.has(name) ? quoted : `NULL::${sqlType(type)} AS ${quoted}`
  })
  return `SELECT ${all.join(', ')} FROM (${rows})`
}

/** The definition's columns that the files may have. */
function definitionColumns(table: TableDefinition, ids: ScanFile['ids']): ReadColumn[] {
  return table.columns.flatMap((column) => {
    const id = ids ? ids.get(column.name) : column.id
    return id === undefined ? [] : [{ id, name: column.name, type: sqlType(column.type) }]
  })
}

/** SQL of these columns of the files' rows, less those that are deleted. */
export function readSql(columns: readonly ReadColumn[], files: readonly ScanFile[]): string {
  const plain = files.filter((file) => file.deletes.length === 0)
  const deleted = files.filter((file) => file.deletes.length > 0)
  const parts: string[] = []
  if (plain.length > 0) parts.push(`SELECT * FROM ${readParquet(columns, plain, '')}`)
  if (deleted.length > 0) parts.push(withDeletes(columns, deleted))
  return parts.join(' UNION ALL ')
}

function readParquet(columns: readonly ReadColumn[], files: readonly ScanFile[], options: string): string {
  const list = files.map((file) => quoteText(file.path)).join(', ')
  const fields = columns.map(
    ({ id, name, type }) => `${id}: {name: ${quoteText(name)}, type: ${quoteText(type)}, default_value: NULL}`,
  )
  return `read_parquet([${list}], schema = MAP {${fields.join(', ')}}${options})`
}

const NUMBERED = ', filename = true, file_row_number = true'

function withDeletes(columns: readonly ReadColumn[], files: readonly ScanFile[]): string {
  const list = columns.map(({ name }) => `s.${quoteIdentifier(name)}`).join(', ')
  const deletes = [...new Set(files.flatMap((file) => file.deletes))].map(quoteText).join(', ')
  return `SELECT ${list} FROM ${readParquet(columns, files, NUMBERED)} s
    ANTI JOIN (
      SELECT n.path, d.pos FROM read_parquet([${deletes}]) d JOIN ${namesOf(files)} ON d.file_path = n.name
    ) x ON x.path = s.filename AND x.pos = s.file_row_number`
}

function namesOf(files: readonly ScanFile[]): string {
  return `(VALUES ${files.map(({ path, name }) => `(${quoteText(path)}, ${quoteText(name)})`).join(', ')}) n(path, name)`
}

/** SQL of all rows of at least one file, deleted ones too, with their coordinates as position deletes give them. */
export function numberedScanSql(table: TableDefinition, files: readonly ScanFile[]): string {
  const columns = definitionColumns(table, files[0]?.ids)
  return `SELECT s.* EXCLUDE (filename, file_row_number), n.name AS ${FILE_PATH}, s.file_row_number AS ${FILE_ROW}
    FROM ${readParquet(columns, files, NUMBERED)} s JOIN ${namesOf(files)} ON n.path = s.filename`
}
