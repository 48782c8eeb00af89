import type { ValueType } from '@assay/engine'
import {
  binary,
  bool,
  type DataType,
  dateDay,
  decimal,
  field,
  float32,
  float64,
  IntervalUnit,
  int,
  interval,
  list,
  map,
  struct,
  TimeUnit,
  timeMicrosecond,
  timestamp,
  utf8,
} from '@uwdata/flechette'

const UNITS = {
  s: TimeUnit.SECOND,
  ms: TimeUnit.MILLISECOND,
  us: TimeUnit.MICROSECOND,
  ns: TimeUnit.NANOSECOND,
} as const
/** Digits of the only Arrow type that holds 128-bit integers, nearly all of them. */
export const WIDE_INTEGER_DIGITS = 38

/** The Arrow type that holds the values of a type exactly. */
export function arrowTypeOf(type: ValueType): DataType {
  switch (type.kind) {
    case 'boolean':
      return bool()
    case 'integer':
      return type.bits === 128 ? decimal(WIDE_INTEGER_DIGITS, 0, 128) : int(type.bits, type.isSigned)
    case 'float':
      return type.bits === 32 ? float32() : float64()
    case 'decimal':
      return decimal(type.width, type.scale, 128)
    case 'date':
      return dateDay()
    case 'time':
      return timeMicrosecond()
    case 'timestamp':
      return timestamp(UNITS[type.unit], type.isZoned ? 'UTC' : null)
    case 'interval':
      return interval(IntervalUnit.MONTH_DAY_NANO)
    case 'blob':
      return binary()
    case 'text':
      return utf8()
    case 'list':
      return list(field('item', arrowTypeOf(type.item)))
    case 'struct':
      return struct(type.fields.map(({ name, type: fieldType }) => field(name, arrowTypeOf(fieldType))))
    case 'map':
      return map(field('key', arrowTypeOf(type.key), false), field('value', arrowTypeOf(type.value)))
  }
}
