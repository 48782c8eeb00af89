import { AssayError } from '@assay/core'
import duckdb, { type DataChunk, type Result, type Vector } from '@duckdb/node-bindings'
import { type TableType, tableTypeOfLogical } from '../columns/column-types.js'
import type { ResultChunk, ResultColumn } from './result-chunk.js'
import { readStrings } from './string-reader.js'

interface ResultField {
  readonly name: string
  readonly type: TableType
}

/** The rows of a started stream as typed columns. Throws `unsupported_column_type`, naming the column. */
export async function* readChunks(result: Result): AsyncGenerator<ResultChunk, void, undefined> {
  const fields = fieldsOf(result)
  for (;;) {
    const chunk = await duckdb.fetch_chunk(result)
    const count = chunk ? duckdb.data_chunk_get_size(chunk) : 0
    if (!chunk || count === 0) return
    yield readChunk(chunk, count, fields)
  }
}

function fieldsOf(result: Result): ResultField[] {
  return Array.from({ length: duckdb.column_count(result) }, (_, i) => {
    const name = duckdb.column_name(result, i)
    const type = tableTypeOfLogical(duckdb.column_logical_type(result, i))
    if (!type) {
      throw new AssayError(
        'unsupported_column_type',
        `column ${name} of the result has a type that can't be read as a column`,
        {
          hint: 'cast it to BIGINT, INTEGER, DOUBLE, DECIMAL(28,10), BOOLEAN, UTINYINT, DATE, TIMESTAMPTZ, UUID, VARCHAR or BLOB',
        },
      )
    }
    return { name, type }
  })
}

function readChunk(chunk: DataChunk, count: number, fields: readonly ResultField[]): ResultChunk {
  const columns = new Map<string, ResultColumn>()
  fields.forEach(({ name, type }, i) => {
    columns.set(name, readColumn(duckdb.data_chunk_get_vector(chunk, i), type, count))
  })
  return { count, columns }
}

function readColumn(vector: Vector, type: TableType, count: number): ResultColumn {
  const nulls = readNulls(vector, count)
  if (type === 'VARCHAR' || type === 'BLOB') return { type, ...readStrings(vector, count, nulls) }
  const column = readFixed(vector, type, count)
  return nulls ? { ...column, nulls } : column
}

function readFixed(vector: Vector, type: Exclude<TableType, 'VARCHAR' | 'BLOB'>, count: number): ResultColumn {
  switch (type) {
    case 'BIGINT':
    case 'TIMESTAMPTZ':
      return { type, data: new BigInt64Array(copyOut(vector, count * 8)) }
    case 'INTEGER':
    case 'DATE':
      return { type, data: new Int32Array(copyOut(vector, count * 4)) }
    case 'DOUBLE':
      return { type, data: new Float64Array(copyOut(vector, count * 8)) }
    case 'BOOLEAN':
    case 'UTINYINT':
      return { type, data: new Uint8Array(copyOut(vector, count)) }
    case 'DECIMAL':
      return { type, data: new Uint8Array(copyOut(vector, count * 16)) }
    case 'UUID':
      return { type, data: uuidsInByteOrder(new Uint8Array(copyOut(vector, count * 16)), count) }
  }
}

/** The binding hands out a copy; it is taken as it is when it begins a buffer of its own. */
function copyOut(vector: Vector, size_bytes: number): ArrayBuffer {
  const copy = duckdb.vector_get_data(vector, size_bytes)
  if (copy.byteOffset === 0 && copy.buffer.byteLength === size_bytes) return copy.buffer as ArrayBuffer
  return Uint8Array.from(copy).buffer
}

/** Turns DuckDB's form of UUIDs (see `fixed-vector.ts`) into the order of RFC 9562. */
function uuidsInByteOrder(data: Uint8Array, count: number): Uint8Array {
  for (let at = 0; at < count * 16; at += 16) {
    data.subarray(at, at + 16).reverse()
    data[at] = (data[at] as number) ^ 0x80
  }
  return data
}

/** Which rows are null; undefined when none is. */
export function readNulls(vector: Vector, count: number): Uint8Array | undefined {
  // The binding gives null, which its types don't tell, when the vector has no mask.
  const mask: Uint8Array | null = duckdb.vector_get_validity(vector, Math.ceil(count / 64) * 8)
  if (!mask) return undefined
  let nulls: Uint8Array | undefined
  for (let i = 0; i < count; i++) {
    if (((mask[i >> 3] as number) >> (i & 7)) & 1) continue
    nulls ??= new Uint8Array(count)
    nulls[i] = 1
  }
  return nulls
}
