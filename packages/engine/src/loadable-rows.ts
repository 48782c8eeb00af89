import type { Column, ConstantColumn, ListColumn, NamedColumn, RowColumn, RowColumns } from '@assay/core'
import { quoteIdentifier } from './sql-text.js'

/** Columns of rows as sessions load them, and the SQL that makes the rows of what was loaded. */
interface LoadableRows {
  readonly columns: readonly NamedColumn[]
  readonly select: (source: string) => string
}

/** Lists travel as JSON, which is their only way into the engine; what is the same in every row is written out. */
export function loadableRows(columns: RowColumns, count: number): LoadableRows {
  const loaded = [...columns].map(([name, column]) => ({ name, column: loadableColumn(column, count) }))
  const selected = [...columns].map(([name, { type }]) => {
    const quoted = quoteIdentifier(name)
    return type === 'LIST' ? `from_json(${quoted}, '["VARCHAR"]') AS ${quoted}` : quoted
  })
  return { columns: loaded, select: (source) => `SELECT ${selected.join(', ')} FROM ${source}` }
}

function loadableColumn(column: RowColumn, count: number): Column {
  switch (column.type) {
    case 'CONSTANT':
      return repeated(column, count)
    case 'LIST':
      return jsonLists(column)
    default:
      return column
  }
}

function jsonLists({ codes, dictionary }: ListColumn): Column {
  return { type: 'DICTIONARY', codes, dictionary: dictionary.map((list) => JSON.stringify(list)) }
}

function repeated({ of, value }: ConstantColumn, count: number): Column {
  const nulls = value === null ? { nulls: new Uint8Array(count).fill(1) } : {}
  switch (of) {
    case 'VARCHAR':
      return value === null
        ? { type: 'DICTIONARY', codes: new Int32Array(count).fill(-1), dictionary: [] }
        : { type: 'DICTIONARY', codes: new Int32Array(count), dictionary: [String(value)] }
    case 'BIGINT':
    case 'TIMESTAMPTZ':
      return { type: of, data: new BigInt64Array(count).fill(BigInt(value ?? 0)), ...nulls }
    case 'INTEGER':
    case 'DATE':
      return { type: of, data: new Int32Array(count).fill(Number(value ?? 0)), ...nulls }
    case 'BOOLEAN':
      return { type: of, data: new Uint8Array(count).fill(value === true ? 1 : 0), ...nulls }
  }
}
