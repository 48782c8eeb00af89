import { UsageError } from '@assay/core'
import type { DuckDBType } from '@duckdb/node-api'
import duckdb, { type DataChunk, type Vector } from '@duckdb/node-bindings'
import { ENTRY_BYTES } from '../columns/string-vector.js'
import { DuckDBArrayType, DuckDBListType, DuckDBMapType, DuckDBStructType, DuckDBTypeId } from './node-api.js'
import { readNulls } from './result-reader.js'

const STRING_TYPES: ReadonlySet<DuckDBType['typeId']> = new Set<DuckDBType['typeId']>([
  DuckDBTypeId.VARCHAR,
  DuckDBTypeId.BLOB,
  DuckDBTypeId.BIT,
  DuckDBTypeId.BIGNUM,
  DuckDBTypeId.GEOMETRY,
])

/**
 * What all columns of a chunk will take, as `weightOf` tells it of one. Throws `unsupported_column_type` for one that
 * can't be weighed.
 */
export function chunkWeight(chunk: DataChunk, types: readonly DuckDBType[]): number {
  const count = duckdb.data_chunk_get_size(chunk)
  let total_bytes = 0
  types.forEach((type, i) => {
    const weight_bytes = weightOf(duckdb.data_chunk_get_vector(chunk, i), type, count)
    if (weight_bytes === undefined) {
      throw new UsageError('unsupported_column_type', `column ${i + 1} of the result has the type ${type}`, {
        hint: 'cast it to VARCHAR',
      })
    }
    total_bytes += weight_bytes
  })
  return total_bytes
}

/**
 * About how many bytes the values of a vector will take as JavaScript values, without making them: one row of a
 * result can hold a list of 10⁸ numbers. Undefined for a type that can't be weighed.
 */
function weightOf(vector: Vector, type: DuckDBType, count: number): number | undefined {
  if (STRING_TYPES.has(type.typeId)) return count * ENTRY_BYTES + stringBytes(vector, count)
  if (type instanceof DuckDBListType) return listWeight(vector, count, [type.valueType])
  if (type instanceof DuckDBMapType) return listWeight(vector, count, [type.keyType, type.valueType])
  if (type instanceof DuckDBArrayType) {
    return weightOf(duckdb.array_vector_get_child(vector), type.valueType, count * type.length)
  }
  if (type instanceof DuckDBStructType) {
    return sum(type.entryTypes.map((entry, i) => weightOf(duckdb.struct_vector_get_child(vector, i), entry, count)))
  }
  if (type.typeId === DuckDBTypeId.UNION || type.typeId === DuckDBTypeId.VARIANT) return undefined
  return count * ENTRY_BYTES
}

/** A map is a list of structs of key and value. */
function listWeight(vector: Vector, count: number, types: readonly DuckDBType[]): number | undefined {
  const items = duckdb.list_vector_get_size(vector)
  const child = duckdb.list_vector_get_child(vector)
  const of = (i: number): Vector => (types.length === 1 ? child : duckdb.struct_vector_get_child(child, i))
  const weight = sum(types.map((type, i) => weightOf(of(i), type, items)))
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
