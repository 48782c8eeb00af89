import { AssayError } from '@assay/core'
import { asArray, asInteger, asObject, asString, type Json, type JsonObject, unknownMembers } from './json.js'
import { decimalParts, type PrimitiveType, primitiveOf, type Schema } from './schema.js'
import { compareValues, promoted, type Value } from './values.js'

export interface PartitionField {
  readonly sourceId: number
  readonly fieldId: number
  readonly name: string
  /** `identity` is written; `void`, `year`, `month`, `day`, `hour`, `bucket[N]`, `truncate[W]` are read. */
  readonly transform: string
  readonly extra?: JsonObject
}

export interface PartitionSpec {
  readonly specId: number
  readonly fields: readonly PartitionField[]
}

/** A file's partition values, in the order of its spec's fields. */
export type PartitionTuple = readonly (Value | null)[]

/** A partition field with the type of its values. */
export interface PartitionColumn {
  readonly fieldId: number
  readonly sourceId: number
  readonly name: string
  readonly transform: string
  readonly type: PrimitiveType
}

/** Least id of partition fields, less one: what `last-partition-id` is in an unpartitioned table. */
export const LAST_PARTITION_ID_NONE = 999

function parseField(value: Json): PartitionField {
  const object = asObject(value, 'partition field')
  const extra = unknownMembers(object, ['source-id', 'field-id', 'name', 'transform'])
  return {
    sourceId: asInteger(object['source-id'], 'partition field source-id'),
    fieldId: asInteger(object['field-id'], 'partition field field-id'),
    name: asString(object.name, 'partition field name'),
    transform: asString(object.transform, 'partition field transform'),
    ...(Object.keys(extra).length > 0 ? { extra } : {}),
  }
}

export function parseSpec(value: Json): PartitionSpec {
  const object = asObject(value, 'partition spec')
  return {
    specId: asInteger(object['spec-id'], 'spec-id'),
    fields: asArray(object.fields, 'partition spec fields').map(parseField),
  }
}

export function specFieldsJson(spec: PartitionSpec): JsonObject[] {
  return spec.fields.map((field) => ({
    ...field.extra,
    name: field.name,
    transform: field.transform,
    'source-id': field.sourceId,
    'field-id': field.fieldId,
  }))
}

/**
 * Types of a spec's values, by the newest schema that has the source: types only widen. Throws `unsupported_partition`
 * for a transform or source that is not known.
 */
export function partitionColumns(
  spec: PartitionSpec,
  schemas: readonly Schema[],
  location: string,
): readonly PartitionColumn[] {
  return spec.fields.map(({ sourceId, fieldId, name, transform }) => {
    const source = schemas.map((schema) => primitiveOf(schema, sourceId)).findLast((type) => type !== undefined)
    const type = source && resultType(transform, source)
    if (!type) {
      throw new AssayError(
        'unsupported_partition',
        `partition field ${name} (${transform}) of the table at ${location} cannot be read`,
        {
          hint: 'its transform is unknown, or its source column is gone from every schema of the table: drop the field (ALTER TABLE … DROP PARTITION FIELD) and rewrite the files that were written with it',
        },
      )
    }
    return { fieldId, sourceId, name, transform, type }
  })
}

function resultType(transform: string, source: PrimitiveType): PrimitiveType | undefined {
  if (transform === 'identity' || transform === 'void' || /^truncate\[\d+\]$/.test(transform)) return source
  if (transform === 'day') return 'date'
  if (/^(year|month|hour|bucket\[\d+\])$/.test(transform)) return 'int'
  return undefined
}

/** `name=value/name=value`, percent-encoded, as Iceberg writers lay out data files; empty when unpartitioned. */
export function partitionPath(columns: readonly PartitionColumn[], values: PartitionTuple): string {
  return columns
    .map(({ name, type }, i) => `${encodePart(name)}=${encodePart(valueText(type, values[i] ?? null))}`)
    .join('/')
}

/** `.` alone and `..` would be folders' names; encodeURIComponent leaves dots as they are. */
function encodePart(text: string): string {
  const encoded = encodeURIComponent(text).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`)
  return /^\.+$/.test(encoded) ? encoded.replaceAll('.', '%2E') : encoded
}

function valueText(type: PrimitiveType, value: Value | null): string {
  if (value === null) return 'null'
  if (value instanceof Uint8Array) return Buffer.from(value).toString('base64')
  if (type === 'date' && typeof value === 'number') return dateText(value)
  const decimal = decimalParts(type)
  if (decimal && typeof value === 'bigint') return decimalText(value, decimal.scale)
  return String(value)
}

function dateText(days: number): string {
  const date = new Date(days * 86_400_000)
  return Number.isNaN(date.getTime()) ? String(days) : date.toISOString().slice(0, -'T00:00:00.000Z'.length)
}

function decimalText(unscaled: bigint, scale: number): string {
  const sign = unscaled < 0n ? '-' : ''
  const digits = (unscaled < 0n ? -unscaled : unscaled).toString().padStart(scale + 1, '0')
  return scale === 0 ? sign + digits : `${sign}${digits.slice(0, -scale)}.${digits.slice(-scale)}`
}

/** A text that is the same for equal tuples of a spec and different for different ones. */
export function partitionKey(specId: number, values: PartitionTuple): string {
  const parts = values.map((value) => {
    if (value === null) return null
    if (value instanceof Uint8Array) return ['bytes', Buffer.from(value).toString('hex')]
    // An int read before its column was widened to long is the same value afterwards.
    return [typeof value === 'bigint' ? 'number' : typeof value, String(value)]
  })
  return JSON.stringify([specId, parts])
}

/** Least and greatest of a partition field over some files, as a manifest list records them. */
export interface FieldSummary {
  readonly containsNull: boolean
  readonly containsNan: boolean
  readonly lower: Value | undefined
  readonly upper: Value | undefined
}

export function summarizePartitions(
  columns: readonly PartitionColumn[],
  tuples: readonly PartitionTuple[],
): FieldSummary[] {
  return columns.map(({ type }, i) => {
    let containsNull = false
    let containsNan = false
    let lower: Value | undefined
    let upper: Value | undefined
    for (const tuple of tuples) {
      const told = tuple[i] ?? null
      const value = told === null ? null : promoted(type, told)
      if (value === null) containsNull = true
      else if (typeof value === 'number' && Number.isNaN(value)) containsNan = true
      else {
        if (lower === undefined || compareValues(value, lower) < 0) lower = value
        if (upper === undefined || compareValues(value, upper) > 0) upper = value
      }
    }
    return { containsNull, containsNan, lower, upper }
  })
}
