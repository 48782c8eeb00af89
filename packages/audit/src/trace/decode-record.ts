import { compileColumnDecoder, type DecodedField, newDecodedColumns } from '@assay/avro'
import { AssayError } from '@assay/core'
import type { Exchange } from '@assay/exchanges'
import { frameSchemaId, type SchemaRegistry, WIRE_HEADER_BYTES } from '@assay/schema-registry'

/** A record's value as far as it can be read. */
export interface DecodedRecord {
  /** Null for what has no wire header. */
  readonly schema_id: number | null
  /** Fields of the exchange's schema; undefined where the record can't be read, and `why` says why. */
  readonly fields?: Readonly<Record<string, FieldValue>>
  readonly why?: string
}

export type FieldValue = bigint | number | boolean | string | null

/** Silver doesn't look into larger ones either. */
const RECORD_BYTES_MAX = 2 ** 20

/** Decodes one record by the schema that its header names. */
export async function decodeRecord(
  exchange: Exchange,
  registry: SchemaRegistry,
  value: Uint8Array | null,
): Promise<DecodedRecord> {
  if (!value) return { schema_id: null, why: 'the record has no value' }
  const id = frameSchemaId(value, 0, value.length)
  if (id < 0) return { schema_id: null, why: 'the value does not begin with a wire header' }
  if (value.length > RECORD_BYTES_MAX) return { schema_id: id, why: 'the value is larger than silver looks into' }
  const found = await registry.schema(id)
  if (found.kind === 'unknown') return { schema_id: id, why: 'the registry does not know the schema id' }
  try {
    const columns = newDecodedColumns(exchange.schema, value, 1)
    const decoder = compileColumnDecoder(found.schema, exchange.schema)
    if (!decoder.decode(value, WIRE_HEADER_BYTES, value.length, 0, columns)) {
      return { schema_id: id, why: 'the value is not an Avro record of its schema' }
    }
    const fields = Object.entries(columns.fields).map(([name, field]) => [name, fieldValue(field, columns.source)])
    return { schema_id: id, fields: Object.fromEntries(fields) }
  } catch (error) {
    if (!(error instanceof AssayError)) throw error
    return { schema_id: id, why: `its schema can't be read as ${exchange.name}'s: ${error.message}` }
  }
}

function fieldValue(field: DecodedField, source: Uint8Array): FieldValue {
  if (field.nulls[0] === 1) return null
  switch (field.kind) {
    case 'long':
      return field.data[0] as bigint
    case 'double':
      return field.data[0] as number
    case 'boolean':
      return field.data[0] === 1
    case 'span':
      return new TextDecoder().decode(source.subarray(field.starts[0], field.ends[0]))
  }
}
