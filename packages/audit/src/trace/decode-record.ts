import { type DecodedColumns, type DecodedField, newDecodedColumns } from '@assay/avro'
import { type Exchange, readerSchemaOf } from '@assay/exchanges'
import { decoderLookup, describeDamage, describeFrame, RECORD_BYTES_MAX } from '@assay/medallion'
import { FrameStatus, SILVER_RULES } from '@assay/rules'
import { frameSchemaId, type SchemaRegistry, WIRE_HEADER_BYTES } from '@assay/schema-registry'

/** A record's value as far as it can be read. */
export interface DecodedRecord {
  /** Null for a record without a wire header. */
  readonly schema_id: number | null
  /** Fields of the exchange's schema; of a record that can't be read to its end, those before that place. */
  readonly fields?: Readonly<Record<string, FieldValue>>
  /** What the record has beyond the exchange's schema: the text of a JSON object. */
  readonly extra_fields?: string
  /** Why the record can't be read, or not to its end. */
  readonly why?: string
}

type FieldValue = bigint | number | boolean | string | null

/** Decodes one record by the schema that its header names, by the same code as silver. */
export async function decodeRecord(
  exchange: Exchange,
  registry: SchemaRegistry,
  value: Uint8Array | null,
): Promise<DecodedRecord> {
  const { length = 0 } = value ?? {}
  const id = value ? frameSchemaId(value, 0, length) : -1
  const schema_id = id < 0 ? null : id
  const why = (status: number, reason?: string): string | undefined =>
    describeFrame(status, value ?? undefined, { id, why: reason, headers: undefined })
  const unread = (status: number, reason?: string): DecodedRecord => {
    const text = why(status, reason)
    return { schema_id, ...(text !== undefined && { why: text }) }
  }
  if (!value) return unread(FrameStatus.value_is_null)
  if (id < 0) return unread(FrameStatus.malformed_wire_frame)
  if (length > RECORD_BYTES_MAX) return unread(FrameStatus.record_too_large)
  const reader = readerSchemaOf(exchange)
  const use = await decoderLookup(registry, reader, SILVER_RULES.decoding).find(id)
  if (use.kind !== 'decoder') {
    if (use.kind === 'incompatible') return unread(FrameStatus.schema_incompatible, use.why)
    if (id === 0) return unread(FrameStatus.malformed_wire_frame)
    return { schema_id, why: `the registry does not know the schema id ${use.why}` }
  }
  const { decoder } = use
  const columns = newDecodedColumns(reader, value, 1)
  const failure = decoder.explain(value, WIRE_HEADER_BYTES, length, columns)
  if (!failure) {
    decoder.decode(value, WIRE_HEADER_BYTES, length, 0, columns)
    const extra_fields = decoder.extraFields(value, WIRE_HEADER_BYTES, length)
    return { schema_id, fields: fieldsOf(columns), ...(extra_fields !== undefined && { extra_fields }) }
  }
  const text = failure.kind === 'damaged' ? describeDamage(failure, length) : failure.why
  const fields = Object.entries(fieldsOf(columns)).filter(([, field]) => field !== null)
  return { schema_id, ...(fields.length > 0 && { fields: Object.fromEntries(fields) }), why: text }
}

function fieldsOf({ fields, source }: DecodedColumns): Record<string, FieldValue> {
  return Object.fromEntries(Object.entries(fields).map(([name, field]) => [name, fieldValue(field, source)]))
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
