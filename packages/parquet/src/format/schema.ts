import { AssayError } from '@assay/core'
import type { CompactWriter } from './thrift.js'

/** Types of columns, by their SQL names; LIST is one of texts. */
export type ParquetType =
  | 'BOOLEAN'
  | 'INTEGER'
  | 'BIGINT'
  | 'DATE'
  | 'TIMESTAMPTZ'
  | 'DOUBLE'
  | 'VARCHAR'
  | 'BLOB'
  | 'UUID'
  | 'LIST'
  | { readonly decimal: { readonly precision: number; readonly scale: number } }

/** A column of the file. Every one is optional, as in the tables that the files belong to. */
export interface ColumnField {
  readonly name: string
  readonly id: number
  readonly type: ParquetType
  /** Field id of the elements of a LIST. */
  readonly elementId?: number
}

/** `Type` of parquet.thrift. */
const PHYSICAL = { boolean: 0, int32: 1, int64: 2, double: 5, bytes: 6, fixed: 7 } as const
/** `ConvertedType` of parquet.thrift. */
const CONVERTED = { text: 0, list: 3, decimal: 5, date: 6, timestampMicros: 10 } as const
/** Field ids of the union `LogicalType` of parquet.thrift. */
const LOGICAL = { text: 1, list: 3, decimal: 5, date: 6, timestamp: 8, uuid: 14 } as const
const REPETITION = { optional: 1, repeated: 2 } as const
const MICROS = 2

interface Physical {
  readonly type: number
  /** Bytes of a value of FIXED_LEN_BYTE_ARRAY. */
  readonly length?: number
}

/** The fewest bytes that hold every unscaled value of so many digits with its sign, as Iceberg asks for. */
function decimalBytes(precision: number): number {
  let bytes = 1
  for (const limit = 10n ** BigInt(precision); 1n << BigInt(8 * bytes - 1) < limit; ) bytes += 1
  return bytes
}

/** How the values of a column, or of a list's elements, are stored. */
export function physicalOf(type: ParquetType): Physical {
  if (typeof type === 'object') return { type: PHYSICAL.fixed, length: decimalBytes(type.decimal.precision) }
  switch (type) {
    case 'BOOLEAN':
      return { type: PHYSICAL.boolean }
    case 'INTEGER':
    case 'DATE':
      return { type: PHYSICAL.int32 }
    case 'BIGINT':
    case 'TIMESTAMPTZ':
      return { type: PHYSICAL.int64 }
    case 'DOUBLE':
      return { type: PHYSICAL.double }
    case 'UUID':
      return { type: PHYSICAL.fixed, length: 16 }
    case 'VARCHAR':
    case 'BLOB':
    case 'LIST':
      return { type: PHYSICAL.bytes }
  }
}

/** Path of the column's values: a list's are its elements. */
export function pathOf({ name, type }: ColumnField): readonly string[] {
  return type === 'LIST' ? [name, 'list', 'element'] : [name]
}

/** Field 2 of FileMetaData: the tree of elements, depth first. */
export function writeSchema(writer: CompactWriter, fields: readonly ColumnField[]): void {
  const root = (): void => {
    writer.text(4, 'table')
    writer.i32(5, fields.length)
  }
  writer.structs(2, [root, ...fields.flatMap((field) => elementsOf(writer, field))], (write) => write())
}

/**
 * Lists have the three levels of LogicalTypes.md of parquet-format. Both forms of annotation are written: some
 * readers look at the logical type alone, some older ones at the converted type.
 */
function elementsOf(writer: CompactWriter, field: ColumnField): (() => void)[] {
  if (field.type !== 'LIST') return [() => writeLeaf(writer, field)]
  const list = (): void => {
    writer.i32(3, REPETITION.optional)
    writer.text(4, field.name)
    writer.i32(5, 1)
    writer.i32(6, CONVERTED.list)
    writer.i32(9, field.id)
    writer.struct(10, () => writer.struct(LOGICAL.list, () => undefined))
  }
  const repeated = (): void => {
    writer.i32(3, REPETITION.repeated)
    writer.text(4, 'list')
    writer.i32(5, 1)
  }
  const element = { name: 'element', id: field.elementId as number, type: 'VARCHAR' } as const
  return [list, repeated, () => writeLeaf(writer, element)]
}

function writeLeaf(writer: CompactWriter, { name, id, type }: ColumnField): void {
  const physical = physicalOf(type)
  writer.i32(1, physical.type)
  if (physical.length !== undefined) writer.i32(2, physical.length)
  writer.i32(3, REPETITION.optional)
  writer.text(4, name)
  const converted = convertedOf(type)
  if (converted !== undefined) writer.i32(6, converted)
  if (typeof type === 'object') {
    writer.i32(7, type.decimal.scale)
    writer.i32(8, type.decimal.precision)
  }
  writer.i32(9, id)
  writeLogical(writer, type)
}

function convertedOf(type: ParquetType): number | undefined {
  if (typeof type === 'object') return CONVERTED.decimal
  if (type === 'VARCHAR') return CONVERTED.text
  if (type === 'DATE') return CONVERTED.date
  return type === 'TIMESTAMPTZ' ? CONVERTED.timestampMicros : undefined
}

function writeLogical(writer: CompactWriter, type: ParquetType): void {
  const nothing = (): void => undefined
  const logical = (id: number, write = nothing): void => writer.struct(10, () => writer.struct(id, write))
  if (typeof type === 'object') {
    logical(LOGICAL.decimal, () => {
      writer.i32(1, type.decimal.scale)
      writer.i32(2, type.decimal.precision)
    })
  } else if (type === 'TIMESTAMPTZ') {
    logical(LOGICAL.timestamp, () => {
      writer.bool(1, true)
      writer.struct(2, () => writer.struct(MICROS, nothing))
    })
  } else if (type === 'VARCHAR') logical(LOGICAL.text)
  else if (type === 'DATE') logical(LOGICAL.date)
  else if (type === 'UUID') logical(LOGICAL.uuid)
}

/** Throws `parquet_fields_invalid` where the fields can't be those of a file. */
export function assertFields(fields: readonly ColumnField[]): void {
  const names = new Set(fields.map(({ name }) => name))
  const ids = fields.flatMap(({ id, type, elementId }) => (type === 'LIST' ? [id, elementId] : [id]))
  const isId = (id: number | undefined): boolean => Number.isInteger(id) && Math.abs(id as number) < 2 ** 31
  if (fields.length === 0) throw fieldsInvalid('a file needs a column')
  if (names.size < fields.length || names.has('')) throw fieldsInvalid('every column needs a name of its own')
  if (!ids.every(isId) || new Set(ids).size < ids.length) {
    throw fieldsInvalid('every column, and the elements of every list, need an id of their own')
  }
  for (const { name, type } of fields) {
    if (typeof type !== 'object') continue
    const { precision, scale } = type.decimal
    const isRight = Number.isInteger(precision) && precision >= 28 && precision <= 38 && scale === 10
    if (!isRight) throw fieldsInvalid(`${name} can't be decimal(${precision}, ${scale}): columns have decimal(28, 10)`)
  }
}

function fieldsInvalid(what: string): AssayError {
  return new AssayError('parquet_fields_invalid', what, { hint: "give the fields of the table's present schema" })
}
