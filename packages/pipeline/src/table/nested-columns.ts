import { quoteIdentifier, quoteText, type Session } from '@assay/engine'
import type { IcebergType, NestedField } from '@assay/iceberg'
import { sqlTypeOf } from './iceberg-types.js'

/** A column of a Parquet file, with what is in it. */
interface FileColumn {
  readonly id: number | undefined
  readonly name: string
  /** SQL type; only of a column of the file itself. */
  readonly type?: string
  readonly children: readonly FileColumn[]
}

interface Element {
  readonly name: string
  readonly id: number | undefined
  readonly children: number
}

/** The columns of a file, by its footer. */
export async function fileColumns(session: Session, path: string): Promise<readonly FileColumn[]> {
  const footer = await session.rows(`SELECT name, field_id, num_children FROM parquet_schema(${quoteText(path)})`)
  const [root, ...elements] = footer.map(
    (row): Element => ({
      name: String(row.name),
      id: row.field_id === null ? undefined : Number(row.field_id),
      children: Number(row.num_children ?? 0),
    }),
  )
  let at = 0
  const take = (): FileColumn => {
    const element = elements[at++] as Element
    const children: FileColumn[] = []
    for (let i = 0; i < element.children; i++) children.push(take())
    return { name: element.name, id: element.id, children }
  }
  const columns: FileColumn[] = []
  for (let i = 0; i < (root?.children ?? 0); i++) columns.push(take())
  const types = await session.rows(`DESCRIBE SELECT * FROM read_parquet(${quoteText(path)})`)
  return columns.map((column, i) => ({ ...column, type: String(types[i]?.column_type) }))
}

/**
 * SQL that makes a value of the table's type out of one as it stands in a file. What is inside is found by field id:
 * names may have changed since the file was written, members come and gone.
 */
export function valueSql(sql: string, type: IcebergType, column: FileColumn, depth = 0): string {
  const name = sqlTypeOf(type) ?? 'BLOB'
  if (typeof type === 'string') return `CAST(${sql} AS ${name})`
  const x = `x${depth}`
  switch (type.kind) {
    case 'struct': {
      const members = type.fields.map((field) => memberSql(sql, field, column, depth + 1))
      return `CASE WHEN ${sql} IS NULL THEN NULL ELSE {${members.join(', ')}}::${name} END`
    }
    case 'list': {
      const element = valueSql(x, type.element, listElement(column), depth + 1)
      return `list_transform(${sql}, lambda ${x}: ${element})::${name}`
    }
    case 'map': {
      const [key, value] = column.children[0]?.children ?? []
      if (!key || !value) return `NULL::${name}`
      const entry = `{'k': ${valueSql(`${x}.key`, type.key, key, depth + 1)}, 'v': ${valueSql(`${x}.value`, type.value, value, depth + 1)}}`
      return `CASE WHEN ${sql} IS NULL THEN NULL ELSE map_from_entries(list_transform(map_entries(${sql}), lambda ${x}: ${entry}))::${name} END`
    }
  }
}

function memberSql(sql: string, field: NestedField, column: FileColumn, depth: number): string {
  const found = column.children.find(({ id }) => id === field.id)
  const value = found
    ? valueSql(`${sql}.${quoteIdentifier(found.name)}`, field.type, found, depth)
    : `NULL::${sqlTypeOf(field.type) ?? 'BLOB'}`
  return `${quoteText(field.name)}: ${value}`
}

/** Between a list and its element is a repeated group, except in files of some old writers. */
function listElement(column: FileColumn): FileColumn {
  const [repeated] = column.children
  if (!repeated) return column
  const [inner, ...others] = repeated.children
  return inner && others.length === 0 && repeated.id === undefined ? inner : repeated
}
