import { AssayError } from '@assay/core'

/** Bytes before the Avro body: a zero byte, then the schema id as a big-endian int32 (Confluent wire format). */
export const WIRE_HEADER_BYTES = 5

/** Schema ids are positive int32s; 0 is never given out. */
export const SCHEMA_ID_MAX = 0x7fff_ffff

/** The header for records of a schema. Throws `bad_schema_id` outside 0 … 2^31-1. */
export function wireHeader(schemaId: number): Uint8Array {
  if (!Number.isInteger(schemaId) || schemaId < 0 || schemaId > SCHEMA_ID_MAX) {
    throw new AssayError('bad_schema_id', `${schemaId} is not a schema id`, { hint: 'ids lie in 0 … 2^31-1' })
  }
  const header = new Uint8Array(WIRE_HEADER_BYTES)
  new DataView(header.buffer).setInt32(1, schemaId)
  return header
}

/**
 * The schema id of the frame `bytes[start .. end)`, or -1 when it is not one: too short, another magic
 * byte, an id with its sign set. The Avro body begins `WIRE_HEADER_BYTES` after `start`. Allocates nothing.
 */
export function frameSchemaId(bytes: Uint8Array, start: number, end: number): number {
  if (end - start < WIRE_HEADER_BYTES || bytes[start] !== 0) return -1
  const high = bytes[start + 1] as number
  if (high >= 0x80) return -1
  return (
    (high << 24) |
    ((bytes[start + 2] as number) << 16) |
    ((bytes[start + 3] as number) << 8) |
    (bytes[start + 4] as number)
  )
}
