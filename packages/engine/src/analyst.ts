import { AssayError, type Clock, systemClock, UsageError } from '@assay/core'
import duckdb, { type Connection, type Database, type PreparedStatement } from '@duckdb/node-bindings'
import { type EngineOptions, openDatabase } from './engine.js'
import { engineError, failureOf, messageOf } from './errors.js'
import { INTERRUPT_AGAIN_MS } from './interrupt.js'
import { type QueryResult, readRows } from './row-reader.js'
import { quoteIdentifier, quoteText } from './sql-text.js'
import { whileRunning } from './stand-still.js'
import { gateStatement, refused } from './statement-gate.js'
import { openStream } from './stream.js'

export interface AnalystOptions extends EngineOptions {
  /** Folders whose files the views may read; nothing else can be read, and nothing written. */
  readonly allowedDirectories: readonly string[]
  /** Time for one query, from its start to its last row. */
  readonly timeout_ms: number
  /** Rows that a result gives at most. Default 10,000. */
  readonly maxRows?: number
  readonly clock?: Clock
}

export type QueryParam = string | number | bigint | boolean | null

/** A DuckDB instance for statements written by people: they read the views given, and can do nothing else. */
export interface Analyst {
  /**
   * Defines (or replaces) a view under its bare and its qualified name. A query that runs keeps the view that it
   * began with. Throws `engine_statement_failed` when the select is wrong.
   */
  defineView(name: string, select: string, schema?: string): Promise<void>
  /** Shuts the instance off from files, but for the allowed folders, for good. Before it, no query is taken. */
  lock(): Promise<void>
  /**
   * Runs one SELECT, or an EXPLAIN of one; `params` are the values of `$1`, `$2` … Throws `statement_refused`, `query_invalid` (both UsageErrors),
   * `query_timeout` or `query_too_large`; whatever it throws, the next query is served.
   */
  query(sql: string, params?: readonly QueryParam[]): Promise<QueryResult>
  /** Interrupts the queries that run, waits for them, and frees everything. */
  close(): Promise<void>
}

const ROWS_MAX = 10_000
const SCHEMA = 'market_data'
/**
 * It computes constants while planning, where neither the limit of memory nor an interrupt reaches: `range(100000000)`
 * takes it 9 GB and two minutes, and is refused at once without it. Filters are pushed into Parquet all the same.
 */
const UNSAFE_OPTIMIZER = 'expression_rewriter'
/** Time after the interrupt for a query to end by itself, before its caller is answered without waiting on. */
const GRACE_MS = 2_000
/** Queries past their grace, each of which holds one of libuv's few threads, beyond which no other is taken. */
const STUCK_MAX = 1
export async function openAnalyst(options: AnalystOptions): Promise<Analyst> {
  return new DuckAnalyst(await openDatabase(options), options)
}

class DuckAnalyst implements Analyst {
  readonly #database: Database
  readonly #options: AnalystOptions
  readonly #clock: Clock
  readonly #running = new Map<Promise<unknown>, AbortController>()
  #stuck = 0
  #isLocked = false
  #isClosed = false

  constructor(database: Database, options: AnalystOptions) {
    this.#database = database
    this.#options = options
    this.#clock = options.clock ?? systemClock
  }

  async defineView(name: string, select: string, schema: string = SCHEMA): Promise<void> {
    const view = (place: string): string =>
      `create or replace view ${quoteIdentifier(place)}.${quoteIdentifier(name)} as ${select};`
    const bare = schema === 'main' ? '' : view('main')
    await this.#execute(`create schema if not exists ${quoteIdentifier(schema)}; ${view(schema)} ${bare}`)
  }

  async lock(): Promise<void> {
    if (this.#isLocked) return
    const directories = this.#options.allowedDirectories.map(quoteText).join(', ')
    await this.#execute(
      `set global allowed_directories = [${directories}];
       set global enable_external_access = false;
       set global disabled_optimizers = '${UNSAFE_OPTIMIZER}';
       set global lock_configuration = true`,
    )
    this.#isLocked = true
  }

