import type { IntervalValue, PlainValue, ValueType } from '@assay/engine'
import { dateOfDays, instantOf, timeOfDay } from './times.js'

/**
 * A value as text without a digit lost; undefined for NULL. Decimals have all digits of their type, times are ISO 8601
 * (those with a zone in UTC), bytes are hex, nested values JSON.
 */
export function textOf(value: PlainValue, type: ValueType): string | undefined {
  if (value === null) return undefined
  switch (type.kind) {
    case 'decimal':
      return decimalText(value as bigint, type.scale)
    case 'timestamp':
      return instantOf(value as bigint, type.unit, type.isZoned ? 'Z' : '')
    case 'date':
      return dateOfDays(value as number)
    case 'time':
      return timeOfDay(value as bigint)
    case 'interval':
      return (value as IntervalValue).text
    case 'blob':
      return hexOf(value as Uint8Array)
    case 'list':
    case 'struct':
    case 'map':
      return jsonOf(value, type)
    default:
      return String(value)
  }
}

/**
 * A value as JSON. Whether it is a number is decided by its type, never by its value: integers of up to 32 bits and
 * floats are; 64-bit and wider integers and decimals, which many readers would round, are texts. A float that is no
 * number is the text NaN, Infinity or -Infinity.
 */
export function jsonOf(value: PlainValue, type: ValueType): string {
  if (value === null) return 'null'
  switch (type.kind) {
    case 'boolean':
      return String(value)
    case 'integer':
      return type.bits <= 32 ? String(value) : `"${value}"`
    case 'float':
      return Number.isFinite(value) ? floatJson(value as number) : `"${value}"`
    case 'list':
      return `[${(value as readonly PlainValue[]).map((item) => jsonOf(item, type.item)).join(',')}]`
    case 'struct': {
      const items = value as readonly PlainValue[]
      return `{${type.fields.map((field, i) => `${JSON.stringify(field.name)}:${jsonOf(items[i] ?? null, field.type)}`).join(',')}}`
    }
    case 'map':
      return `[${(value as readonly (readonly [PlainValue, PlainValue])[])
        .map(([key, item]) => `{"key":${jsonOf(key, type.key)},"value":${jsonOf(item, type.value)}}`)
        .join(',')}]`
    default:
      return JSON.stringify(textOf(value, type))
  }
}

/**
 * The shortest digits that give the same double again, always with a point or an exponent: many readers would take 12
 * for an integer, and the column's type would hang on its values.
 */
function floatJson(value: number): string {
  const text = Object.is(value, -0) ? '-0' : String(value)
  return /[.e]/.test(text) ? text : `${text}.0`
}

function decimalText(unscaled: bigint, scale: number): string {
  if (scale === 0) return unscaled.toString()
  const digits = (unscaled < 0n ? -unscaled : unscaled).toString().padStart(scale + 1, '0')
  return `${unscaled < 0n ? '-' : ''}${digits.slice(0, -scale)}.${digits.slice(-scale)}`
}

function hexOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex')
}
