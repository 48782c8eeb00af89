import { AssayError, UsageError } from '@assay/core'
import duckdb, { type Connection, type Database, type PreparedStatement } from '@duckdb/node-bindings'
import { type EngineOptions, openDatabase } from '../engine.js'
import { DuckDBResult } from '../results/node-api.js'
import { openStream } from '../results/stream.js'
import { quoteIdentifier, quoteText } from '../sql-text.js'
import { type AnswerStream, readAnswer } from './answer-stream.js'
import { parquetTypeInstead } from './parquet-type.js'
import { queryError, refused } from './query-error.js'
import { type GatedStatement, gateStatement } from './statement-gate.js'

export type QueryParam = string | number | bigint | boolean | null

/** What a locked instance may still touch. */
export interface AllowedFiles {
  readonly read: readonly string[]
  /** A file to be written, in place, by `exportParquet`. */
  readonly write?: string
}

/**
 * A DuckDB instance for one statement written by people: `inspect` it, define the tables that it reads, `lock`, then
 * `open` or `exportParquet`. The statement reads the files given and can do nothing else. What it takes of time and
 * memory, and that it can end the process, is for the process around it to bound.
 *
 * Statements fail with `query_refused` or `query_invalid` (both UsageErrors), `query_memory`, `query_too_large`,
 * `query_files_gone` or `query_crashed`.
 */
export interface Analyst {
  /** What the statement reads, of these tables and views. Nothing of it is run. */
  inspect(sql: string, tables: Iterable<string>): Promise<GatedStatement>
  /**
   * Defines a view under its bare and its qualified name. Throws `engine_statement_failed` when the select is wrong.
   */
  defineView(name: string, select: string): Promise<void>
  /** Shuts the instance off from all other files, and its settings from change, for good. */
  lock(files: AllowedFiles): Promise<void>
  /** Starts a statement that was let through; `params` are the values of `$1`, `$2` … */
  open(statement: GatedStatement, params: readonly QueryParam[]): Promise<AnswerStream>
  /** Writes the statement's rows to the Parquet file that may be written, exact in every column. Returns how many. */
  exportParquet(statement: GatedStatement): Promise<bigint>
  /** Frees everything. Nothing may be running. */
  close(): void
}

const SCHEMA = 'market_data'
const EXPORTED = '"assay.exported"'
/**
 * It computes constants while planning, where the engine's own limit of memory does not reach: `range(100000000)`
 * takes it 9 GB and two minutes, and is refused at once without it. Filters are pushed into Parquet all the same.
 */
const UNSAFE_OPTIMIZER = 'expression_rewriter'

/**
 * What is computed ahead of the reader. The engine counts rows here as if texts were short: at its usual megabyte,
 * rows of 10 kB take 600 MB before the first is read.
 */
const STREAMING_BUFFER = '64KB'

export async function openAnalyst(options: EngineOptions): Promise<Analyst> {
  const database = await openDatabase(options)
  return new DuckAnalyst(database, await duckdb.connect(database))
}

class DuckAnalyst implements Analyst {
  readonly #database: Database
  readonly #connection: Connection
  #files: AllowedFiles | undefined

  constructor(database: Database, connection: Connection) {
    this.#database = database
    this.#connection = connection
  }

  inspect(sql: string, tables: Iterable<string>): Promise<GatedStatement> {
    return this.#attempt(() => gateStatement(this.#connection, sql, tables))
  }

