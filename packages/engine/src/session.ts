import { AssayError, type NamedColumn } from '@assay/core'
import duckdb, { type Connection } from '@duckdb/node-bindings'
import type { ColumnSource } from './columns/column-source.js'
import { engineError } from './errors.js'
import { interruptUntilSettled } from './interrupt.js'
import { type WriteParquetRequest, type WrittenParquet, writeParquet } from './parquet-writer.js'
import type { ResultChunk } from './results/result-chunk.js'
import { readChunks } from './results/result-reader.js'
import { type QueryResult, readRows } from './results/row-reader.js'
import { openStream } from './results/stream.js'
import { quoteIdentifier } from './sql-text.js'
import { whileRunning } from './stand-still.js'
import { type TemporaryTable, temporaryTable } from './temporary-table.js'

/**
 * A connection with its own temporary tables. It does one thing at a time: a call while another is under way, or
 * while a `read` is open, throws `session_busy`. Failed statements throw `engine_statement_failed`,
 * `engine_out_of_memory` or `engine_interrupted`.
 */
export interface Session {
  /** Runs statements for their effect. */
  run(sql: string): Promise<void>
  /** Makes (or makes anew) a temporary table of a query's rows. */
  createTable(name: string, select: string): Promise<TemporaryTable>
  /** Makes (or makes anew) a temporary view of a query. */
  createView(name: string, select: string): Promise<TemporaryTable>
  /** Makes (or makes anew) a temporary table of the columns and fills it with their first `count` rows. */
  load(name: string, columns: readonly NamedColumn[], count: number): Promise<TemporaryTable>
  /** Adds rows to a table that `load` made; the columns are the same, in the same order. */
  append(table: TemporaryTable, columns: readonly NamedColumn[], count: number): Promise<void>
  /**
   * A small result as objects. BIGINT and HUGEINT are bigint; other integers and DOUBLE number; DECIMAL exact text;
   * TIMESTAMP(TZ) bigint, µs since 1970; DATE number, days since 1970; BLOB Uint8Array; UUID and other types text;
   * LIST an array. Throws `too_many_rows` beyond `maxRows` (default 10,000).
   */
  rows(sql: string, maxRows?: number): Promise<Record<string, unknown>[]>
  /** A small result as rows of values, described as in `rows`, and what its columns are; cut after `maxRows`. */
  query(sql: string, maxRows: number): Promise<QueryResult>
  /** A result of any size as typed columns, in order, computed as it is read. It may be left early. */
  read(sql: string): AsyncIterable<ResultChunk>
  /** Writes a query's rows to a Parquet file, in order. Nothing of the file is left when it fails. */
  writeParquet(request: WriteParquetRequest): Promise<WrittenParquet>
  /** Stops what runs: it throws `engine_interrupted`. */
  interrupt(): void
  /** Interrupts what runs, waits for it to end, and frees the session's tables. */
  close(): Promise<void>
}

const ROWS_MAX = 10_000

export function sessionClosed(hint: string): AssayError {
  return new AssayError('session_closed', 'the session is closed', { hint })
}

export function createSession(connection: Connection, source: ColumnSource, onClose: () => void): Session {
  return new DuckSession(connection, source, onClose)
}

class DuckSession implements Session {
  readonly #connection: Connection
  readonly #source: ColumnSource
  readonly #onClose: () => void
  #underWay: Promise<unknown> | undefined
  /** The latest statement, for what its failure does not say by itself. */
  #sql = ''
  #isReading = false
  #isInterrupted = false
  #closing: Promise<void> | undefined

  constructor(connection: Connection, source: ColumnSource, onClose: () => void) {
    this.#connection = connection
    this.#source = source
    this.#onClose = onClose
  }

