import type { RowColumn, RowColumns } from '@assay/core'

/** The column of that name. Throws where a caller left it out. */
export function columnNamed(columns: RowColumns, name: string): RowColumn {
  const column = columns.get(name)
  if (!column) throw new RangeError(`the judged rows have no column ${name}`)
  return column
}

/** What columns of fixed width hold their values in. */
interface FixedData {
  readonly BIGINT: BigInt64Array
  readonly INTEGER: Int32Array
  readonly UTINYINT: Uint8Array
  readonly DECIMAL: Uint8Array
}

interface FixedColumn<Type extends keyof FixedData> {
  readonly data: FixedData[Type]
  readonly nulls?: Uint8Array
}

/** The column of that name and type. Throws where it is another's. */
export function fixedColumn<Type extends keyof FixedData>(
  columns: RowColumns,
  name: string,
  type: Type,
): FixedColumn<Type> {
  const column = columnNamed(columns, name)
  if (column.type !== type) throw new RangeError(`column ${name} is a ${column.type}, not a ${type}`)
  return column as unknown as FixedColumn<Type>
}

/** A text of a row; null for none. */
export function textAt(column: RowColumn, row: number): string | null {
  switch (column.type) {
    case 'CONSTANT':
      return column.value === null ? null : String(column.value)
    case 'DICTIONARY':
      return column.dictionary[column.codes[row] as number] ?? null
    case 'VARCHAR': {
      if (column.nulls?.[row] === 1) return null
      const { buffer, byteOffset } = column.source
      const start = column.starts[row] as number
      return Buffer.from(buffer, byteOffset + start, (column.ends[row] as number) - start).toString()
    }
    default:
      throw new RangeError(`a ${column.type} column holds no texts`)
  }
}

/** A whole number of a row as decimal text; null for none. */
export function wholeAt(column: RowColumn, row: number): string | null {
  if (column.type !== 'BIGINT' && column.type !== 'INTEGER')
    throw new RangeError(`a ${column.type} column holds no whole numbers`)
  return column.nulls?.[row] === 1 ? null : String(column.data[row])
}

/** A DECIMAL(28,10) of a row as the engine casts it to text: all ten decimals; null for none. */
export function decimalAt(column: RowColumn, row: number): string | null {
  if (column.type !== 'DECIMAL') throw new RangeError(`a ${column.type} column holds no decimals`)
  if (column.nulls?.[row] === 1) return null
  const view = new DataView(column.data.buffer, column.data.byteOffset + 16 * row, 16)
  const unscaled = (view.getBigInt64(8, true) << 64n) | view.getBigUint64(0, true)
  const digits = String(unscaled < 0n ? -unscaled : unscaled).padStart(11, '0')
  return `${unscaled < 0n ? '-' : ''}${digits.slice(0, -10)}.${digits.slice(-10)}`
}
