import { AssayError } from '@assay/core'
import avsc, { type Type, type types } from 'avsc'

/** A schema text longer than this is refused unread. */
export const SCHEMA_CHARACTERS_MAX = 1 << 20

export function schemaInvalid(what: string, cause?: unknown): AssayError {
  return new AssayError('schema_invalid', `not a usable Avro schema: ${what}`, {
    hint: 'the schema must be the JSON text of an Avro record',
    cause,
  })
}

/**
 * Parses the JSON text of one of our own Avro record schemas, strictly. Logical types stand for the type beneath them.
 * Throws `schema_invalid`.
 */
export function parseRecordSchema(text: string): types.RecordType {
  if (text.length > SCHEMA_CHARACTERS_MAX) throw schemaInvalid(`longer than ${SCHEMA_CHARACTERS_MAX} characters`)
  let type: Type
  try {
    type = avsc.Type.forSchema(JSON.parse(text))
  } catch (cause) {
    throw schemaInvalid(cause instanceof Error ? cause.message : String(cause), cause)
  }
  if (!isRecord(type)) throw schemaInvalid(`a record is expected at the top, found ${type.typeName}`)
  return type
}

function isRecord(type: Type): type is types.RecordType {
  return type.typeName === 'record'
}

/** The branches of a union, or undefined for any other type. */
export function unionBranches(type: Type): readonly Type[] | undefined {
  return type.typeName.startsWith('union:') ? (type as types.UnwrappedUnionType).types : undefined
}

/** The name without its namespace. */
export function unqualified(name: string): string {
  return name.slice(name.lastIndexOf('.') + 1)
}
