import { AssayError } from '@assay/core'
import avsc from 'avsc'

/** A schema text longer than this is refused unread. */
const SCHEMA_CHARACTERS_MAX = 1 << 20

/**
 * The one text that stands for a schema: its JSON without white space, keys in order. Nothing is left out:
 * schemas that differ in a default, an alias or a doc are different schemas. Throws `schema_invalid`.
 */
export function canonicalSchema(text: string): string {
  try {
    if (text.length > SCHEMA_CHARACTERS_MAX) throw new Error(`longer than ${SCHEMA_CHARACTERS_MAX} characters`)
    const canonical = JSON.stringify(ordered(JSON.parse(text)))
    avsc.Type.forSchema(JSON.parse(canonical))
    return canonical
  } catch (cause) {
    throw new AssayError('schema_invalid', `not an Avro schema: ${cause instanceof Error ? cause.message : cause}`, {
      hint: 'register the JSON text of an Avro schema',
      cause,
    })
  }
}

function ordered(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(ordered)
  if (typeof value !== 'object' || value === null) return value
  const keys = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))
  return Object.fromEntries(keys.map(([key, inner]) => [key, ordered(inner)]))
}
