import { rename, rm } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import {
  type Analyst,
  type EngineOptions,
  openAnalyst,
  openEngine,
  type QueryResult,
  quoteIdentifier,
  quoteText,
} from '@assay/engine'
import type { Lake } from '@assay/lake'
import { isFileGone } from '@assay/pipeline'
import type { AsOf } from './as-of.js'
import { planViews } from './plan-views.js'
import type { View } from './views.js'

export interface QueryOptions {
  /** The lake as it was then; as it is without. */
  readonly asOf?: AsOf
  /** Rows that a result gives at most. */
  readonly maxRows: number
  readonly timeout_ms: number
}

export type { QueryResult }

/** The tables of a lake for statements written by people: they read, and nothing else (Q1). */
export interface Query {
  /** Runs one SELECT. Throws `statement_refused`, `query_invalid`, `query_timeout` or `query_too_large`. */
  run(sql: string): Promise<QueryResult>
  /** Writes a SELECT's result, of any size, to a Parquet file. Nothing is left of it when it fails. */
  exportParquet(sql: string, path: string): Promise<void>
  close(): Promise<void>
}

const MEMORY_BYTES = 512 * 2 ** 20
const EXPORTED = '"assay.exported"'
/** A second plan of a moment ago can't have lost its files to a clean-up, which leaves fifteen minutes. */
const ATTEMPTS = 2

/** Opens the lake's tables as they stand, each under its bare name and as `market_data.<name>`. Makes none. */
export async function openQuery(lake: Lake, options: QueryOptions): Promise<Query> {
  let current = await openPlanned(lake, options)
  const replan = async (): Promise<void> => {
    await current.analyst.close()
    current = await openPlanned(lake, options)
  }
  return {
    run: (sql) => withReplan(() => current.analyst.query(sql), replan),
    exportParquet: (sql, path) => withReplan(() => exportParquet(lake, current, sql, path), replan),
    close: () => current.analyst.close(),
  }
}

interface Planned {
  readonly analyst: Analyst
  readonly views: readonly View[]
}

async function openPlanned(lake: Lake, options: QueryOptions): Promise<Planned> {
  const views = await withReplan(
    () => planViews(lake, options.asOf),
    async () => undefined,
  )
  const analyst = await openAnalyst({
    ...engineOptions(lake),
    allowedDirectories: [lake.dataDirectory],
    timeout_ms: options.timeout_ms,
    maxRows: options.maxRows,
    clock: lake.clock,
  })
  try {
    for (const { name, select } of views) await analyst.defineView(name, select)
    await analyst.lock()
  } catch (error) {
    await analyst.close()
    throw error
  }
  return { analyst, views }
}

function engineOptions(lake: Lake): EngineOptions {
  return {
    memoryLimit_bytes: MEMORY_BYTES,
    threads: Math.min(4, availableParallelism()),
    tempDirectory: join(lake.workDirectory, 'query'),
  }
}

/** Does it again with a fresh plan when a clean-up took a file that the plan named (T17). */
async function withReplan<T>(attempt: () => Promise<T>, replan: () => Promise<void>): Promise<T> {
  for (let n = 1; ; n++) {
    try {
      return await attempt()
    } catch (error) {
      if (n === ATTEMPTS || !isFileGone(error)) throw error
      await replan()
    }
  }
}

/**
 * An analyst can't write files, so an instance that can does it, once the analyst has accepted the statement:
 * by explaining it, which parses and binds but does not run it.
 */
async function exportParquet(lake: Lake, { analyst, views }: Planned, sql: string, path: string): Promise<void> {
  await analyst.query(`EXPLAIN ${sql}`)
  const engine = await openEngine(engineOptions(lake))
  const partial = `${path}.partial-${lake.random.uuid()}`
  try {
    const session = await engine.session()
    await session.run('CREATE SCHEMA market_data')
    for (const { name, select } of views) {
      const bare = `main.${quoteIdentifier(name)}`
      await session.run(`CREATE VIEW ${bare} AS ${select}`)
      await session.run(`CREATE VIEW market_data.${quoteIdentifier(name)} AS FROM ${bare}`)
    }
    // A view, unlike COPY (…), takes a statement as it was written, with a semicolon and comments behind it.
    await session.run(`CREATE VIEW ${EXPORTED} AS ${sql}`)
    await session.run(`COPY ${EXPORTED} TO ${quoteText(partial)} (FORMAT parquet, COMPRESSION zstd)`)
    await rename(partial, path)
  } finally {
    await rm(partial, { force: true })
    await engine.close()
  }
}
