import { AssayError, type NamedColumn } from '@assay/core'
import duckdb, { type Connection } from '@duckdb/node-bindings'
import type { ColumnSource } from './column-source.js'
import { engineError } from './errors.js'
import { type WriteParquetRequest, type WrittenParquet, writeParquet } from './parquet-writer.js'
import type { ResultChunk } from './result-chunk.js'
import { abandonStream, readChunks, startStream } from './result-reader.js'
import { readRows } from './row-reader.js'
import { quoteIdentifier } from './sql-text.js'

/**
 * A connection with its own temporary tables. It does one thing at a time: a call while another is under way, or
 * while a `read` is open, throws `session_busy`. Failed statements throw `engine_statement_failed`,
 * `engine_out_of_memory` or `engine_interrupted`.
 */
export interface Session {
  /** Runs statements for their effect. */
  run(sql: string): Promise<void>
  /** Makes (or makes anew) a temporary table of the columns and fills it with their first `count` rows. */
  load(table: string, columns: readonly NamedColumn[], count: number): Promise<void>
  /** Adds rows to a table that `load` made; the columns are the same, in the same order. */
  append(table: string, columns: readonly NamedColumn[], count: number): Promise<void>
  /**
   * A small result as objects. BIGINT and HUGEINT are bigint; other integers and DOUBLE number; DECIMAL exact text;
   * TIMESTAMP(TZ) bigint, µs since 1970; DATE number, days since 1970; BLOB Uint8Array; UUID and other types text;
   * LIST an array. Throws `too_many_rows` beyond `maxRows` (default 10,000).
   */
  rows(sql: string, maxRows?: number): Promise<Record<string, unknown>[]>
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

export function createSession(connection: Connection, source: ColumnSource, onClose: () => void): Session {
  return new DuckSession(connection, source, onClose)
}

class DuckSession implements Session {
  readonly #connection: Connection
  readonly #source: ColumnSource
  readonly #onClose: () => void
  #underWay: Promise<unknown> | undefined
  #isReading = false
  #isClosed = false

  constructor(connection: Connection, source: ColumnSource, onClose: () => void) {
    this.#connection = connection
    this.#source = source
    this.#onClose = onClose
  }

  run(sql: string): Promise<void> {
    return this.#alone(async () => {
      await duckdb.query(this.#connection, sql)
    })
  }

  load(table: string, columns: readonly NamedColumn[], count: number): Promise<void> {
    return this.#alone(() =>
      this.#source.run(
        this.#connection,
        columns,
        count,
        (select) => `create or replace temp table ${quoteIdentifier(table)} as ${select}`,
      ),
    )
  }

  append(table: string, columns: readonly NamedColumn[], count: number): Promise<void> {
    return this.#alone(() =>
      this.#source.run(
        this.#connection,
        columns,
        count,
        (select) => `insert into temp.main.${quoteIdentifier(table)} ${select}`,
      ),
    )
  }

  rows(sql: string, maxRows: number = ROWS_MAX): Promise<Record<string, unknown>[]> {
    return this.#alone(async () => {
      const result = await readRows(await startStream(this.#connection, sql), maxRows)
      if (result.isTruncated) {
        await abandonStream(this.#connection)
        throw new AssayError('too_many_rows', `the result has more than ${maxRows} rows`, {
          hint: 'read large results with read(), in chunks',
        })
      }
      return result.rows.map((row) => Object.fromEntries(result.columns.map(({ name }, i) => [name, row[i]])))
    })
  }

  async *read(sql: string): AsyncGenerator<ResultChunk, void, undefined> {
    const stream = await this.#alone(() => startStream(this.#connection, sql))
    const chunks = readChunks(stream)
    this.#isReading = true
    let isComplete = false
    try {
      for (;;) {
        const next = await this.#track(() => chunks.next())
        if (next.done) {
          isComplete = true
          return
        }
        yield next.value
      }
    } finally {
      this.#isReading = false
      if (!isComplete && !this.#isClosed) await this.#alone(() => abandonStream(this.#connection))
    }
  }

  writeParquet(request: WriteParquetRequest): Promise<WrittenParquet> {
    return this.#alone(() => writeParquet(this.#connection, request))
  }

  interrupt(): void {
    if (!this.#isClosed) duckdb.interrupt(this.#connection)
  }

  async close(): Promise<void> {
    if (this.#isClosed) return
    this.interrupt()
    this.#isClosed = true
    // Disconnecting under a running statement would free what it works on.
    await this.#underWay?.catch(() => undefined)
    duckdb.disconnect_sync(this.#connection)
    this.#onClose()
  }

  async #alone<T>(work: () => Promise<T>): Promise<T> {
    if (this.#underWay || this.#isReading) {
      throw new AssayError('session_busy', 'the session is still at its last statement', {
        hint: 'await it, end the read, or open another session',
      })
    }
    return this.#track(work)
  }

  async #track<T>(work: () => Promise<T>): Promise<T> {
    if (this.#isClosed) {
      throw new AssayError('session_closed', 'the session is closed', { hint: 'open another session' })
    }
    const underWay = work()
    this.#underWay = underWay
    try {
      return await underWay
    } catch (error) {
      throw engineError(error)
    } finally {
      this.#underWay = undefined
    }
  }
}
