import { AssayError } from '@assay/core'
import type { DuckDBType } from '@duckdb/node-api'
import duckdb, { type DataChunk } from '@duckdb/node-bindings'
import { DuckDBDataChunk, DuckDBResult } from '../results/node-api.js'
import { chunkWeight } from '../results/result-weight.js'
import type { Stream } from '../results/stream.js'
import { queryError } from './query-error.js'
import { type PlainValue, plainValue, type ValueType, valueTypeOf } from './value-type.js'

/** A column of an answer; names are unique: a second `a` is `a:1`. */
export interface AnswerColumn {
  readonly name: string
  /** As DuckDB writes it, such as `DECIMAL(28,10)`. */
  readonly sqlType: string
  readonly type: ValueType
}

/** Some rows of an answer, in order, a column at a time. */
export interface AnswerChunk {
  readonly count: number
  /** Bytes that the values of the chunk take, about. */
  readonly weight_bytes: number
  readonly columns: readonly (readonly PlainValue[])[]
}

/** An answer that is computed as it is read. Its rows count only once `chunks` has ended without an error. */
export interface AnswerStream {
  readonly columns: readonly AnswerColumn[]
  chunks(): AsyncGenerator<AnswerChunk, void, undefined>
}

const CHUNK_BYTES_MAX = 64 * 2 ** 20

/** Throws `unsupported_column_type`, having ended the stream. */
export async function readAnswer(stream: Stream): Promise<AnswerStream> {
  try {
    const outline = new DuckDBResult(stream.result)
    const types = outline.columnTypes()
    const names = outline.deduplicatedColumnNames()
    const columns = types.map((type, i) => {
      const name = names[i] as string
      return { name, sqlType: String(type), type: valueTypeOf(name, type) }
    })
    return { columns, chunks: () => readChunks(stream, columns, types) }
  } catch (error) {
    await stream.abandon()
    throw error
  }
}

async function* readChunks(
  stream: Stream,
  columns: readonly AnswerColumn[],
  types: readonly DuckDBType[],
): AsyncGenerator<AnswerChunk, void, undefined> {
  let isFinished = false
  try {
    for (;;) {
      const chunk = await duckdb.fetch_chunk(stream.result)
      const count = chunk ? duckdb.data_chunk_get_size(chunk) : 0
      if (!chunk || count === 0) break
      const weight_bytes = weighed(chunk, types, count)
      const values = new DuckDBDataChunk(chunk)
      yield {
        count,
        weight_bytes,
        columns: columns.map(({ type }, i) => values.getColumnValues(i).map((value) => plainValue(value, type))),
      }
    }
    isFinished = true
    await stream.finish()
  } catch (error) {
    throw queryError(error)
  } finally {
    if (!isFinished) await stream.abandon()
  }
}

/** One row can hold a list of 10⁸ numbers: a chunk is weighed before its values are made. */
function weighed(chunk: DataChunk, types: readonly DuckDBType[], count: number): number {
  const weight_bytes = chunkWeight(chunk, types)
  if (weight_bytes > CHUNK_BYTES_MAX) {
    throw new AssayError('query_too_large', `${count} rows of the result take over ${CHUNK_BYTES_MAX / 2 ** 20} MiB`, {
      hint: 'select fewer or shorter columns, unnest long lists, or aggregate',
    })
  }
  return weight_bytes
}
