import {
  DuckDBArrayType,
  DuckDBListType,
  DuckDBMapType,
  DuckDBStructType,
  type DuckDBType,
  DuckDBTypeId,
} from '@duckdb/node-api'
import duckdb, { type Vector } from '@duckdb/node-bindings'
import { readNulls } from './result-reader.js'
import { ENTRY_BYTES } from './string-vector.js'

const STRING_TYPES: ReadonlySet<DuckDBTypeId> = new Set([
  DuckDBTypeId.VARCHAR,
  DuckDBTypeId.BLOB,
  DuckDBTypeId.BIT,
  DuckDBTypeId.BIGNUM,
  DuckDBTypeId.GEOMETRY,
])

/**
 * About how many bytes the values of a vector will take as JavaScript values, without making them: one row of a
 * result can hold a list of 10⁸ numbers. Undefined for a type that can't be weighed.
 */
export function weightOf(vector: Vector, type: DuckDBType, count: number): number | undefined {
  if (STRING_TYPES.has(type.typeId)) return count * ENTRY_BYTES + stringBytes(vector, count)
  if (type instanceof DuckDBListType || type instanceof DuckDBMapType) return listWeight(vector, type, count)
  if (type instanceof DuckDBArrayType) {
    return weightOf(duckdb.array_vector_get_child(vector), type.valueType, count * type.length)
  }
  if (type instanceof DuckDBStructType) {
    return sum(type.entryTypes.map((entry, i) => weightOf(duckdb.struct_vector_get_child(vector, i), entry, count)))
  }
  if (type.typeId === DuckDBTypeId.UNION || type.typeId === DuckDBTypeId.VARIANT) return undefined
  return count * ENTRY_BYTES
}

function listWeight(vector: Vector, type: DuckDBListType | DuckDBMapType, count: number): number | undefined {
  const items = duckdb.list_vector_get_size(vector)
  const child = duckdb.list_vector_get_child(vector)
  const weight =
    type instanceof DuckDBListType
      ? weightOf(child, type.valueType, items)
      : sum([type.keyType, type.valueType].map((t, i) => weightOf(duckdb.struct_vector_get_child(child, i), t, items)))
  return weight === undefined ? undefined : weight + count * ENTRY_BYTES
}

function sum(weights: readonly (number | undefined)[]): number | undefined {
  let total = 0
  for (const weight of weights) {
    if (weight === undefined) return undefined
    total += weight
  }
  return total
}

function stringBytes(vector: Vector, count: number): number {
  if (count === 0) return 0
  const nulls = readNulls(vector, count)
  const entries = duckdb.vector_get_data(vector, count * ENTRY_BYTES)
  const view = new DataView(entries.buffer, entries.byteOffset, entries.byteLength)
  let total = 0
  for (let i = 0; i < count; i++) if (!nulls?.[i]) total += view.getUint32(i * ENTRY_BYTES, true)
  return total
}
