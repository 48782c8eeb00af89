import { AssayError, type Column, type ConstantColumn, type RowColumn } from '@assay/core'
import type { ColumnField, ParquetType } from '../format/schema.js'
import { spansSource, textSource } from '../values/byte-arrays.js'
import { type ColumnSource, Entries, Lists, type ValuesSource } from './sources.js'

type Fixed = Exclude<Column, { readonly source: Uint8Array } | { readonly type: 'DICTIONARY' }>

/** Columns that a field takes: its own type, and the narrower ones that widen without loss. */
const TAKEN: Record<Exclude<ParquetType, object> | 'DECIMAL', readonly string[]> = {
  BOOLEAN: ['BOOLEAN'],
  INTEGER: ['INTEGER'],
  BIGINT: ['BIGINT', 'INTEGER'],
  DATE: ['DATE'],
  TIMESTAMPTZ: ['TIMESTAMPTZ'],
  DOUBLE: ['DOUBLE'],
  VARCHAR: ['VARCHAR', 'DICTIONARY'],
  BLOB: ['BLOB'],
  UUID: ['UUID'],
  LIST: ['LIST'],
  DECIMAL: ['DECIMAL'],
}
/** Bytes of a value that lies in memory at a fixed width. */
const WIDTH: Record<Fixed['type'], number> = {
  BOOLEAN: 1,
  UTINYINT: 1,
  INTEGER: 4,
  DATE: 4,
  BIGINT: 8,
  TIMESTAMPTZ: 8,
  DOUBLE: 8,
  DECIMAL: 16,
  UUID: 16,
}

/**
 * The column as the field's writer takes it; what its rows say is looked at when they are measured. Throws `parquet_rows_invalid` where the two don't fit, or the column has
 * fewer rows than `rows`.
 */
export function sourceOf(field: ColumnField, column: RowColumn, rows: number): ColumnSource {
  const type = column.type === 'CONSTANT' ? column.of : column.type
  const taken = TAKEN[typeof field.type === 'object' ? 'DECIMAL' : field.type]
  const isNull = column.type === 'CONSTANT' && column.value === null
  if (!isNull && !taken.includes(type)) throw rowsInvalid(field, `takes ${taken.join(' or ')}, not ${type}`)
  switch (column.type) {
    case 'CONSTANT':
      if (field.type === 'LIST') return { kind: 'lists', codes: new Int32Array(rows).fill(-1), lists: new Lists([]) }
      return constantSource(field, column)
    case 'DICTIONARY':
      assertRows(field, column.codes.length, rows)
      return { kind: 'codes', codes: column.codes, entries: new Entries(column.dictionary) }
    case 'LIST':
      assertRows(field, column.codes.length, rows)
      return { kind: 'lists', codes: column.codes, lists: new Lists(column.dictionary) }
    case 'VARCHAR':
    case 'BLOB': {
      const { source, starts, ends, nulls } = column
      assertRows(field, Math.min(starts.length, ends.length, nulls?.length ?? rows), rows)
      const spans = spansSource(source, starts, ends)
      return { kind: 'rows', values: spans, spans, nulls }
    }
    default: {
      const { data, nulls } = column
      assertRows(field, Math.min(Math.floor(data.byteLength / WIDTH[column.type]), nulls?.length ?? rows), rows)
      return { kind: 'rows', values: fixedSource(field, column), spans: undefined, nulls }
    }
  }
}

function fixedSource(field: ColumnField, { type, data }: Fixed): ValuesSource {
  if (type === 'BOOLEAN' || type === 'UTINYINT') return { bytes: data as Uint8Array }
  const isNarrow = type === 'INTEGER' && field.type === 'BIGINT'
  // Values of 16 bytes are plain bytes, which may begin anywhere in their buffer.
  const aligned = data.byteOffset % 4 === 0 ? data : (data as Uint8Array).slice()
  return { words: new Int32Array(aligned.buffer, aligned.byteOffset, aligned.byteLength >> 2), isNarrow }
}

function constantSource(field: ColumnField, { of, value }: ConstantColumn): ColumnSource {
  if (value === null) return { kind: 'constant', key: null, values: undefined, size: 0 }
  const wanted = constantValues(field, of, value)
  if (!wanted) throw rowsInvalid(field, `has the constant ${String(value)}, which is no ${of}`)
  return { kind: 'constant', key: value, ...wanted }
}

function constantValues(
  field: ColumnField,
  of: ConstantColumn['of'],
  value: bigint | number | boolean | string,
): { readonly values: ValuesSource; readonly size: number } | undefined {
  switch (of) {
    case 'VARCHAR': {
      if (typeof value !== 'string') return undefined
      const values = textSource(value)
      return { values, size: values.bytes.length }
    }
    case 'BOOLEAN':
      return typeof value === 'boolean' ? { values: { bytes: Uint8Array.of(value ? 1 : 0) }, size: 1 } : undefined
    case 'INTEGER':
    case 'DATE': {
      if (typeof value !== 'number' || (value | 0) !== value) return undefined
      const isNarrow = field.type === 'BIGINT'
      return { values: { words: Int32Array.of(value), isNarrow }, size: isNarrow ? 8 : 4 }
    }
    case 'BIGINT':
    case 'TIMESTAMPTZ':
      if (typeof value !== 'bigint' || BigInt.asIntN(64, value) !== value) return undefined
      return { values: { words: new Int32Array(BigInt64Array.of(value).buffer) }, size: 8 }
  }
}

function assertRows(field: ColumnField, found: number, wanted: number): void {
  if (found < wanted) throw rowsInvalid(field, `has ${found} rows, and row ${wanted - 1} is wanted`)
}

function rowsInvalid(field: ColumnField, what: string): AssayError {
  return new AssayError('parquet_rows_invalid', `the column ${field.name} ${what}`, {
    hint: 'check the column where it is made, and the fields that it is written for',
  })
}
