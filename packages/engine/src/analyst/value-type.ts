import { UsageError } from '@assay/core'
import type { DuckDBType, DuckDBValue } from '@duckdb/node-api'
import {
  DuckDBArrayType,
  DuckDBArrayValue,
  DuckDBBlobValue,
  DuckDBDateValue,
  DuckDBDecimalType,
  DuckDBDecimalValue,
  DuckDBIntervalValue,
  DuckDBListType,
  DuckDBListValue,
  DuckDBMapType,
  DuckDBMapValue,
  DuckDBStructType,
  DuckDBStructValue,
  DuckDBTimestampMillisecondsValue,
  DuckDBTimestampNanosecondsValue,
  DuckDBTimestampSecondsValue,
  DuckDBTimestampTZValue,
  DuckDBTimestampValue,
  DuckDBTimeValue,
  DuckDBTypeId,
} from '../results/node-api.js'

export type TimeUnit = 's' | 'ms' | 'us' | 'ns'

/** The type of a result's column, as far as writing its values exactly depends on it. */
export type ValueType =
  | { readonly kind: 'boolean' }
  | { readonly kind: 'integer'; readonly bits: 8 | 16 | 32 | 64 | 128; readonly isSigned: boolean }
  | { readonly kind: 'float'; readonly bits: 32 | 64 }
  | { readonly kind: 'decimal'; readonly width: number; readonly scale: number }
  | { readonly kind: 'date' }
  | { readonly kind: 'time' }
  | { readonly kind: 'timestamp'; readonly unit: TimeUnit; readonly isZoned: boolean }
  | { readonly kind: 'interval' }
  | { readonly kind: 'blob' }
  /** Texts, and what has an exact text but no type that all formats share: UUID, ENUM, BIT, TIMETZ. */
  | { readonly kind: 'text' }
  | { readonly kind: 'list'; readonly item: ValueType }
  | { readonly kind: 'struct'; readonly fields: readonly { readonly name: string; readonly type: ValueType }[] }
  | { readonly kind: 'map'; readonly key: ValueType; readonly value: ValueType }

/** Months, days and microseconds, which are not convertible into each other. */
export interface IntervalValue {
  readonly months: number
  readonly days: number
  readonly time_us: bigint
  readonly text: string
}

/**
 * A value without a digit lost. Integers of up to 32 bits and floats: number. Wider integers: bigint. Decimals: bigint,
 * the value times 10^scale. Dates: number of days, times: bigint of µs, timestamps: bigint in their unit, since 1970.
 * Structs: values in the order of the fields; maps: pairs.
 */
export type PlainValue = null | boolean | number | bigint | string | Uint8Array | IntervalValue | readonly PlainValue[]

const SCALARS: ReadonlyMap<number, ValueType> = new Map<number, ValueType>([
  [DuckDBTypeId.BOOLEAN, { kind: 'boolean' }],
  [DuckDBTypeId.TINYINT, { kind: 'integer', bits: 8, isSigned: true }],
  [DuckDBTypeId.SMALLINT, { kind: 'integer', bits: 16, isSigned: true }],
  [DuckDBTypeId.INTEGER, { kind: 'integer', bits: 32, isSigned: true }],
  [DuckDBTypeId.BIGINT, { kind: 'integer', bits: 64, isSigned: true }],
  [DuckDBTypeId.HUGEINT, { kind: 'integer', bits: 128, isSigned: true }],
  [DuckDBTypeId.UTINYINT, { kind: 'integer', bits: 8, isSigned: false }],
  [DuckDBTypeId.USMALLINT, { kind: 'integer', bits: 16, isSigned: false }],
  [DuckDBTypeId.UINTEGER, { kind: 'integer', bits: 32, isSigned: false }],
  [DuckDBTypeId.UBIGINT, { kind: 'integer', bits: 64, isSigned: false }],
  [DuckDBTypeId.UHUGEINT, { kind: 'integer', bits: 128, isSigned: false }],
  [DuckDBTypeId.FLOAT, { kind: 'float', bits: 32 }],
  [DuckDBTypeId.DOUBLE, { kind: 'float', bits: 64 }],
  [DuckDBTypeId.DATE, { kind: 'date' }],
  [DuckDBTypeId.TIME, { kind: 'time' }],
  [DuckDBTypeId.TIMESTAMP_S, { kind: 'timestamp', unit: 's', isZoned: false }],
  [DuckDBTypeId.TIMESTAMP_MS, { kind: 'timestamp', unit: 'ms', isZoned: false }],
  [DuckDBTypeId.TIMESTAMP, { kind: 'timestamp', unit: 'us', isZoned: false }],
  [DuckDBTypeId.TIMESTAMP_NS, { kind: 'timestamp', unit: 'ns', isZoned: false }],
  [DuckDBTypeId.TIMESTAMP_TZ, { kind: 'timestamp', unit: 'us', isZoned: true }],
  [DuckDBTypeId.INTERVAL, { kind: 'interval' }],
  [DuckDBTypeId.BLOB, { kind: 'blob' }],
  [DuckDBTypeId.VARCHAR, { kind: 'text' }],
  [DuckDBTypeId.UUID, { kind: 'text' }],
  [DuckDBTypeId.ENUM, { kind: 'text' }],
  [DuckDBTypeId.BIT, { kind: 'text' }],
  [DuckDBTypeId.BIGNUM, { kind: 'text' }],
  [DuckDBTypeId.TIME_TZ, { kind: 'text' }],
  [DuckDBTypeId.TIME_NS, { kind: 'text' }],
  [DuckDBTypeId.SQLNULL, { kind: 'text' }],
])

