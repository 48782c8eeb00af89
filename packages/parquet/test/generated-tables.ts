import type { RowColumn, RowColumns } from '@assay/core'
import type { ColumnField, ParquetType } from '../src/format/schema.js'

/**
 * A value as every reader can name it: integers, days, µs and unscaled decimals in decimal digits, doubles as the bits
 * of their memory, bytes and UUIDs in hexadecimal, texts as they are, lists of texts as arrays.
 */
export type Named = string | null | readonly (string | null)[]

export interface GeneratedTable {
  readonly fields: readonly ColumnField[]
  readonly parts: readonly { readonly columns: RowColumns; readonly rows: Uint32Array }[]
  readonly rowGroupRows: number
  /** The values of each field, row by row. */
  readonly values: readonly (readonly Named[])[]
}

interface GeneratedColumn {
  readonly column: RowColumn
  readonly values: readonly Named[]
}

/** Whole numbers in [0, below), the same for the same seed (mulberry32). */
export function numbersFrom(seed: number): (below: number) => number {
  let state = seed >>> 0
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = Math.imul(state ^ (state >>> 15), state | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return Math.floor((((t ^ (t >>> 14)) >>> 0) / 2 ** 32) * below)
  }
}

const TYPES: readonly ParquetType[] = [
  ...(['BOOLEAN', 'INTEGER', 'BIGINT', 'DATE', 'TIMESTAMPTZ', 'DOUBLE', 'VARCHAR', 'BLOB', 'UUID', 'LIST'] as const),
  ...[28, 29, 33, 38].map((precision) => ({ decimal: { precision, scale: 10 } })),
]

type Numbers = ReturnType<typeof numbersFrom>

/** A column of each type and some more, in parts that name rows in any order; of every pattern of nulls and values. */
export function generatedTable(seed: number): GeneratedTable {
  const number = numbersFrom(seed)
  const extra = Array.from({ length: number(8) }, () => TYPES[number(TYPES.length)] as ParquetType)
  const fields = [...TYPES, ...extra].map((type, i) => ({
    name: `c${i}`,
    id: i + 1,
    type,
    ...(type === 'LIST' && { elementId: 100 + i }),
  }))
  const values: Named[][] = fields.map(() => [])
  const most = pick(number, [1, 2, 9, 60, 700])
  const parts = Array.from({ length: 1 + number(4) }, () => {
    const count = number(most + 1)
    const rows = rowsOf(number, count)
    const columns = fields.map(({ type }) => generatedColumn(number, type, count))
    columns.forEach((column, i) => {
      for (const row of rows) values[i]?.push(column.values[row] as Named)
    })
    return { columns: new Map(fields.map(({ name }, i) => [name, (columns[i] as GeneratedColumn).column])), rows }
  })
  return { fields, parts, values, rowGroupRows: pick(number, [1, 7, 50, 300, 30_720]) }
}

/** All in order, some of them, or any with repetitions. */
function rowsOf(number: Numbers, count: number): Uint32Array {
  const kind = number(3)
  const all = Uint32Array.from({ length: count }, (_, i) => i)
  if (kind === 0) return all
  return kind === 1 ? all.filter(() => number(3) > 0) : all.map(() => number(count))
}

function generatedColumn(number: Numbers, type: ParquetType, count: number): GeneratedColumn {
  const share = pick(number, [0, 0, 0.05, 0.5, 0.95, 1])
  const isNull = Array.from({ length: count }, () => number(1000) < share * 1000)
  if (type === 'LIST') return listColumn(number, isNull)
  if (number(4) === 0) {
    const constant = constantColumn(number, type, count)
    if (constant) return constant
  }
  if (type === 'VARCHAR' && number(2) === 0) return dictionaryColumn(number, isNull)
  return type === 'VARCHAR' || type === 'BLOB' ? spanColumn(number, type, isNull) : fixedColumn(number, type, isNull)
}

function listColumn(number: Numbers, isNull: readonly boolean[]): GeneratedColumn {
  const dictionary = Array.from({ length: 1 + number(6) }, () => {
    const length = pick(number, [0, 0, 1, 1, 2, 5, 40])
    return Array.from({ length }, () => (number(8) === 0 ? null : text(number)))
  })
  const codes = Int32Array.from(isNull, (one) => (one ? -1 : number(dictionary.length)))
  return { column: { type: 'LIST', codes, dictionary }, values: Array.from(codes, (code) => dictionary[code] ?? null) }
}