  run(sql: string): Promise<void> {
    return this.#alone(sql, async () => {
      await duckdb.query(this.#connection, sql)
    })
  }

  async createTable(name: string, select: string): Promise<TemporaryTable> {
    const table = temporaryTable(name)
    await this.run(`create or replace temp table ${quoteIdentifier(name)} as ${select}`)
    return table
  }

  async createView(name: string, select: string): Promise<TemporaryTable> {
    const view = temporaryTable(name)
    await this.run(`create or replace temp view ${quoteIdentifier(name)} as ${select}`)
    return view
  }

  async load(name: string, columns: readonly NamedColumn[], count: number): Promise<TemporaryTable> {
    const table = temporaryTable(name)
    await this.#store(columns, count, `create or replace temp table ${quoteIdentifier(name)} as`)
    return table
  }

  append(table: TemporaryTable, columns: readonly NamedColumn[], count: number): Promise<void> {
    return this.#store(columns, count, `insert into temp.main.${quoteIdentifier(table.name)}`)
  }

  #store(columns: readonly NamedColumn[], count: number, into: string): Promise<void> {
    return this.#alone(into, () =>
      this.#source.use(columns, count, async (source) => {
        await duckdb.query(this.#connection, `${into} select * from ${source}`)
      }),
    )
  }

  rows(sql: string, maxRows: number = ROWS_MAX): Promise<Record<string, unknown>[]> {
    return this.#alone(sql, async () => {
      const { columns, rows, isTruncated } = await readRows(await openStream(this.#connection, sql), maxRows)
      if (isTruncated) {
        throw new AssayError('too_many_rows', `the result has more than ${maxRows} rows`, {
          hint: 'read large results with read(), in chunks',
        })
      }
      return rows.map((row) => Object.fromEntries(columns.map(({ name }, i) => [name, row[i]])))
    })
  }

  query(sql: string, maxRows: number): Promise<QueryResult> {
    return this.#alone(sql, async () => readRows(await openStream(this.#connection, sql), maxRows))
  }

  async *read(sql: string): AsyncGenerator<ResultChunk, void, undefined> {
    const stream = await this.#alone(sql, () => openStream(this.#connection, sql))
    this.#isReading = true
    let isFinished = false
    try {
      const chunks = readChunks(stream.result)
      for (;;) {
        const next = await this.#track(() => chunks.next())
        if (next.done) break
        yield next.value
      }
      if (this.#isInterrupted) throw interruptedBy('the read was interrupted')
      isFinished = true
      await this.#track(() => stream.finish())
    } finally {
      this.#isReading = false
      if (!isFinished && !this.#closing) await this.#track(() => stream.abandon())
    }
  }

  writeParquet(request: WriteParquetRequest): Promise<WrittenParquet> {
    return this.#alone(request.select, () => writeParquet(this.#connection, request))
  }

  interrupt(): void {
    if (this.#closing) return
    this.#isInterrupted = true
    duckdb.interrupt(this.#connection)
  }

  /** Closes the session; further calls wait for the same end. */
  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    // Disconnecting under a running statement would free what it works on.
    await interruptUntilSettled(this.#connection, this.#underWay)
    duckdb.disconnect_sync(this.#connection)
    this.#onClose()
  }

  async #alone<T>(sql: string, work: () => Promise<T>): Promise<T> {
    if (this.#underWay || this.#isReading) {
      throw new AssayError('session_busy', 'the session is still at its last statement', {
        hint: 'await it, end the read, or open another session',
      })
    }
    this.#isInterrupted = false
    this.#sql = sql
    return this.#track(work)
  }

  async #track<T>(work: () => Promise<T>): Promise<T> {
    if (this.#closing) throw sessionClosed('open another session')
    const underWay = whileRunning(this.#connection, work)
    this.#underWay = underWay
    try {
      return await underWay
    } catch (error) {
      throw this.#failureOf(error)
    } finally {
      this.#underWay = undefined
    }
  }

  /** A stream that was interrupted breaks off without a reason that the engine could tell. */
  #failureOf(error: unknown): AssayError {
    const failure = engineError(error, this.#sql)
    const isStopped = this.#closing !== undefined || this.#isInterrupted
    if (!isStopped || failure.code !== 'engine_statement_failed') return failure
    return interruptedBy('the statement was interrupted', error)
  }
}

function interruptedBy(message: string, cause?: unknown): AssayError {
  return engineError(new Error(`INTERRUPT Error: ${message}`, { cause }))
}
