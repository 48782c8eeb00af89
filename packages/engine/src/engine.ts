import duckdb, { type Database } from '@duckdb/node-bindings'
import { ColumnSource } from './column-source.js'
import { engineError } from './errors.js'
import { createSession, type Session } from './session.js'

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
  /** Interrupts what runs, waits for it to end, and frees everything. Sessions are closed with it. */
  close(): Promise<void>
}

const TEMP_LIMIT_BYTES = 16 * 2 ** 30

/** Settings that every instance has, the worker's and the analyst's. */
export function instanceSettings(options: EngineOptions): Record<string, string> {
  return {
    memory_limit: `${options.memoryLimit_bytes}B`,
    threads: String(options.threads),
    temp_directory: options.tempDirectory,
    max_temp_directory_size: `${options.tempLimit_bytes ?? TEMP_LIMIT_BYTES}B`,
    autoinstall_known_extensions: 'false',
    autoload_known_extensions: 'false',
  }
}

/** Opens an in-memory instance. Throws `engine_statement_failed` when a setting is refused. */
export async function openEngine(options: EngineOptions): Promise<Engine> {
  const database = await openDatabase(instanceSettings(options))
  const source = await registerSource(database)
  const sessions = new Set<Session>()
  return {
    async session() {
      const connection = await duckdb.connect(database)
      const session = createSession(connection, source, () => sessions.delete(session))
      sessions.add(session)
      return session
    },
    async close() {
      await Promise.all([...sessions].map((session) => session.close()))
      duckdb.close_sync(database)
    },
  }
}

/** An in-memory instance in UTC. */
export async function openDatabase(settings: Record<string, string>): Promise<Database> {
  try {
    const config = duckdb.create_config()
    for (const [name, value] of Object.entries(settings)) duckdb.set_config(config, name, value)
    const database = await duckdb.open(':memory:', config)
    const connection = await duckdb.connect(database)
    await duckdb.query(connection, "set global TimeZone = 'UTC'")
    duckdb.disconnect_sync(connection)
    return database
  } catch (error) {
    throw engineError(error)
  }
}

async function registerSource(database: Database): Promise<ColumnSource> {
  const source = new ColumnSource()
  const connection = await duckdb.connect(database)
  source.register(connection)
  duckdb.disconnect_sync(connection)
  return source
}