function dictionaryColumn(number: Numbers, isNull: readonly boolean[]): GeneratedColumn {
  const dictionary = Array.from({ length: pick(number, [1, 2, 3, 20, 300]) }, () => text(number))
  const isRun = number(2) === 0
  let code = 0
  const codes = Int32Array.from(isNull, (one) => {
    if (!isRun || number(20) === 0) code = number(dictionary.length)
    return one ? -1 : code
  })
  return {
    column: { type: 'DICTIONARY', codes, dictionary },
    values: Array.from(codes, (one) => dictionary[one] ?? null),
  }
}

function spanColumn(number: Numbers, type: 'VARCHAR' | 'BLOB', isNull: readonly boolean[]): GeneratedColumn {
  const parts = isNull.map(() => {
    if (type === 'VARCHAR') return Buffer.from(text(number))
    return Buffer.from(Array.from({ length: pick(number, [0, 1, 5, 63, 400]) }, () => number(256)))
  })
  const source = Buffer.concat(parts)
  const ends = new Uint32Array(parts.length)
  const starts = ends.slice()
  let at = 0
  parts.forEach((part, i) => {
    // What a null row's span says is never looked at.
    starts[i] = isNull[i] ? 2 ** 32 - 1 : at
    at += part.length
    ends[i] = at
  })
  const values = parts.map((part, i) => (isNull[i] ? null : part.toString(type === 'VARCHAR' ? 'utf8' : 'hex')))
  const column = { type, source, starts, ends, nulls: nullsOf(isNull) }
  return { column, values }
}

function fixedColumn(number: Numbers, type: ParquetType, isNull: readonly boolean[]): GeneratedColumn {
  const nulls = isNull.includes(true) || number(2) === 0 ? { nulls: nullsOf(isNull) } : {}
  const named = (values: readonly Named[]): Named[] => values.map((value, i) => (isNull[i] ? null : value))
  if (typeof type === 'object') return decimalColumn(number, isNull)
  switch (type) {
    case 'BOOLEAN': {
      const data = Uint8Array.from(isNull, () => number(2))
      return { column: { type, data, ...nulls }, values: named(Array.from(data, (one) => String(one === 1))) }
    }
    case 'INTEGER':
    case 'DATE': {
      const data = Int32Array.from(isNull, () => (type === 'DATE' ? number(60_000) - 20_000 : int32(number)))
      return { column: { type, data, ...nulls }, values: named(Array.from(data, String)) }
    }
    case 'BIGINT': {
      if (number(4) === 0) {
        const data = Int32Array.from(isNull, () => int32(number))
        return { column: { type: 'INTEGER', data, ...nulls }, values: named(Array.from(data, String)) }
      }
      const data = BigInt64Array.from(isNull, () => int64(number))
      return { column: { type, data, ...nulls }, values: named(Array.from(data, String)) }
    }
    case 'TIMESTAMPTZ': {
      // Years 1 to 9999: what all readers have a calendar for.
      const data = BigInt64Array.from(isNull, () => int64(number) % 62_000_000_000_000_000n)
      return { column: { type, data, ...nulls }, values: named(Array.from(data, String)) }
    }
    case 'DOUBLE': {
      const data = Float64Array.from(isNull, () => double(number))
      const bits = new BigInt64Array(data.buffer)
      return { column: { type, data, ...nulls }, values: named(Array.from(bits, String)) }
    }
    default: {
      const data = Uint8Array.from({ length: isNull.length * 16 }, () => number(256))
      const hex = isNull.map((_, i) => Buffer.from(data.subarray(i * 16, i * 16 + 16)).toString('hex'))
      return { column: { type: 'UUID', data, ...nulls }, values: named(hex) }
    }
  }
}

