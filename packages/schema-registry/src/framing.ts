import { SCHEMA_ID_MAX, WIRE_HEADER_BYTES } from './wire-header.js'

/** Record headers in which serializers put what is not in the value, and what each of them means. */
const HEADERS: readonly (readonly [name: string, meaning: string])[] = [
  ['__value_schema_id', "Confluent's schema GUID is in the header"],
  ['apicurio.value.globalId', "Apicurio's global id is in the header"],
  ['apicurio.value.contentId', "Apicurio's content id is in the header"],
]

/**
 * Says in words what a value that is no Confluent frame seems to be: the way another serializer frames its records, or
 * no framing at all. `headers` are those of the record, as Kafka encodes them.
 */
export function describeFraming(value: Uint8Array, headers?: Uint8Array): string {
  if (value.length === 0) return 'the value is empty'
  const what = knownFraming(value) ?? unknownFraming(value)
  const header = headers && HEADERS.find(([name]) => holds(headers, name))
  return header ? `${what}; ${header[1]} ${header[0]}, which is not read` : what
}

function knownFraming(value: Uint8Array): string | undefined {
  if (value[0] === 0) return zeroFraming(value)
  if (isJson(value)) return 'plain JSON without a frame'
  if (begins(value, 0xc3, 0x01) && value.length >= 10)
    return `Avro's single-object encoding (C3 01), schema fingerprint ${hex(value, 2, 10)}`
  if (begins(value, 0x4f, 0x62, 0x6a, 0x01)) return 'an Avro container file (Obj 01)'
  if (begins(value, 0x03) && value.length >= 18 && (value[1] === 0 || value[1] === 5))
    return `an AWS Glue frame (03), schema version ${uuid(value, 2)}`
  if (begins(value, 0x1f, 0x8b)) return 'gzip-compressed bytes'
  if (begins(value, 0x28, 0xb5, 0x2f, 0xfd)) return 'zstd-compressed bytes'
  if (begins(value, 0x01) && value.length >= 17)
    return `a frame with a schema GUID (01 and 16 bytes): ${uuid(value, 1)}`
  return undefined
}

/** Frames that begin like Confluent's but have an id that no registry gives out. */
function zeroFraming(value: Uint8Array): string | undefined {
  if (value.length < WIRE_HEADER_BYTES) return undefined
  const view = new DataView(value.buffer, value.byteOffset, value.byteLength)
  const id = view.getInt32(1)
  if (id === 0 && value.length >= 9) {
    const low = view.getUint32(5)
    if (low > 0 && low <= SCHEMA_ID_MAX) return `a frame with an id of 8 bytes (Apicurio's former one): ${low}`
  }
  if (id === 0) return 'a frame with the schema id 0, which no registry gives out'
  return id < 0 ? `a frame with the schema id ${id}, which no registry gives out` : undefined
}

function unknownFraming(value: Uint8Array): string {
  const bytes = `${value.length} byte${value.length === 1 ? '' : 's'}`
  if (value[0] === 0) return `${bytes}, where the frame alone has ${WIRE_HEADER_BYTES}`
  return `it begins with ${hex(value, 0, 1)}, a frame with 00`
}

const SPACE = new Set([0x20, 0x09, 0x0a, 0x0d])

function isJson(value: Uint8Array): boolean {
  let start = begins(value, 0xef, 0xbb, 0xbf) ? 3 : 0
  let end = value.length
  while (start < end && SPACE.has(value[start] as number)) start++
  while (end > start && SPACE.has(value[end - 1] as number)) end--
  if (end - start < 2) return false
  const ends = [value[start], value[end - 1]].map((byte) => String.fromCharCode(byte as number)).join('')
  return ends === '{}' || ends === '[]' || (ends === '""' && value[start + 1] !== 0)
}

function begins(value: Uint8Array, ...bytes: readonly number[]): boolean {
  return bytes.every((byte, i) => value[i] === byte)
}

function hex(value: Uint8Array, start: number, end: number): string {
  return Buffer.from(value.subarray(start, end)).toString('hex')
}

function uuid(value: Uint8Array, start: number): string {
  return hex(value, start, start + 16).replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')
}

/** Whether one of the headers has the name; a name within another's value is not told apart, nor need it be. */
function holds(headers: Uint8Array, name: string): boolean {
  const wanted = Buffer.from(name)
  const at = Buffer.from(headers.buffer, headers.byteOffset, headers.byteLength).indexOf(wanted)
  return at > 0 && headers[at - 1] === 2 * wanted.length
}
