import type { Column, NamedColumn, SpanColumn } from '@assay/core'
import duckdb, {
  type Connection,
  type DataChunk,
  type TableFunctionBindInfo,
  type TableFunctionInfo,
  type Vector,
} from '@duckdb/node-bindings'
import { assertColumns } from './column-checks.js'
import { logicalTypeOf, tableTypeOf } from './column-types.js'
import { fixedWriter } from './fixed-vector.js'
import { dictionaryEntries, StringVectorWriter, spanBytes } from './string-vector.js'

/** Bytes of texts and byte strings that one chunk copies; a single larger value makes a chunk of its own. */
const CHUNK_BYTES_MAX = 8 * 2 ** 20
const CHUNK_ROWS = duckdb.vector_size()
const FUNCTION_NAME = 'assay_columns'

type WriteRows = (vector: Vector, from: number, count: number) => void

/** Columns on their way into DuckDB. */
interface Load {
  readonly columns: readonly NamedColumn[]
  readonly count: number
  readonly writers: readonly WriteRows[]
  readonly spans: readonly SpanColumn[]
  /** Kept only because entries that were written point into its memory. */
  readonly holders: readonly DataChunk[]
  next: number
  error: unknown
}

/**
 * Lets SQL read columns that lie in JavaScript's memory, through a table function that DuckDB calls for a chunk at
 * a time. DuckDB stores the rows on a thread of its own meanwhile: half the CPU of its appender, which copies
 * twice, and a quarter of the time on the event loop's thread.
 */
export class ColumnSource {
  readonly #loads = new Map<bigint, Load>()
  #lastId = 0n

  /** Registers the function for all connections of the database. */
  register(connection: Connection): void {
    const definition = duckdb.create_table_function()
    duckdb.table_function_set_name(definition, FUNCTION_NAME)
    duckdb.table_function_add_parameter(definition, duckdb.create_logical_type(duckdb.Type.BIGINT))
    duckdb.table_function_set_bind(definition, (info) => this.#bind(info))
    duckdb.table_function_set_init(definition, (info) => duckdb.init_set_max_threads(info, 1))
    duckdb.table_function_set_function(definition, (info, chunk) => this.#fill(info, chunk))
    duckdb.register_table_function(connection, definition)
    duckdb.destroy_table_function_sync(definition)
  }

  /**
   * Hands the SQL that reads the columns' first `count` rows to `work`, which may run one statement with it.
   * Throws `bad_column`.
   */
  async use<T>(columns: readonly NamedColumn[], count: number, work: (source: string) => Promise<T>): Promise<T> {
    assertColumns(columns, count)
    const load = prepareLoad(columns, count)
    const id = ++this.#lastId
    this.#loads.set(id, load)
    try {
      return await work(`${FUNCTION_NAME}(${id})`)
    } catch (error) {
      throw load.error ?? error
    } finally {
      this.#loads.delete(id)
    }
  }

  #bind(info: TableFunctionBindInfo): void {
    const load = this.#loads.get(duckdb.get_int64(duckdb.bind_get_parameter(info, 0)))
    if (!load) {
      duckdb.bind_set_error(info, 'no such load')
      return
    }
    for (const { name, column } of load.columns) {
      duckdb.bind_add_result_column(info, name, logicalTypeOf(tableTypeOf(column)))
    }
    duckdb.bind_set_bind_data(info, load)
    duckdb.bind_set_cardinality(info, load.count, true)
  }

  #fill(info: TableFunctionInfo, chunk: DataChunk): void {
    const load = duckdb.function_get_bind_data(info) as Load
    try {
      fillChunk(load, chunk)
    } catch (error) {
      load.error = error
      duckdb.function_set_error(info, 'a column is not as it should be')
    }
  }
}

function prepareLoad(columns: readonly NamedColumn[], count: number): Load {
  const strings = new StringVectorWriter(CHUNK_ROWS)
  const holders: DataChunk[] = []
  return {
    columns,
    count,
    writers: columns.map(({ column }) => rowsWriter(column, strings, holders)),
    spans: columns.flatMap(({ column }) => ('source' in column ? [column] : [])),
    holders,
    next: 0,
    error: undefined,
  }
}

/** A chunk without rows says that there are no more. */
function fillChunk(load: Load, chunk: DataChunk): void {
  const from = load.next
  let rows = Math.min(CHUNK_ROWS, load.count - from)
  // Also checks the spans, which the writers trust: it has to come first even for a single row.
  while (totalBytes(load.spans, from, rows) > CHUNK_BYTES_MAX && rows > 1) rows = Math.ceil(rows / 2)
  duckdb.data_chunk_set_size(chunk, rows)
  if (rows === 0) return
  load.writers.forEach((write, i) => {
    write(duckdb.data_chunk_get_vector(chunk, i), from, rows)
  })
  load.next = from + rows
}

function totalBytes(spans: readonly SpanColumn[], from: number, count: number): number {
  return spans.reduce((sum, span) => sum + spanBytes(span, from, count), 0)
}

function rowsWriter(column: Column, strings: StringVectorWriter, holders: DataChunk[]): WriteRows {
  if (column.type === 'DICTIONARY') {
    const holder = duckdb.create_data_chunk([logicalTypeOf('VARCHAR')])
    holders.push(holder)
    const entries = dictionaryEntries(column, duckdb.data_chunk_get_vector(holder, 0))
    return (vector, from, count) => {
      strings.writeCodes(vector, entries, column.codes, from, count)
      writeValidity(vector, count, (i) => column.codes[from + i] === -1)
    }
  }
  const write: WriteRows =
    'source' in column
      ? (vector, from, count) => strings.writeSpans(vector, column, from, count)
      : fixedWriter(column, CHUNK_ROWS)
  const { nulls } = column
  if (!nulls) return write
  return (vector, from, count) => {
    write(vector, from, count)
    writeValidity(vector, count, (i) => nulls[from + i] === 1)
  }
}

/** Marks null rows: a bit a row, set when it has a value. DuckDB hands out vectors whose rows all have one. */
function writeValidity(vector: Vector, count: number, isNull: (i: number) => boolean): void {
  const mask = new Uint8Array(Math.ceil(count / 64) * 8).fill(0xff)
  let isAny = false
  for (let i = 0; i < count; i++) {
    if (isNull(i)) {
      mask[i >> 3] = (mask[i >> 3] as number) & ~(1 << (i & 7))
      isAny = true
    }
  }
  if (!isAny) return
  duckdb.vector_ensure_validity_writable(vector)
  duckdb.copy_data_to_vector_validity(vector, 0, mask.buffer, 0, mask.byteLength)
}