/** Throws `unsupported_column_type` for a type that can't be written exactly. */
export function valueTypeOf(column: string, type: DuckDBType): ValueType {
  if (type instanceof DuckDBDecimalType) return { kind: 'decimal', width: type.width, scale: type.scale }
  if (type instanceof DuckDBListType || type instanceof DuckDBArrayType) {
    return { kind: 'list', item: valueTypeOf(column, type.valueType) }
  }
  if (type instanceof DuckDBMapType) {
    return { kind: 'map', key: valueTypeOf(column, type.keyType), value: valueTypeOf(column, type.valueType) }
  }
  if (type instanceof DuckDBStructType) {
    const fields = type.entryNames.map((name, i) => ({
      name,
      type: valueTypeOf(column, type.entryTypes[i] as DuckDBType),
    }))
    // The binding gives a struct as an object: fields of one name would be one, and this one would be its prototype.
    const names = new Set(fields.map(({ name }) => name))
    if (names.size < fields.length || names.has('__proto__')) throw unsupported(column, 'a struct of unnamed fields')
    return { kind: 'struct', fields }
  }
  const scalar = SCALARS.get(type.typeId)
  if (!scalar) throw unsupported(column, `the type ${type}`)
  return scalar
}

function unsupported(column: string, what: string): UsageError {
  return new UsageError('unsupported_column_type', `column ${column} of the result has ${what}`, {
    hint: 'cast it to VARCHAR, or name the fields of the struct',
  })
}

export function plainValue(value: DuckDBValue, type: ValueType): PlainValue {
  if (value === null) return null
  if (typeof value !== 'object') return type.kind === 'text' ? String(value) : value
  if (value instanceof DuckDBDecimalValue) return value.value
  if (value instanceof DuckDBTimestampTZValue || value instanceof DuckDBTimestampValue) return value.micros
  if (value instanceof DuckDBBlobValue) return value.bytes
  if (value instanceof DuckDBDateValue) return value.days
  if (value instanceof DuckDBTimeValue) return value.micros
  if (value instanceof DuckDBTimestampNanosecondsValue) return value.nanos
  if (value instanceof DuckDBTimestampMillisecondsValue) return value.millis
  if (value instanceof DuckDBTimestampSecondsValue) return value.seconds
  if (value instanceof DuckDBIntervalValue) {
    return { months: value.months, days: value.days, time_us: value.micros, text: String(value) }
  }
  return nestedValue(value, type)
}

function nestedValue(value: Exclude<DuckDBValue, null>, type: ValueType): PlainValue {
  if (type.kind === 'list' && (value instanceof DuckDBListValue || value instanceof DuckDBArrayValue)) {
    return value.items.map((item) => plainValue(item, type.item))
  }
  if (type.kind === 'map' && value instanceof DuckDBMapValue) {
    return value.entries.map((entry) => [plainValue(entry.key, type.key), plainValue(entry.value, type.value)])
  }
  if (type.kind === 'struct' && value instanceof DuckDBStructValue) {
    return type.fields.map((field) => plainValue(value.entries[field.name] ?? null, field.type))
  }
  return String(value)
}
