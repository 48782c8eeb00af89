import type { Exchange } from './exchange.js'

const known = new WeakMap<Exchange, string>()

/**
 * What silver reads an exchange's records by: its schema, with what its numbers count as Avro's logical types. They are
 * not in the schema itself, so that what producers register stays as it is.
 */
export function readerSchemaOf(exchange: Exchange): string {
  const found = known.get(exchange)
  if (found !== undefined) return found
  const { logicalTypes = {} } = exchange
  const schema = JSON.parse(exchange.schema) as { fields: { name: string; type: unknown }[] }
  for (const field of schema.fields) {
    const logicalType = Object.hasOwn(logicalTypes, field.name) ? logicalTypes[field.name] : undefined
    if (logicalType !== undefined) field.type = { type: field.type, logicalType }
  }
  const made = JSON.stringify(schema)
  known.set(exchange, made)
  return made
}
