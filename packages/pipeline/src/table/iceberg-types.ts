import { type ParquetField, quoteIdentifier } from '@assay/engine'
import type { IcebergType, NestedField } from '@assay/iceberg'
import type { ColumnField, ParquetType } from '@assay/parquet'

const SQL_TYPES: Readonly<Record<string, string>> = {
  boolean: 'BOOLEAN',
  int: 'INTEGER',
  long: 'BIGINT',
  float: 'FLOAT',
  double: 'DOUBLE',
  date: 'DATE',
  time: 'TIME',
  timestamp: 'TIMESTAMP',
  timestamptz: 'TIMESTAMPTZ',
  string: 'VARCHAR',
  uuid: 'UUID',
  binary: 'BLOB',
}

/** DuckDB's name of any type that a table may have; undefined for one that it can't write as it is (`fixed`). */
export function sqlTypeOf(type: IcebergType): string | undefined {
  if (typeof type === 'string') {
    return (
      SQL_TYPES[type] ?? (type.startsWith('decimal') ? type.replace('decimal', 'DECIMAL').replace(' ', '') : undefined)
    )
  }
  switch (type.kind) {
    case 'struct': {
      const fields = type.fields.map(({ name, type: of }) => within(`${quoteIdentifier(name)} `, sqlTypeOf(of), ''))
      return fields.includes(undefined) ? undefined : `STRUCT(${fields.join(', ')})`
    }
    case 'list':
      return within('', sqlTypeOf(type.element), '[]')
    case 'map': {
      const [key, value] = [sqlTypeOf(type.key), sqlTypeOf(type.value)]
      return key === undefined || value === undefined ? undefined : `MAP(${key}, ${value})`
    }
  }
}

function within(before: string, type: string | undefined, after: string): string | undefined {
  return type === undefined ? undefined : `${before}${type}${after}`
}

/** A column as the engine writes it to a file, under the table's ids. */
export function parquetField({ id, name, type }: Pick<NestedField, 'id' | 'name' | 'type'>): ParquetField {
  const children = childrenOf(type)
  return { id, name, type: sqlTypeOf(type) ?? 'BLOB', ...(children && { children: children.map(parquetField) }) }
}

function childrenOf(type: IcebergType): readonly Pick<NestedField, 'id' | 'name' | 'type'>[] | undefined {
  if (typeof type === 'string') return undefined
  switch (type.kind) {
    case 'struct':
      return type.fields
    case 'list':
      return [{ id: type.elementId, name: 'element', type: type.element }]
    case 'map':
      return [
        { id: type.keyId, name: 'key', type: type.key },
        { id: type.valueId, name: 'value', type: type.value },
      ]
  }
}

const ENCODED_TYPES: Readonly<Record<string, ParquetType>> = {
  boolean: 'BOOLEAN',
  int: 'INTEGER',
  long: 'BIGINT',
  double: 'DOUBLE',
  date: 'DATE',
  timestamptz: 'TIMESTAMPTZ',
  string: 'VARCHAR',
  uuid: 'UUID',
  binary: 'BLOB',
}

/** A column as our own encoder writes it, of the types that definitions have, or that they widen to. */
export function encodedField({ id, name, type }: Pick<NestedField, 'id' | 'name' | 'type'>): ColumnField {
  if (typeof type === 'object' && type.kind === 'list' && type.element === 'string') {
    return { name, id, type: 'LIST', elementId: type.elementId }
  }
  const decimal = typeof type === 'string' ? /^decimal\((\d+), ?(\d+)\)$/.exec(type) : undefined
  if (decimal) return { name, id, type: { decimal: { precision: Number(decimal[1]), scale: Number(decimal[2]) } } }
  const encoded = typeof type === 'string' ? ENCODED_TYPES[type] : undefined
  if (!encoded) throw new RangeError(`no definition has a column like ${name}`)
  return { name, id, type: encoded }
}

/** Whether names inside the type may differ from file to file, so that only their ids tell what is what. */
export function hasStruct(type: IcebergType): boolean {
  if (typeof type === 'string') return false
  return (
    type.kind === 'struct' ||
    (type.kind === 'list' ? hasStruct(type.element) : hasStruct(type.value) || hasStruct(type.key))
  )
}