  async query(sql: string, params: readonly QueryParam[] = []): Promise<QueryResult> {
    if (!this.#isLocked || this.#isClosed) {
      throw new AssayError('analyst_not_ready', 'the analyst is not locked yet, or closed', {
        hint: 'define the views and call lock() before the first query',
      })
    }
    if (this.#stuck > STUCK_MAX) {
      throw new AssayError('analyst_busy', 'earlier queries are being stopped still', {
        hint: 'try again later',
        retryable: true,
      })
    }
    const stop = new AbortController()
    const running = this.#queryWithin(sql, params, stop)
    this.#running.set(running, stop)
    const done = new AbortController()
    const settled = running
      .catch(() => undefined)
      .then(() => {
        this.#running.delete(running)
        done.abort()
      })
    await Promise.race([settled, this.#clock.sleep(this.#options.timeout_ms + GRACE_MS, done.signal)])
    if (done.signal.aborted) return running
    this.#stuck++
    settled.then(() => this.#stuck--)
    throw this.#queryError(undefined, stop.signal)
  }

  async close(): Promise<void> {
    if (this.#isClosed) return
    this.#isClosed = true
    const running = [...this.#running]
    for (const [, stop] of running) stop.abort()
    await Promise.allSettled(running.map(([query]) => query))
    duckdb.close_sync(this.#database)
  }

  async #execute(sql: string): Promise<void> {
    try {
      const connection = await duckdb.connect(this.#database)
      try {
        await whileRunning(connection, () => duckdb.query(connection, sql))
      } finally {
        duckdb.disconnect_sync(connection)
      }
    } catch (error) {
      throw engineError(error)
    }
  }

  /** One connection a query: queries run beside one another, and nothing of one is left to the next. */
  async #queryWithin(sql: string, params: readonly QueryParam[], stop: AbortController): Promise<QueryResult> {
    const connection = await duckdb.connect(this.#database)
    const done = new AbortController()
    const watch = this.#interruptWhenDue(connection, stop, done.signal)
    try {
      return await whileRunning(connection, async () => {
        const statement = await gateStatement(connection, sql)
        stop.signal.throwIfAborted()
        const stream = await openStream(connection, statement, (prepared) => {
          stop.signal.throwIfAborted()
          assertReads(prepared)
          bindParams(prepared, params)
        })
        const rows = await readRows(stream, this.#options.maxRows ?? ROWS_MAX)
        stop.signal.throwIfAborted()
        return rows
      })
    } catch (error) {
      throw this.#queryError(error, stop.signal)
    } finally {
      done.abort()
      await watch
      duckdb.disconnect_sync(connection)
    }
  }

  async #interruptWhenDue(connection: Connection, stop: AbortController, done: AbortSignal): Promise<void> {
    await this.#clock.sleep(this.#options.timeout_ms, AbortSignal.any([done, stop.signal]))
    if (!done.aborted) stop.abort()
    while (!done.aborted) {
      duckdb.interrupt(connection)
      await this.#clock.sleep(INTERRUPT_AGAIN_MS, done)
    }
  }

  #queryError(error: unknown, stop: AbortSignal): AssayError {
    if (stop.aborted) {
      const why = this.#isClosed ? 'the service is stopping' : `it took longer than ${this.#options.timeout_ms} ms`
      return new AssayError('query_timeout', `The query was stopped: ${why}.`, {
        cause: error,
        hint: 'narrow it to fewer days or symbols, or aggregate in steps',
      })
    }
    const failure = failureOf(error)
    const isTooLarge = error instanceof AssayError && error.code === 'result_too_large'
    if (failure === 'out_of_memory' || isTooLarge) {
      return new AssayError('query_too_large', messageOf(error), {
        cause: error,
        hint: 'narrow it to fewer days, symbols or columns, or aggregate',
      })
    }
    if (error instanceof AssayError) return error
    if (failure === 'refused_by_sandbox') return refused('it reads a file')
    if (failure === 'fatal' || failure === 'io') return engineError(error)
    return new UsageError('query_invalid', messageOf(error), { cause: error, hint: 'mend the SQL as the message says' })
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
