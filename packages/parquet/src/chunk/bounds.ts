import { type ParquetType, physicalOf } from '../format/schema.js'
import type { Bound, ValueBounds } from '../values/plain-writer.js'

/** Longer texts are no bounds: whoever reads a footer reads all of them. */
const TEXT_BYTES_MAX = 240
const PREFIX_CODE_POINTS = 60

/** Bounds of a column in a file: integers, days, µs and unscaled decimals as a bigint. */
export interface ColumnBounds {
  readonly min?: bigint | string | boolean
  readonly max?: bigint | string | boolean
}

/**
 * Bounds as Statistics of parquet.thrift has them: as PLAIN encodes the values, texts without a length. Both or none,
 * as readers expect, and never cut.
 */
export function storedBounds(
  type: ParquetType,
  bounds: ValueBounds | undefined,
): { readonly min?: Uint8Array; readonly max?: Uint8Array } {
  if (!bounds || type === 'LIST') return {}
  const min = storedBound(type, bounds.min)
  const max = storedBound(type, bounds.max)
  return min.length <= TEXT_BYTES_MAX && max.length <= TEXT_BYTES_MAX ? { min, max } : {}
}

function storedBound(type: ParquetType, bound: Bound): Uint8Array {
  if (bound instanceof Uint8Array) return bound
  if (typeof bound === 'boolean') return Uint8Array.of(bound ? 1 : 0)
  if (typeof type === 'object') return bigEndian(bound, physicalOf(type).length as number)
  const bytes = Buffer.alloc(8)
  bytes.writeBigInt64LE(bound)
  return type === 'INTEGER' || type === 'DATE' ? bytes.subarray(0, 4) : bytes
}

function bigEndian(value: bigint, length: number): Uint8Array {
  const bytes = new Uint8Array(length)
  for (let i = length - 1, left = value; i >= 0; i--, left >>= 8n) bytes[i] = Number(left & 0xffn)
  return bytes
}

/** Bounds of a whole column. Of a long least text a prefix, which is below it; of a long greatest one nothing. */
export function columnBounds(type: ParquetType, bounds: ValueBounds | undefined): ColumnBounds {
  // Bounds inside a list say nothing of rows.
  if (!bounds || type === 'LIST') return {}
  const { min, max } = bounds
  if (!(min instanceof Uint8Array) || !(max instanceof Uint8Array)) {
    return { min, max } as ColumnBounds
  }
  const least = Buffer.from(min.buffer, min.byteOffset, min.length).toString()
  const low = min.length <= TEXT_BYTES_MAX ? least : [...least].slice(0, PREFIX_CODE_POINTS).join('')
  return max.length <= TEXT_BYTES_MAX ? { min: low, max: Buffer.from(max).toString() } : { min: low }
}
