import { AssayError } from '@assay/core'
import { type ParquetField, quoteIdentifier, quoteText, type Session } from '@assay/engine'
import {
  currentSchema,
  type NestedField,
  type PlannedFile,
  type TableMatch,
  type TableMetadata,
  typeText,
} from '@assay/iceberg'
import type { TableDefinition } from './definition.js'
import { partitionValue, partitionValues } from './file-statistics.js'
import { hasStruct, parquetField, sqlTypeOf } from './iceberg-types.js'
import { fileColumns, valueSql } from './nested-columns.js'
import type { PartitionValue } from './row-source.js'
import { type ReadColumn, readSql, type ScanFile } from './scan.js'

/** A table as rows are copied from it or to it: its current columns, and which of them its definition knows. */
export interface CopyEnd {
  readonly name: string
  readonly metadata: TableMetadata
  readonly match: TableMatch
}

/** Rows of files with everything that the table's current schema has of them. */
interface WholeRows {
  /** The definition's columns under their names, others under names that no condition can mean. */
  readonly sql: string
  /** Columns that the definition lacks: the table's field, and its name here. */
  readonly others: readonly { readonly field: NestedField; readonly name: string }[]
}

/** Throws `column_not_rewritable` for a column that the engine can't write as it is. */
export async function wholeRows(session: Session, end: CopyEnd, files: readonly ScanFile[]): Promise<WholeRows> {
  refuseUnwritable(end)
  const { match, metadata } = end
  const own = new Set([...match.fields.values()].map(({ id }) => id))
  const columns = currentSchema(metadata).fields.map((field) => ({
    field,
    name: own.has(field.id) ? field.name : `assay$${field.id}`,
  }))
  const others = columns.filter(({ field }) => !own.has(field.id))
  if (!columns.some(({ field }) => hasStruct(field.type)))
    return { sql: readSql(columns.map(plainColumn), files), others }
  const parts: string[] = []
  for (const file of files) parts.push(await nestedRows(session, columns, file))
  return { sql: parts.join(' UNION ALL '), others }
}

function plainColumn({ field, name }: WholeRows['others'][number]): ReadColumn {
  return { id: field.id, name, type: sqlTypeOf(field.type) ?? 'BLOB' }
}

/** What is within a struct is found by id in the file's own footer: the engine would go by names. */
async function nestedRows(session: Session, columns: WholeRows['others'], file: ScanFile): Promise<string> {
  const inFile = new Map((await fileColumns(session, file.path)).map((column) => [column.id, column]))
  const read: ReadColumn[] = []
  const selected = columns.map(({ field, name }) => {
    const quoted = quoteIdentifier(name)
    const found = inFile.get(field.id)
    if (!found) return `NULL::${sqlTypeOf(field.type)} AS ${quoted}`
    if (!hasStruct(field.type)) {
      read.push(plainColumn({ field, name }))
      return quoted
    }
    read.push({ id: field.id, name, type: found.type ?? 'BLOB' })
    return `${valueSql(quoted, field.type, found)} AS ${quoted}`
  })
  return `SELECT ${selected.join(', ')} FROM (${readSql(read, [file])})`
}

function refuseUnwritable({ name, metadata }: CopyEnd): void {
  const column = unwritableColumn(metadata)
  if (!column) return
  throw new AssayError('column_not_rewritable', `${name} has column ${column.name} of type ${typeText(column.type)}`, {
    hint: `Assay's engine can't write that type, so rows with it are not rewritten; move its values to a column of type binary and drop ${column.name}`,
  })
}

/** The first column that the engine can't write as it is. */
export function unwritableColumn(metadata: TableMetadata): NestedField | undefined {
  return currentSchema(metadata).fields.find(({ type }) => sqlTypeOf(type) === undefined)
}

/** Columns to write: SQL over `WholeRows`, and the fields that they become. */
interface WrittenColumns {
  readonly select: string
  readonly fields: readonly ParquetField[]
}

/** The rows for a table's files. `also` gives SQL of columns that the rows lack. */
export function copiedColumns(
  rows: WholeRows,
  source: CopyEnd,
  target: CopyEnd,
  also: Readonly<Record<string, string>>,
): WrittenColumns {
  const taken = new Set([...target.match.fields.keys()].map((name) => name.toLowerCase()))
  const fields: ParquetField[] = []
  const selected: string[] = []
  const add = (sql: string, field: NestedField, name: string): void => {
    selected.push(`CAST(${sql} AS ${sqlTypeOf(field.type)}) AS ${quoteIdentifier(name)}`)
    fields.push({ ...parquetField(field), name })
  }
  for (const field of currentSchema(target.metadata).fields) {
    if (target.match.fields.has(field.name)) {
      const sql = source.match.fields.has(field.name) ? quoteIdentifier(field.name) : also[field.name]
      if (sql !== undefined) add(sql, field, field.name)
      continue
    }
    const other = rows.others.find((one) => one.field.name === field.name)
    if (!other) continue
    // Readers go by ids, and a file's names must differ by more than case.
    const name = taken.has(field.name.toLowerCase()) ? `${field.name}_${field.id}` : field.name
    taken.add(name.toLowerCase())
    add(quoteIdentifier(other.name), field, name)
  }
  return { select: selected.join(', '), fields }
}

/** Rows that share the values of the partition columns, and the SQL condition on them. */
interface RowPartition {
  readonly values: Readonly<Record<string, PartitionValue>>
  readonly condition: string
}

/** The definition's partitions that the rows (a query of rows of the files, which share a partition) lie in. */
export async function partitionsOfRows(
  session: Session,
  definition: TableDefinition,
  from: CopyEnd,
  files: readonly PlannedFile[],
  rows: string,
): Promise<readonly RowPartition[]> {
  const { partitionBy } = definition
  const told = files.map(({ file }) => partitionValues(definition, from.match, from.metadata, file))
  const [values] = told
  if (values && told.every((one) => JSON.stringify(one) === JSON.stringify(values)))
    return [{ values, condition: 'true' }]
  const found = await session.rows(`SELECT DISTINCT ${partitionBy.map(quoteIdentifier).join(', ')} FROM (${rows})`)
  return found.map((row) => {
    const named = partitionBy.map((name) => {
      const type = from.match.fields.get(name)?.type
      return { name, type, value: partitionValue(type, row[name]) }
    })
    return {
      values: Object.fromEntries(named.map(({ name, value }) => [name, value])),
      condition: named.map(({ name, type, value }) => equals(name, type, value)).join(' AND '),
    }
  })
}

function equals(name: string, type: unknown, value: PartitionValue): string {
  if (value === null) return `${quoteIdentifier(name)} IS NULL`
  if (type === 'date') return `${quoteIdentifier(name)} = DATE ${quoteText(String(value))}`
  return `${quoteIdentifier(name)} = ${typeof value === 'number' ? value : quoteText(value)}`
}
