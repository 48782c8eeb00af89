import { type FileHandle, open } from 'node:fs/promises'
import { diskFailure, messageOf, OutageError } from '@assay/core'
import duckdb, { type Database } from '@duckdb/node-bindings'
import { ColumnSource } from './columns/column-source.js'
import { engineError } from './errors.js'
import { createSession, type Session, sessionClosed } from './session.js'

export interface EngineOptions {
  /** Memory that DuckDB may use for tables, sorts and hashes; beyond it, it spills to `tempDirectory`. */
  readonly memoryLimit_bytes: number
  readonly threads: number
  /** Folder for spilling; made on first use. */
  readonly tempDirectory: string
  /** Limit of what is spilled. Default 16 GiB. */
  readonly tempLimit_bytes?: number
}

/** One in-memory DuckDB instance. Sessions share its memory and threads but not their temporary tables. */
export interface Engine {
  session(): Promise<Session>
  /**
   * Interrupts what runs, waits for it to end, and frees everything. Sessions are closed with it; there are no others.
   */
  close(): Promise<void>
}

const TEMP_LIMIT_BYTES = 16 * 2 ** 30

function settingsOf(options: EngineOptions): Record<string, string> {
  return {
    memory_limit: `${options.memoryLimit_bytes}B`,
    threads: String(options.threads),
    temp_directory: options.tempDirectory,
    autoinstall_known_extensions: 'false',
    autoload_known_extensions: 'false',
  }
}

/** Opens an in-memory instance. Throws `engine_statement_failed` when a setting is refused. */
export async function openEngine(options: EngineOptions): Promise<Engine> {
  const database = await openDatabase(options)
  const source = await registerSource(database)
  const sessions = new Set<Promise<Session>>()
  let closing: Promise<void> | undefined
  const open = async (onClose: () => void): Promise<Session> =>
    createSession(await duckdb.connect(database), source, onClose)
  const close = async (): Promise<void> => {
    // One that is being opened would be left on a database that is gone.
    await Promise.allSettled([...sessions].map(async (session) => (await session).close()))
    duckdb.close_sync(database)
  }
  return {
    async session() {
      if (closing) throw sessionClosed('its engine is closed: open another')
      const session = open(() => sessions.delete(session))
      sessions.add(session)
      session.catch(() => sessions.delete(session))
      return session
    },
    close() {
      closing ??= close()
      return closing
    },
  }
}

/** An in-memory instance in UTC, the worker's and the analyst's. */
export async function openDatabase(options: EngineOptions): Promise<Database> {
  await assertFilesLeft()
  try {
    const config = duckdb.create_config()
    for (const [name, value] of Object.entries(settingsOf(options))) duckdb.set_config(config, name, value)
    const database = await duckdb.open(':memory:', config)
    const connection = await duckdb.connect(database)
    // Given at opening, the limit of the temporary folder is shown but not kept to.
    const tempLimit_bytes = options.tempLimit_bytes ?? TEMP_LIMIT_BYTES
    await duckdb.query(
      connection,
      `set global TimeZone = 'UTC'; set global max_temp_directory_size = '${tempLimit_bytes}B'`,
    )
    duckdb.disconnect_sync(connection)
    return database
  } catch (error) {
    throw engineError(error)
  }
}

/** Files that the engine opens for a moment while it starts, and as many again. */
const FILES_LEFT_LEAST = 8

/** Where not one more file can be opened, the engine ends the whole process instead of failing. */
async function assertFilesLeft(): Promise<void> {
  const files: FileHandle[] = []
  try {
    while (files.length < FILES_LEFT_LEAST) files.push(await open(process.execPath))
  } catch (cause) {
    const { fault, hint } = diskFailure(cause instanceof Error && 'code' in cause ? String(cause.code) : undefined)
    throw new OutageError(`engine_disk_${fault}`, `opening the engine: ${messageOf(cause)}`, { hint, cause })
  } finally {
    await Promise.all(files.map((file) => file.close()))
  }
}

async function registerSource(database: Database): Promise<ColumnSource> {
  const source = new ColumnSource()
  const connection = await duckdb.connect(database)
  source.register(connection)
  duckdb.disconnect_sync(connection)
  return source
}
