import { AssayError } from '@assay/core'
import type { DuckDBValue } from '@duckdb/node-api'
import duckdb, { type Result } from '@duckdb/node-bindings'
import {
  DuckDBBlobValue,
  DuckDBDataChunk,
  DuckDBDateValue,
  DuckDBListValue,
  DuckDBResult,
  DuckDBStructValue,
  DuckDBTimestampTZValue,
  DuckDBTimestampValue,
} from './node-api.js'
import { chunkWeight } from './result-weight.js'
import type { Stream } from './stream.js'

/** A column of a result and its DuckDB type, such as `DECIMAL(28,10)` or `TIMESTAMP WITH TIME ZONE`. */
interface QueryColumn {
  readonly name: string
  readonly type: string
}

export interface QueryResult {
  /** Names are unique: a second `a` is `a:1`. */
  readonly columns: readonly QueryColumn[]
  /** Values in the order of the columns, as `Session.rows` describes them. */
  readonly rows: readonly (readonly unknown[])[]
  /** True when the result has more rows than were asked for. */
  readonly isTruncated: boolean
}

const RESULT_BYTES_MAX = 64 * 2 ** 20

/**
 * Reads the first `maxRows` rows of a stream and ends it. Throws `result_too_large` past 64 MiB, before the values
 * are made.
 */
export async function readRows(stream: Stream, maxRows: number): Promise<QueryResult> {
  let rows: QueryResult
  try {
    rows = await readSome(stream.result, maxRows)
  } catch (error) {
    await stream.abandon()
    throw error
  }
  await (rows.isTruncated ? stream.abandon() : stream.finish())
  return rows
}

async function readSome(result: Result, maxRows: number): Promise<QueryResult> {
  const outline = new DuckDBResult(result)
  const types = outline.columnTypes()
  const columns = outline.deduplicatedColumnNames().map((name, i) => ({ name, type: String(types[i]) }))
  const rows: unknown[][] = []
  let weight_bytes = 0
  for (;;) {
    const chunk = await duckdb.fetch_chunk(result)
    if (!chunk || duckdb.data_chunk_get_size(chunk) === 0) return { columns, rows, isTruncated: false }
    weight_bytes += chunkWeight(chunk, types)
    if (weight_bytes > RESULT_BYTES_MAX) throw tooLarge()
    for (const row of new DuckDBDataChunk(chunk).getRows()) {
      if (rows.length === maxRows) return { columns, rows, isTruncated: true }
      rows.push(row.map(plainValue))
    }
  }
}

function tooLarge(): AssayError {
  return new AssayError('result_too_large', `the result takes more than ${RESULT_BYTES_MAX / 2 ** 20} MiB`, {
    hint: 'select fewer columns or rows, or aggregate',
  })
}

/** Values never lose a digit: what JavaScript can't hold exactly is a bigint or text. */
function plainValue(value: DuckDBValue): unknown {
  if (value === null || typeof value !== 'object') return value
  if (value instanceof DuckDBBlobValue) return value.bytes
  if (value instanceof DuckDBDateValue) return value.days
  if (value instanceof DuckDBTimestampTZValue || value instanceof DuckDBTimestampValue) return value.micros
  if (value instanceof DuckDBListValue) return value.items.map(plainValue)
  if (value instanceof DuckDBStructValue) {
    return Object.fromEntries(Object.entries(value.entries).map(([name, item]) => [name, plainValue(item)]))
  }
  return String(value)
}