  defineView(name: string, select: string): Promise<void> {
    const bare = `main.${quoteIdentifier(name)}`
    return this.#attempt(async () => {
      await duckdb.query(
        this.#connection,
        `create schema if not exists ${SCHEMA}; create view ${bare} as ${select};
         create view ${SCHEMA}.${quoteIdentifier(name)} as from ${bare}`,
      )
    })
  }

  async lock(files: AllowedFiles): Promise<void> {
    const paths = files.write === undefined ? files.read : [...files.read, files.write]
    await duckdb.query(
      this.#connection,
      `set global allowed_paths = [${paths.map(quoteText).join(', ')}];
       set global enable_external_access = false;
       set global disabled_optimizers = '${UNSAFE_OPTIMIZER}';
       set streaming_buffer_size = '${STREAMING_BUFFER}';
       set global lock_configuration = true`,
    )
    this.#files = files
  }

  open(statement: GatedStatement, params: readonly QueryParam[]): Promise<AnswerStream> {
    this.#assertLocked()
    return this.#attempt(async () => {
      const stream = await openStream(this.#connection, statement.sql, (prepared) => {
        assertReads(prepared)
        bindParams(prepared, params)
      })
      return readAnswer(stream)
    })
  }

  exportParquet(statement: GatedStatement): Promise<bigint> {
    const path = this.#assertLocked().write
    if (path === undefined) throw new RangeError('no file may be written')
    if (statement.isExplain) throw refused('an EXPLAIN has no rows to export')
    return this.#attempt(async () => {
      // A view, unlike COPY (…), takes a statement as it was written, with a semicolon and comments behind it.
      await duckdb.query(this.#connection, `create temp view ${EXPORTED} as ${statement.sql}`)
      const select = `select ${await this.#exactColumns()} from ${EXPORTED}`
      const options = 'format parquet, compression zstd, use_tmp_file false'
      const copied = new DuckDBResult(
        await duckdb.query(this.#connection, `copy (${select}) to ${quoteText(path)} (${options})`),
      )
      const [row] = await copied.getRows()
      return BigInt(String(row?.[0]))
    })
  }

  close(): void {
    duckdb.disconnect_sync(this.#connection)
    duckdb.close_sync(this.#database)
  }

  /** The columns of the exported view, each as the type that Parquet holds exactly. */
  async #exactColumns(): Promise<string> {
    const outline = new DuckDBResult(await duckdb.query(this.#connection, `from ${EXPORTED} limit 0`))
    return outline
      .deduplicatedColumnNames()
      .map((name, i) => {
        const instead = parquetTypeInstead(outline.columnType(i))
        // By its number, since a view's columns may be of one name but for their case.
        return instead === undefined
          ? `#${i + 1} as ${quoteIdentifier(name)}`
          : `cast(#${i + 1} as ${instead}) as ${quoteIdentifier(name)}`
      })
      .join(', ')
  }

  #assertLocked(): AllowedFiles {
    if (this.#files) return this.#files
    throw new AssayError('analyst_not_ready', 'the analyst is not locked yet', {
      hint: 'define the views and call lock() before the statement',
    })
  }

  async #attempt<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work()
    } catch (error) {
      throw queryError(error)
    }
  }
}

/** Asks the parser a second time, of what is about to run. */
function assertReads(prepared: PreparedStatement): void {
  const type = duckdb.prepared_statement_type(prepared)
  if (type !== duckdb.StatementType.SELECT && type !== duckdb.StatementType.EXPLAIN) throw refused('it is not a SELECT')
}

function bindParams(prepared: PreparedStatement, params: readonly QueryParam[]): void {
  const expected = duckdb.nparams(prepared)
  if (params.length !== expected) {
    throw new UsageError('query_invalid', `the statement has ${expected} parameters, ${params.length} were given`, {
      hint: 'give a value for each of $1, $2 …',
    })
  }
  params.forEach((value, i) => {
    bindParam(prepared, i + 1, value)
  })
}

function bindParam(prepared: PreparedStatement, index: number, value: QueryParam): void {
  if (value === null) duckdb.bind_null(prepared, index)
  else if (typeof value === 'boolean') duckdb.bind_boolean(prepared, index, value)
  else if (typeof value === 'string') duckdb.bind_varchar(prepared, index, value)
  else if (typeof value === 'bigint') duckdb.bind_int64(prepared, index, value)
  else if (Number.isSafeInteger(value)) duckdb.bind_int64(prepared, index, BigInt(value))
  else duckdb.bind_double(prepared, index, value)
}
