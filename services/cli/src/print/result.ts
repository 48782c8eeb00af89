import { dateOfDays, type QueryResult } from '@assay/query'
import { exactInteger } from './json.js'
import { instantOfMicros, instantOfSeconds } from './numbers.js'
import { tableText } from './table.js'

/** A value as JSON holds it exactly: numbers a double can't hold, decimals among them, are texts; bytes are hex. */
type JsonValue = string | number | boolean | null | readonly JsonValue[] | { readonly [name: string]: JsonValue }

const NUMERIC = /^(?:U?(?:TINY|SMALL|BIG|HUGE)?INT(?:EGER)?|DECIMAL.*|DOUBLE|FLOAT)$/

/** A result's rows as objects for JSON. */
export function resultJson({ columns, rows }: QueryResult): JsonValue[] {
  return rows.map((row) => Object.fromEntries(columns.map(({ name, type }, i) => [name, jsonValue(row[i], type)])))
}

/** `droppable`: columns that are left out where there is no room for all, the first first. */
export function resultTable({ columns, rows }: QueryResult, width?: number, droppable: readonly string[] = []): string {
  return tableText(
    columns.map(({ name, type }) => ({
      head: name,
      align: NUMERIC.test(type) ? 'right' : 'left',
      ...(droppable.includes(name) && { dropped: droppable.indexOf(name) }),
    })),
    rows.map((row) => columns.map(({ type }, i) => cellValue(row[i], type) ?? 'NULL')),
    width,
  )
}

/** The same as textValue, with times to the second. */
function cellValue(value: unknown, type: string): string | undefined {
  return typeof value === 'bigint' && isTime(type) ? instantOfSeconds(value) : textValue(value, type)
}

/** A value as text, undefined for NULL; lists and structs as JSON. */
export function textValue(value: unknown, type: string): string | undefined {
  const json = typeof value === 'bigint' && !isTime(type) ? value.toString() : jsonValue(value, type)
  if (json === null) return undefined
  return typeof json === 'object' ? JSON.stringify(json) : String(json)
}

function isTime(type: string): boolean {
  return type === 'TIMESTAMP' || type === 'TIMESTAMP WITH TIME ZONE'
}

function jsonValue(value: unknown, type: string): JsonValue {
  if (value === null || value === undefined) return null
  if (typeof value === 'bigint') {
    if (isTime(type)) return instantOfMicros(value, type === 'TIMESTAMP' ? '' : 'Z')
    return exactInteger(value)
  }
  if (typeof value === 'number') {
    if (type === 'DATE') return dateOfDays(value)
    return Number.isFinite(value) ? value : String(value)
  }
  if (typeof value === 'string' || typeof value === 'boolean') return value
  if (value instanceof Uint8Array) return Buffer.from(value).toString('hex')
  if (Array.isArray(value)) {
    const itemType = type.replace(/\[\d*\]$/, '')
    return value.map((item) => jsonValue(item, itemType))
  }
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, jsonValue(item, '')]))
}
