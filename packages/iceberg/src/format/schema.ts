import { AssayError } from '@assay/core'
import {
  asArray,
  asBoolean,
  asInteger,
  asObject,
  asString,
  type Json,
  type JsonObject,
  unknownMembers,
} from './json.js'

/**
 * A primitive type as the specification writes it: `boolean`, `int`, `long`, `float`, `double`, `date`, `time`,
 * `timestamp`, `timestamptz`, `string`, `uuid`, `binary`, `decimal(P, S)`, `fixed[L]`.
 */
export type PrimitiveType =
  | 'boolean'
  | 'int'
  | 'long'
  | 'float'
  | 'double'
  | 'date'
  | 'time'
  | 'timestamp'
  | 'timestamptz'
  | 'string'
  | 'uuid'
  | 'binary'
  | `decimal(${number},${number})`
  | `decimal(${number}, ${number})`
  | `fixed[${number}]`

export type IcebergType = PrimitiveType | StructType | ListType | MapType

export interface NestedField {
  readonly id: number
  readonly name: string
  readonly required: boolean
  readonly type: IcebergType
  readonly doc?: string
  /** Members that other writers added; written back unchanged. */
  readonly extra?: JsonObject
}

interface StructType {
  readonly kind: 'struct'
  readonly fields: readonly NestedField[]
}

interface ListType {
  readonly kind: 'list'
  readonly elementId: number
  readonly elementRequired: boolean
  readonly element: IcebergType
}

interface MapType {
  readonly kind: 'map'
  readonly keyId: number
  readonly key: IcebergType
  readonly valueId: number
  readonly valueRequired: boolean
  readonly value: IcebergType
}

export interface Schema {
  readonly schemaId: number
  readonly fields: readonly NestedField[]
  readonly extra?: JsonObject
}

const SIMPLE: ReadonlySet<string> = new Set([
  'boolean',
  'int',
  'long',
  'float',
  'double',
  'date',
  'time',
  'timestamp',
  'timestamptz',
  'string',
  'uuid',
  'binary',
])
const DECIMAL_DIGITS_MAX = 38

function badType(text: string): AssayError {
  return new AssayError('unsupported_type', `"${text}" is not a type of Iceberg format version 2`, {
    hint: 'take the column back with the engine that added it, or copy the rows into a table of version 2',
  })
}

/** Checks a primitive type and brings it into the canonical form. Throws `unsupported_type`. */
function primitiveType(text: string): PrimitiveType {
  if (SIMPLE.has(text)) return text as PrimitiveType
  const decimal = decimalParts(text)
  if (decimal) return `decimal(${decimal.precision}, ${decimal.scale})`
  const length = fixedLength(text)
  if (length !== undefined) return `fixed[${length}]`
  throw badType(text)
}

/** Precision and scale, or undefined when the type is not a decimal. */
export function decimalParts(type: string): { readonly precision: number; readonly scale: number } | undefined {
  const match = /^decimal\(\s*(\d{1,2})\s*,\s*(\d{1,2})\s*\)$/.exec(type)
  if (!match) return undefined
  const precision = Number(match[1])
  const scale = Number(match[2])
  if (precision < 1 || precision > DECIMAL_DIGITS_MAX || scale > precision) throw badType(type)
  return { precision, scale }
}

/** Length in bytes, or undefined when the type is not `fixed`. */
export function fixedLength(type: string): number | undefined {
  const match = /^fixed\[(\d{1,9})\]$/.exec(type)
  return match ? Number(match[1]) : undefined
}

function parseType(value: Json | undefined, where: string): IcebergType {
  if (typeof value === 'string') return primitiveType(value)
  const object = asObject(value, where)
  switch (object.type) {
    case 'struct':
      return { kind: 'struct', fields: parseFields(object.fields, where) }
    case 'list':
      return {
        kind: 'list',
        elementId: asInteger(object['element-id'], `${where}.element-id`),
        elementRequired: asBoolean(object['element-required'], `${where}.element-required`),
        element: parseType(object.element, `${where}.element`),
      }
    case 'map':
      return {
        kind: 'map',
        keyId: asInteger(object['key-id'], `${where}.key-id`),
        key: parseType(object.key, `${where}.key`),
        valueId: asInteger(object['value-id'], `${where}.value-id`),
        valueRequired: asBoolean(object['value-required'], `${where}.value-required`),
        value: parseType(object.value, `${where}.value`),
      }
    default:
      throw badType(String(object.type))
  }
}

