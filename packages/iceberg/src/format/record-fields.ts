import type { AvroRecord } from '@assay/avro'
import { AssayError } from '@assay/core'

/** Access to the fields of a decoded Avro record; every mismatch is `corrupt_manifest`. */
export function corruptManifest(message: string, cause?: unknown): AssayError {
  return new AssayError('corrupt_manifest', message, {
    ...(cause !== undefined && { cause }),
    hint: 'the file is damaged, or another engine wrote it wrongly: restore it from a copy',
  })
}

export function textOf(record: AvroRecord, name: string): string {
  const value = record[name]
  if (typeof value === 'string') return value
  throw corruptManifest(`${name} is not a text`)
}

export function numberOf(record: AvroRecord, name: string): number {
  const value = optionalNumber(record, name)
  if (value !== undefined) return value
  throw corruptManifest(`${name} is missing`)
}

export function optionalNumber(record: AvroRecord, name: string): number | undefined {
  const value = record[name]
  if (value === null || value === undefined) return undefined
  if (typeof value === 'number') return value
  throw corruptManifest(`${name} is not an integer below 2^53`)
}

export function optionalId(record: AvroRecord, name: string): bigint | undefined {
  const value = record[name]
  if (value === null || value === undefined) return undefined
  if (typeof value === 'number' || typeof value === 'bigint') return BigInt(value)
  throw corruptManifest(`${name} is not an integer`)
}

export function optionalBytes(record: AvroRecord, name: string): Uint8Array | undefined {
  const value = record[name]
  if (value === null || value === undefined) return undefined
  if (value instanceof Uint8Array) return value
  throw corruptManifest(`${name} is not a byte string`)
}

export function optionalMap<V>(
  record: AvroRecord,
  name: string,
  admits: (value: unknown) => value is V,
): ReadonlyMap<number, V> | undefined {
  const value = record[name]
  if (value === null || value === undefined) return undefined
  if (!(value instanceof Map)) throw corruptManifest(`${name} is not a map`)
  for (const [key, one] of value) {
    if (typeof key !== 'number' || !admits(one)) throw corruptManifest(`${name} holds a value of another type`)
  }
  return value as ReadonlyMap<number, V>
}

export function optionalNumbers(record: AvroRecord, name: string): readonly number[] | undefined {
  const value = record[name]
  if (value === null || value === undefined) return undefined
  if (Array.isArray(value) && value.every((one) => typeof one === 'number')) return value as readonly number[]
  throw corruptManifest(`${name} is not a list of integers`)
}

export function recordOf(value: unknown, name: string): AvroRecord {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as AvroRecord
  throw corruptManifest(`${name} is not a record`)
}
