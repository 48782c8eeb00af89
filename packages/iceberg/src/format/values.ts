import { AssayError } from '@assay/core'
import { decimalParts, fixedLength, type PrimitiveType } from './schema.js'

/**
 * A value of a primitive type: `boolean`; `int`, `date` (days since 1970), `float`, `double` as numbers; `long`,
 * `time`, `timestamp`, `timestamptz` (µs) and `decimal` (unscaled) as bigints; `string`, `uuid` (36 characters) as
 * text; `binary`, `fixed` as bytes.
 */
export type Value = boolean | number | bigint | string | Uint8Array

function mismatch(type: string): AssayError {
  return new AssayError('bad_value', `the value is not one of type ${type}`, {
    hint: 'the file that holds it is damaged, or another engine wrote it wrongly: restore it from a copy',
  })
}

function isLong(type: PrimitiveType): boolean {
  return type === 'long' || type === 'time' || type === 'timestamp' || type === 'timestamptz'
}

function isText(type: PrimitiveType): boolean {
  return type === 'string' || type === 'uuid'
}

/** Brings a value as an Avro reader gives it into the form of `Value`. Throws `bad_value`. */
export function valueFromAvro(type: PrimitiveType, raw: unknown): Value {
  if (type === 'uuid' && raw instanceof Uint8Array) return uuidText(raw)
  if (decimalParts(type)) {
    if (raw instanceof Uint8Array) return signedFromBytes(raw)
  } else if (isLong(type)) {
    if (typeof raw === 'number' || typeof raw === 'bigint') return BigInt(raw)
  } else if (type === 'boolean') {
    if (typeof raw === 'boolean') return raw
  } else if (isText(type)) {
    if (typeof raw === 'string') return raw
  } else if (type === 'binary' || fixedLength(type) !== undefined) {
    if (raw instanceof Uint8Array) return raw
  } else if (typeof raw === 'number') return raw
  throw mismatch(type)
}

/** The form in which an Avro writer takes a value. */
export function valueToAvro(type: PrimitiveType, value: Value): unknown {
  if (type === 'uuid' && typeof value === 'string') return uuidBytes(value)
  const decimal = decimalParts(type)
  if (decimal && typeof value === 'bigint') return signedToBytes(value, decimalBytes(decimal.precision))
  return value
}

/** Bytes that hold every unscaled value of a precision (specification, appendix on Avro). */
export function decimalBytes(precision: number): number {
  let bytes = 1
  while (2n ** BigInt(8 * bytes - 1) < 10n ** BigInt(precision)) bytes += 1
  return bytes
}

/** Single-value binary serialisation (specification, appendix D). Throws `bad_value`. */
export function encodeValue(type: PrimitiveType, value: Value): Uint8Array {
  if (type === 'boolean' && typeof value === 'boolean') return Uint8Array.of(value ? 1 : 0)
  if ((type === 'int' || type === 'date') && typeof value === 'number')
    return fixedWidth(4, (b) => b.writeInt32LE(value))
  if (type === 'float' && typeof value === 'number') return fixedWidth(4, (b) => b.writeFloatLE(value))
  if (type === 'double' && typeof value === 'number') return fixedWidth(8, (b) => b.writeDoubleLE(value))
  if (isLong(type) && typeof value === 'bigint') return fixedWidth(8, (b) => b.writeBigInt64LE(value))
  if (type === 'string' && typeof value === 'string') return Buffer.from(value, 'utf8')
  if (type === 'uuid' && typeof value === 'string') return uuidBytes(value)
  if (decimalParts(type) && typeof value === 'bigint') return signedToBytes(value)
  if (value instanceof Uint8Array && (type === 'binary' || fixedLength(type) === value.length)) return value
  throw mismatch(type)
}

/** The reverse. Admits the narrower encodings from before a promotion int → long, float → double. */
export function decodeValue(type: PrimitiveType, bytes: Uint8Array): Value {
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (type === 'string') return view.toString('utf8')
  if (type === 'binary') return bytes
  if (decimalParts(type)) return signedFromBytes(bytes)
  if (type === 'boolean' && view.length === 1) return view[0] !== 0
  if (type === 'uuid' && view.length === 16) return uuidText(view)
  if ((type === 'int' || type === 'date') && view.length === 4) return view.readInt32LE(0)
  if (isLong(type) && view.length === 8) return view.readBigInt64LE(0)
  if (isLong(type) && view.length === 4) return BigInt(view.readInt32LE(0))
  if ((type === 'float' || type === 'double') && view.length === 4) return view.readFloatLE(0)
  if (type === 'double' && view.length === 8) return view.readDoubleLE(0)
  if (fixedLength(type) === view.length) return bytes
  throw mismatch(type)
}

/** A value from before its column was widened, as one of the type that the column has now. */
export function promoted(type: PrimitiveType, value: Value): Value {
  return type === 'long' && typeof value === 'number' ? BigInt(value) : value
}

/** Order of values of one type as the specification compares bounds: text and bytes bytewise, unsigned. */
export function compareValues(a: Value, b: Value): number {
  if (a instanceof Uint8Array && b instanceof Uint8Array) return Buffer.compare(a, b)
  if (typeof a === 'string' && typeof b === 'string') {
    return a === b ? 0 : Buffer.compare(Buffer.from(a, 'utf8'), Buffer.from(b, 'utf8'))
  }
  if (a < b) return -1
  return a > b ? 1 : 0
}

function fixedWidth(size: number, write: (buffer: Buffer) => void): Uint8Array {
  const buffer = Buffer.alloc(size)
  write(buffer)
  return buffer
}

/** Two's complement, big-endian; as few bytes as possible unless a size is given. */
function signedToBytes(value: bigint, size?: number): Uint8Array {
  let length = 1
  while (value !== BigInt.asIntN(8 * length, value)) length += 1
  if (size !== undefined && length > size) throw mismatch(`decimal of ${size} bytes`)
  const bytes = new Uint8Array(size ?? length)
  let rest = value
  for (let i = bytes.length - 1; i >= 0; i -= 1) {
    bytes[i] = Number(rest & 0xffn)
    rest >>= 8n
  }
  return bytes
}

function signedFromBytes(bytes: Uint8Array): bigint {
  let value = 0n
  for (const byte of bytes) value = (value << 8n) | BigInt(byte)
  return BigInt.asIntN(8 * bytes.length, value)
}

function uuidText(bytes: Uint8Array): string {
  const hex = Buffer.from(bytes).toString('hex')
  if (hex.length !== 32) throw mismatch('uuid')
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`
}

function uuidBytes(text: string): Uint8Array {
  if (!/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(text)) throw mismatch('uuid')
  return Buffer.from(text.replaceAll('-', ''), 'hex')
}
