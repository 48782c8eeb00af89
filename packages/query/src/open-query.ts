import { join } from 'node:path'
import { type Engine, openEngine, type QueryResult, quoteIdentifier, type Session, withSession } from '@assay/engine'
import type { Lake } from '@assay/lake'
import type { AsOf } from './as-of.js'
import { planViews, readableNames } from './plan-views.js'
import { DEFAULT_LIMITS } from './protocol/limits.js'
import { withReplan } from './replan.js'

interface QueryOptions {
  /** Moment of which the lake's state is read; the present one if not given. */
  readonly asOf?: AsOf
  /** Tables and views that will be read; all if not given. */
  readonly tables?: readonly string[]
  /** Rows that a result gives at most. */
  readonly maxRows: number
  readonly timeout_ms: number
}

export type { QueryResult }

/** The tables of a lake for Assay's own statements, in this process. People's go to a process of their own. */
export interface Query {
  /** Runs one SELECT. Throws `engine_interrupted` when it takes too long. */
  run(sql: string): Promise<QueryResult>
  close(): Promise<void>
}

/** Opens the lake's tables as they stand, each under its bare name and as `market_data.<name>`. Makes none. */
export async function openQuery(lake: Lake, options: QueryOptions): Promise<Query> {
  const engine = await openEngine({
    memoryLimit_bytes: DEFAULT_LIMITS.memory_bytes,
    threads: DEFAULT_LIMITS.threads,
    tempDirectory: join(lake.workDirectory, 'query'),
  })
  const session = await engine.session()
  const define = async (): Promise<void> => {
    const names = options.tables ?? readableNames(lake)
    const { views } = await planViews(lake, {
      names,
      isCatalogRead: false,
      ...(options.asOf && { asOf: options.asOf }),
    })
    await session.run('CREATE SCHEMA IF NOT EXISTS market_data')
    for (const { name, select } of views) await defineView(session, name, select)
  }
  try {
    await withReplan(define, async () => undefined)
  } catch (error) {
    await engine.close()
    throw error
  }
  return {
    run: (sql) => withReplan(() => runWithin(lake, engine, sql, options), define),
    close: () => engine.close(),
  }
}

async function defineView(session: Session, name: string, select: string): Promise<void> {
  const bare = `main.${quoteIdentifier(name)}`
  await session.run(`CREATE OR REPLACE VIEW ${bare} AS ${select}`)
  await session.run(`CREATE OR REPLACE VIEW market_data.${quoteIdentifier(name)} AS FROM ${bare}`)
}

async function runWithin(
  { clock }: Lake,
  engine: Engine,
  sql: string,
  { maxRows, timeout_ms }: QueryOptions,
): Promise<QueryResult> {
  return withSession(engine, async (session) => {
    const done = new AbortController()
    void clock.sleep(timeout_ms, done.signal).then(() => {
      if (!done.signal.aborted) session.interrupt()
    })
    try {
      return await session.query(sql, maxRows)
    } finally {
      done.abort()
    }
  })
}
