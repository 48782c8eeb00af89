import type { PrimitiveType } from './schema.js'
import { encodeValue, type Value } from './values.js'

/** Length at which bounds of text (in code points) and of bytes are cut, as the reference implementation does. */
const BOUND_LENGTH = 16
const CODE_POINT_MAX = 0x10ffff

/** The encoded lower bound of a column, cut where the type allows it; undefined for NaN, which bounds nothing. */
export function lowerBound(type: PrimitiveType, value: Value): Uint8Array | undefined {
  if (typeof value === 'number' && Number.isNaN(value)) return undefined
  if (type === 'string' && typeof value === 'string')
    return encodeValue(type, [...value].slice(0, BOUND_LENGTH).join(''))
  if (type === 'binary' && value instanceof Uint8Array) return value.slice(0, BOUND_LENGTH)
  return encodeValue(type, value)
}

/** The encoded upper bound; undefined for NaN and where no short text or byte string is greater. */
export function upperBound(type: PrimitiveType, value: Value): Uint8Array | undefined {
  if (typeof value === 'number' && Number.isNaN(value)) return undefined
  if (type === 'string' && typeof value === 'string') return upperText(value)
  if (type === 'binary' && value instanceof Uint8Array) return upperBytes(value)
  return encodeValue(type, value)
}

function upperText(value: string): Uint8Array | undefined {
  const points = [...value]
  if (points.length <= BOUND_LENGTH) return Buffer.from(value, 'utf8')
  const kept = points.slice(0, BOUND_LENGTH).map((point) => point.codePointAt(0) ?? 0)
  for (let last = kept.pop(); last !== undefined; last = kept.pop()) {
    if (last < CODE_POINT_MAX) {
      // U+D800 … U+DFFF are no characters: the next after U+D7FF is U+E000.
      const next = last + 1 === 0xd800 ? 0xe000 : last + 1
      return Buffer.from(String.fromCodePoint(...kept, next), 'utf8')
    }
  }
  return undefined
}

function upperBytes(value: Uint8Array): Uint8Array | undefined {
  if (value.length <= BOUND_LENGTH) return value
  const kept = Array.from(value.subarray(0, BOUND_LENGTH))
  for (let last = kept.pop(); last !== undefined; last = kept.pop()) {
    if (last < 0xff) return Uint8Array.of(...kept, last + 1)
  }
  return undefined
}
