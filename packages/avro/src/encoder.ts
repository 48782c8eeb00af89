import { AssayError } from '@assay/core'
import type { Type } from 'avsc'
import { ByteWriter } from './byte-writer.js'
import { type Primitive, readerPlan } from './reader-plan.js'
import { parseRecordSchema, unionBranches } from './schema.js'

/**
 * Encodes one record; the result begins with `prefix` (a wire header) if there is one and is the caller's own.
 * Missing fields are taken as null. Throws `record_invalid`, which names the field, and `record_too_large`.
 */
export type RecordEncoder = (record: Readonly<Record<string, unknown>>, prefix?: Uint8Array) => Uint8Array

/** A union's index byte for null and for the value; undefined where there is no union. */
interface Branches {
  readonly nullByte: number
  readonly valueByte: number
}

interface FieldEncoder {
  readonly name: string
  readonly primitive: Primitive
  readonly branches: Branches | undefined
}

/**
 * An encoder for records of the kind that a column decoder reads: fields are primitives, or unions of one
 * with null. Integers are numbers (safe ones) or bigints. Throws `schema_invalid` and `schema_not_columnar`.
 */
export function compileEncoder(schema: string): RecordEncoder {
  const types = parseRecordSchema(schema).fields.map((field) => field.type)
  const fields = readerPlan(schema).fields.map(
    ({ name, primitive }, i): FieldEncoder => ({ name, primitive, branches: branches(types[i]) }),
  )
  const writer = new ByteWriter()
  return (record, prefix) => {
    writer.reset(prefix)
    for (const field of fields) encodeField(field, record[field.name], writer)
    return writer.taken()
  }
}

function branches(type: Type | undefined): Branches | undefined {
  const found = type && unionBranches(type)
  if (!found) return undefined
  const nullIndex = found.findIndex((branch) => branch.typeName === 'null')
  return { nullByte: 2 * nullIndex, valueByte: 2 * found.findIndex((_, i) => i !== nullIndex) }
}

function encodeField(field: FieldEncoder, value: unknown, writer: ByteWriter): void {
  if (field.branches) {
    if (value === null || value === undefined) {
      if (field.branches.nullByte < 0) throw invalid(field, value)
      writer.byte(field.branches.nullByte)
      return
    }
    writer.byte(field.branches.valueByte)
  }
  if (!encodeValue(field.primitive, value, writer)) throw invalid(field, value)
}

function encodeValue(primitive: Primitive, value: unknown, writer: ByteWriter): boolean {
  switch (primitive) {
    case 'string':
      return typeof value === 'string' && writer.text(value)
    case 'int':
      if (typeof value !== 'number' || (value | 0) !== value) return false
      writer.safeLong(value)
      return true
    case 'long':
      return encodeLong(value, writer)
    case 'boolean':
      if (typeof value !== 'boolean') return false
      writer.byte(value ? 1 : 0)
      return true
    case 'float':
    case 'double':
      if (typeof value !== 'number') return false
      if (primitive === 'float') writer.float(value)
      else writer.double(value)
      return true
    case 'bytes':
      if (!(value instanceof Uint8Array)) return false
      writer.span(value)
      return true
  }
}

function encodeLong(value: unknown, writer: ByteWriter): boolean {
  if (typeof value === 'number' && Number.isSafeInteger(value)) {
    writer.safeLong(value)
    return true
  }
  if (typeof value !== 'bigint' || BigInt.asIntN(64, value) !== value) return false
  writer.bigLong(value)
  return true
}

function invalid(field: FieldEncoder, value: unknown): AssayError {
  const found = value === null ? 'null' : typeof value
  return new AssayError(
    'record_invalid',
    `field "${field.name}": ${found} given where ${field.primitive} is expected`,
    {
      hint: 'longs are safe integers or bigints of 64 bits, strings are well-formed, only unions with null take null',
    },
  )
}