function parseFields(value: Json | undefined, where: string): NestedField[] {
  return asArray(value, `${where}.fields`).map((one) => {
    const object = asObject(one, `${where}.fields`)
    const name = asString(object.name, `${where}.name`)
    const extra = unknownMembers(object, ['id', 'name', 'required', 'type', 'doc'])
    return {
      id: asInteger(object.id, `${where}.${name}.id`),
      name,
      required: asBoolean(object.required, `${where}.${name}.required`),
      type: parseType(object.type, `${where}.${name}`),
      ...(typeof object.doc === 'string' ? { doc: object.doc } : {}),
      ...(Object.keys(extra).length > 0 ? { extra } : {}),
    }
  })
}

export function parseSchema(value: Json): Schema {
  const object = asObject(value, 'schema')
  const extra = unknownMembers(object, ['type', 'schema-id', 'fields'])
  return {
    schemaId: object['schema-id'] === undefined ? 0 : asInteger(object['schema-id'], 'schema-id'),
    fields: parseFields(object.fields, 'schema'),
    ...(Object.keys(extra).length > 0 ? { extra } : {}),
  }
}

function typeJson(type: IcebergType): Json {
  if (typeof type === 'string') return primitiveType(type)
  switch (type.kind) {
    case 'struct':
      return { type: 'struct', fields: type.fields.map(fieldJson) }
    case 'list':
      return {
        type: 'list',
        'element-id': type.elementId,
        element: typeJson(type.element),
        'element-required': type.elementRequired,
      }
    case 'map':
      return {
        type: 'map',
        'key-id': type.keyId,
        key: typeJson(type.key),
        'value-id': type.valueId,
        value: typeJson(type.value),
        'value-required': type.valueRequired,
      }
  }
}

function fieldJson(field: NestedField): JsonObject {
  return {
    ...field.extra,
    id: field.id,
    name: field.name,
    required: field.required,
    type: typeJson(field.type),
    ...(field.doc === undefined ? {} : { doc: field.doc }),
  }
}

export function schemaJson(schema: Schema): JsonObject {
  return { ...schema.extra, type: 'struct', 'schema-id': schema.schemaId, fields: schema.fields.map(fieldJson) }
}

/** A type as people write it: `list<string>`, `struct<x: int>`. */
export function typeText(type: IcebergType): string {
  if (typeof type === 'string') return type
  switch (type.kind) {
    case 'struct':
      return `struct<${type.fields.map((field) => `${field.name}: ${typeText(field.type)}`).join(', ')}>`
    case 'list':
      return `list<${typeText(type.element)}>`
    case 'map':
      return `map<${typeText(type.key)}, ${typeText(type.value)}>`
  }
}

/** The greatest field id, nested ones included; 0 for an empty schema. */
export function greatestFieldId(schema: Schema): number {
  const ofType = (type: IcebergType): number => {
    if (typeof type === 'string') return 0
    switch (type.kind) {
      case 'struct':
        return ofFields(type.fields)
      case 'list':
        return Math.max(type.elementId, ofType(type.element))
      case 'map':
        return Math.max(type.keyId, type.valueId, ofType(type.key), ofType(type.value))
    }
  }
  const ofFields = (fields: readonly NestedField[]): number =>
    fields.reduce((most, field) => Math.max(most, field.id, ofType(field.type)), 0)
  return ofFields(schema.fields)
}

/** The type of the primitive with this id, looked for inside structs too. */
export function primitiveOf(schema: Schema, id: number): PrimitiveType | undefined {
  const search = (fields: readonly NestedField[]): PrimitiveType | undefined => {
    for (const field of fields) {
      if (typeof field.type === 'string') {
        if (field.id === id) return field.type
      } else if (field.type.kind === 'struct') {
        const found = search(field.type.fields)
        if (found) return found
      }
    }
    return undefined
  }
  return search(schema.fields)
}
