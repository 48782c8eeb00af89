import { AssayError } from '@assay/core'
import duckdb, {
  type Connection,
  type ExtractedStatements,
  type PreparedStatement,
  type Result,
} from '@duckdb/node-bindings'

/**
 * A result that is computed as it is fetched. When a statement fails in the middle of its result, the binding hands
 * out the same empty chunk as at the end: rows would be missing without a word. Only the transaction knows, since an
 * error aborts it. So each stream has a transaction of its own, and its rows count only once `finish` has returned.
 */
export interface Stream {
  readonly result: Result
  /** After the last chunk. Throws what the statement failed with, if it did. */
  finish(): Promise<void>
  /** Ends a stream in its middle: it would hold its sorts and hashes until the connection's next statement. */
  abandon(): Promise<void>
}

/**
 * Starts the one statement of `sql`. `beforeRun` may look at it and bind its parameters. The connection must not be
 * in a transaction.
 */
export async function openStream(
  connection: Connection,
  sql: string,
  beforeRun?: (prepared: PreparedStatement) => void,
): Promise<Stream> {
  const prepared = await prepareOne(connection, sql)
  try {
    beforeRun?.(prepared)
    await duckdb.query(connection, 'begin transaction')
    const result = await duckdb.execute_prepared_streaming(prepared)
    return {
      result,
      finish: () => finish(connection, prepared),
      abandon: () => end(connection, prepared),
    }
  } catch (error) {
    await end(connection, prepared)
    throw error
  }
}

async function finish(connection: Connection, prepared: PreparedStatement): Promise<void> {
  try {
    // An aborted transaction refuses the first statement; its commit alone would pass as if all were well.
    await duckdb.query(connection, 'select 1; commit')
    duckdb.destroy_prepare_sync(prepared)
  } catch {
    await duckdb.query(connection, 'rollback').catch(() => undefined)
    const error = await failureOnRepeat(prepared)
    await end(connection, prepared)
    throw error
  }
}

/** The error itself is lost with the stream; run again without streaming, the statement tells it. */
async function failureOnRepeat(prepared: PreparedStatement): Promise<unknown> {
  try {
    await duckdb.execute_prepared(prepared)
  } catch (error) {
    return error
  }
  return new AssayError('engine_statement_failed', 'the result broke off, for a reason that did not come back', {
    hint: 'run the statement again',
    retryable: true,
  })
}

async function end(connection: Connection, prepared: PreparedStatement): Promise<void> {
  duckdb.destroy_prepare_sync(prepared)
  // Fails when there is no transaction (any more), which is what is wanted.
  await duckdb.query(connection, 'rollback').catch(() => undefined)
}

async function prepareOne(connection: Connection, sql: string): Promise<PreparedStatement> {
  const { extracted_statements, statement_count } = await duckdb.extract_statements(connection, sql)
  if (statement_count !== 1) {
    const why = statement_count === 0 ? parseError(extracted_statements) : undefined
    throw new AssayError('engine_statement_failed', why ?? `expected one statement, found ${statement_count}`, {
      hint: 'mend the SQL; statements are read one by one',
    })
  }
  return duckdb.prepare_extracted_statement(connection, extracted_statements, 0)
}

function parseError(extracted: ExtractedStatements): string | undefined {
  try {
    return duckdb.extract_statements_error(extracted)
  } catch {
    // The binding throws when there is no error either: the text holds no statement at all.
    return undefined
  }
}
