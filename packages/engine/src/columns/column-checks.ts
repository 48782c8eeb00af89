import type { Column, NamedColumn } from '@assay/core'
import { badColumn } from './string-vector.js'

const COLUMNS_MAX = 256
const NAME = /^[a-z_][a-z0-9_]{0,62}$/

/** Throws `bad_column` unless the columns can make a table of `count` rows: native code trusts their sizes. */
export function assertColumns(columns: readonly NamedColumn[], count: number): void {
  if (columns.length === 0 || columns.length > COLUMNS_MAX) {
    throw badColumn(`a table has 1 to ${COLUMNS_MAX} columns, not ${columns.length}`)
  }
  if (!Number.isSafeInteger(count) || count < 0) throw badColumn(`a table can't have ${count} rows`)
  for (const { name, column } of columns) {
    if (!NAME.test(name)) throw badColumn(`"${name}" is not a name in snake_case`)
    const rows = rowsOf(column)
    if (rows < count) throw badColumn(`column ${name} holds ${rows} rows of ${count}`)
    if ('nulls' in column && column.nulls && column.nulls.length < count) {
      throw badColumn(`column ${name} tells for ${column.nulls.length} of ${count} rows whether they are null`)
    }
  }
}

function rowsOf(column: Column): number {
  switch (column.type) {
    case 'DICTIONARY':
      return column.codes.length
    case 'VARCHAR':
    case 'BLOB':
      return Math.min(column.starts.length, column.ends.length)
    case 'DECIMAL':
    case 'UUID':
      return Math.floor(column.data.length / 16)
    default:
      return column.data.length
  }
}