function decimalColumn(number: Numbers, isNull: readonly boolean[]): GeneratedColumn {
  // One byte too many in front: columns of bytes may begin anywhere in their buffer.
  const data = new Uint8Array(isNull.length * 16 + 1).subarray(1)
  const view = new DataView(data.buffer, 1)
  const values = isNull.map((one, i) => {
    const unscaled = decimal(number)
    view.setBigInt64(i * 16, BigInt.asIntN(64, unscaled), true)
    view.setBigInt64(i * 16 + 8, unscaled >> 64n, true)
    return one ? null : String(unscaled)
  })
  return { column: { type: 'DECIMAL', data, nulls: nullsOf(isNull) }, values }
}

function constantColumn(number: Numbers, type: ParquetType, count: number): GeneratedColumn | undefined {
  const all = (column: RowColumn, value: Named): GeneratedColumn => ({
    column,
    values: new Array<Named>(count).fill(value),
  })
  if (number(5) === 0) return all({ type: 'CONSTANT', of: 'VARCHAR', value: null }, null)
  switch (type) {
    case 'VARCHAR': {
      const value = text(number)
      return all({ type: 'CONSTANT', of: type, value }, value)
    }
    case 'BOOLEAN':
      return all({ type: 'CONSTANT', of: type, value: true }, 'true')
    case 'INTEGER':
    case 'DATE': {
      const value = type === 'DATE' ? number(60_000) - 20_000 : int32(number)
      return all({ type: 'CONSTANT', of: type, value }, String(value))
    }
    case 'BIGINT':
    case 'TIMESTAMPTZ': {
      const value = int64(number) % 62_000_000_000_000_000n
      return all({ type: 'CONSTANT', of: type, value }, String(value))
    }
    default:
      return undefined
  }
}

function nullsOf(isNull: readonly boolean[]): Uint8Array {
  return Uint8Array.from(isNull, (one) => (one ? 1 : 0))
}

function int32(number: Numbers): number {
  return pick(number, [0, 1, -1, 2 ** 31 - 1, -(2 ** 31), number(1000), number(2 ** 32) - 2 ** 31])
}

function int64(number: Numbers): bigint {
  const any = BigInt.asIntN(64, (BigInt(number(2 ** 32)) << 32n) | BigInt(number(2 ** 32)))
  return pick(number, [0n, -1n, 2n ** 63n - 1n, -(2n ** 63n), BigInt(number(1000)), 2n ** 32n, -(2n ** 32n), any])
}

function decimal(number: Numbers): bigint {
  const any = BigInt(number(2 ** 32)) * BigInt(number(2 ** 32)) * BigInt(number(2 ** 26))
  const value = pick(number, [0n, 1n, 10n ** 28n - 1n, 2n ** 32n, 2n ** 64n, 2n ** 64n - 1n, BigInt(number(9)), any])
  return number(2) === 0 ? value : -value
}

function double(number: Numbers): number {
  const any = (number(2 ** 32) - 2 ** 31) / (1 + number(1000))
  return pick(number, [0, -0, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, Number.MAX_VALUE, 5e-324, any])
}

const ALPHABET = ['a', 'b', 'Z', '0', ' ', '"', '\\', 'é', 'ÿ', '‰', '語', '\ufffd', '\uffff', '😀', '\u{10ffff}']

function text(number: Numbers): string {
  const length = pick(number, [0, 1, 1, 3, 3, 8, 20, 130, 241])
  const isPlain = number(2) === 0
  return Array.from({ length }, () => ALPHABET[number(isPlain ? 5 : ALPHABET.length)]).join('')
}

function pick<T>(number: Numbers, values: readonly T[]): T {
  return values[number(values.length)] as T
}

/** Values to filter by: the least, the greatest and another one, where the type has an order that readers share. */
export function probesOf({ type }: ColumnField, values: readonly Named[]): string[] {
  const found = values.filter((value): value is string => typeof value === 'string')
  if (['DOUBLE', 'BLOB', 'UUID', 'LIST'].includes(type as string)) return []
  const isBefore = (a: string, b: string): boolean =>
    type === 'VARCHAR' || type === 'BOOLEAN'
      ? Buffer.compare(Buffer.from(a), Buffer.from(b)) < 0
      : BigInt(a) < BigInt(b)
  const sorted = found.sort((a, b) => (isBefore(a, b) ? -1 : isBefore(b, a) ? 1 : 0))
  return [...new Set([sorted[0], sorted[sorted.length >> 1], sorted.at(-1)])].filter((one) => one !== undefined)
}
