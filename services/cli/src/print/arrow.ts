import type { QueryResult } from '@assay/query'
import {
  binary,
  bool,
  Column,
  columnFromArray,
  type DataType,
  dateDay,
  decimal,
  float32,
  float64,
  int32,
  int64,
  list,
  TimeUnit,
  tableFromColumns,
  tableToIPC,
  timestamp,
  utf8,
} from '@uwdata/flechette'
import { textValue } from './result.js'

const DAY_MS = 86_400_000
const SMALL_INTEGERS = new Set(['TINYINT', 'SMALLINT', 'INTEGER', 'UTINYINT', 'USMALLINT'])
const HUGEINT_DIGITS = 38

/** A result as an Arrow IPC stream; decimals and times are exact. Types that Arrow lacks become text. */
export function resultArrow({ columns, rows }: QueryResult): Uint8Array {
  const made = columns.map(({ name, type }, i): [string, Column<unknown>] => [
    name,
    arrowColumn(
      type,
      rows.map((row) => row[i] ?? null),
    ),
  ])
  const bytes = tableToIPC(tableFromColumns(made), { format: 'stream' })
  if (!bytes) throw new RangeError('the Arrow encoder gave no bytes')
  return bytes
}

function arrowColumn(type: string, values: readonly unknown[]): Column<unknown> {
  if (type === 'BIGINT') return columnFromArray([...values], int64())
  if (type === 'TIMESTAMP' || type === 'TIMESTAMP WITH TIME ZONE') {
    // The encoder takes times as doubles of milliseconds; as 64-bit integers under this type they stay exact.
    const zone = type === 'TIMESTAMP' ? null : 'UTC'
    return new Column(
      [...columnFromArray([...values], int64()).data],
      timestamp(TimeUnit.MICROSECOND, zone) as DataType,
    )
  }
  const digits = /^DECIMAL\((\d+),(\d+)\)$/.exec(type)
  if (digits) return columnFromArray(values.map(unscaled), decimal(Number(digits[1]), Number(digits[2]), 128))
  if (type === 'HUGEINT') return columnFromArray([...values], decimal(HUGEINT_DIGITS, 0, 128))
  if (type === 'DATE') return columnFromArray(values.map(dateMs), dateDay())
  if (SMALL_INTEGERS.has(type)) return columnFromArray([...values], int32())
  if (type === 'DOUBLE') return columnFromArray([...values], float64())
  if (type === 'FLOAT') return columnFromArray([...values], float32())
  if (type === 'BOOLEAN') return columnFromArray([...values], bool())
  if (type === 'BLOB') return columnFromArray([...values], binary())
  if (type === 'VARCHAR[]') return columnFromArray([...values], list(utf8()))
  const texts = values.map((value) => (value === null ? null : (textValue(value, type) ?? null)))
  return columnFromArray(texts, utf8())
}

/** Exact text of a decimal as its unscaled integer: the text has all the decimals of the type. */
function unscaled(value: unknown): bigint | null {
  return value === null ? null : BigInt(String(value).replace('.', ''))
}

function dateMs(days: unknown): number | null {
  return typeof days === 'number' ? days * DAY_MS : null
}
