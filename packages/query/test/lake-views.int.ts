import { readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { loadSources, openSources, runFeed } from '@assay/feed'
import { commit, type DataFile } from '@assay/iceberg'
import { type Lake, runWorkers, statusReport, tableReport } from '@assay/lake'
import { GAPS_TABLE } from '@assay/medallion'
import { type LakeTable, scanSql } from '@assay/pipeline'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { temporaryLake } from '../../../tests/support/parts.js'
import type { Answering } from '../src/ask.js'
import { ask, openQuery, type Query, QueryChild } from '../src/index.js'
import { planViews } from '../src/plan-views.js'
import { answerOf, childOptions, codeOf } from './support/child.js'

const LIMITS = { maxRows: 1_000, timeout_ms: 60_000 }
const { signal } = new AbortController()

async function drain(lake: Lake): Promise<void> {
  await runWorkers(lake, { drain: true, adopt: false, interval_ms: 0, onEvent: () => undefined }, signal)
}

async function withQuery<T>(lake: Lake, work: (query: Query) => Promise<T>, options = {}): Promise<T> {
  const query = await openQuery(lake, { ...LIMITS, ...options })
  try {
    return await work(query)
  } finally {
    await query.close()
  }
}

/** Answers statements over a lake's tables. */
function askIn(lake: Lake, answering: Answering): Answering {
  return { run: (statement, _, asked) => ask(lake, answering, statement, { signal: asked }) }
}

async function single(query: Query, sql: string): Promise<unknown> {
  return (await query.run(sql)).rows[0]?.[0]
}

describe('a lake without tables', () => {
  let made: Awaited<ReturnType<typeof temporaryLake>>
  beforeAll(async () => {
    made = await temporaryLake()
  })
  afterAll(() => made.remove())

  test('is reported and queried as empty, and stays as it is', async () => {
    const { lake } = made
    const tables = await tableReport(lake)
    expect(tables.map(({ rows, exists }) => ({ rows, exists }))).toEqual(tables.map(() => ({ rows: 0, exists: false })))
    expect(await statusReport(lake)).toMatchObject({ lanes: [], stops: [] })
    expect(await withQuery(lake, (query) => single(query, 'SELECT count(*) FROM lineage'))).toBe(0n)
    expect(await readdir(lake.location)).not.toContain('tables')
  })
})

describe('a lake with the recorded trades', () => {
  let made: Awaited<ReturnType<typeof temporaryLake>>
  let lake: Lake
  beforeAll(async () => {
    made = await temporaryLake()
    lake = made.lake
    await runFeed(lake, 'sample', () => undefined, signal)
  })
  afterAll(() => made.remove())

  test('lag is what the log holds beyond the checkpoint, and none after a drain', async () => {
    const before = await statusReport(lake)
    expect(before.lanes.map(({ layer, lag_rows }) => [layer, lag_rows])).toEqual([
      ['bronze', 3001n],
      ['bronze', 1000n],
    ])
    // The recording is years old; it came into the log just now.
    expect(before.lanes[0]?.lag_seconds).toBeLessThan(600)
    await drain(lake)
    const { lanes, dead_letters } = await statusReport(lake)
    expect(lanes.map(({ layer, position, lag_rows, lag_seconds }) => [layer, position, lag_rows, lag_seconds])).toEqual(
      [
        ['bronze', 3001n, 0n, 0],
        ['silver', 3001n, 0n, 0],
        ['gold', 3001n, 0n, 0],
        ['candles', 3001n, 0n, 0],
        ['bronze', 1000n, 0n, 0],
        ['silver', 1000n, 0n, 0],
        ['gold', 1000n, 0n, 0],
        ['candles', 1000n, 0n, 0],
      ],
    )
    const watermarks = lanes.filter(({ layer }) => layer === 'silver').map(({ watermark_us }) => watermark_us)
    const newest = await withQuery(lake, (query) =>
      query.run(`SELECT max("timestamp") FROM gold_crypto_trades GROUP BY exchange ORDER BY exchange`),
    )
    expect(watermarks).toEqual(newest.rows.map(([value]) => value))
    expect(dead_letters.map(({ judged, rejected }) => [judged, rejected])).toEqual([
      [3001, 0],
      [1000, 0],
    ])
  })

  test('the report of tables, from metadata, agrees with the rows themselves', async () => {
    const tables = await tableReport(lake)
    await withQuery(lake, async (query) => {
      for (const { name, rows } of tables) {
        expect([name, await single(query, `SELECT count(*) FROM ${name}`)]).toEqual([name, BigInt(rows)])
        expect(await single(query, `SELECT count(*) FROM market_data.${name}`)).toBe(BigInt(rows))
      }
    })
    const gold = tables.find(({ name }) => name === 'gold_crypto_trades')
    expect(gold).toMatchObject({ rows: 4001, exists: true })
    expect(gold?.size_bytes).toBeGreaterThan(10_000)
    expect(gold?.lanes.map(({ position }) => position)).toEqual([3001n, 1000n])
  })

  test('A5: lineage leads from every gold row to its silver row and its bytes', async () => {
    await withQuery(lake, async (query) => {
      const [row] = (
        await query.run(`SELECT count(*), count(silver_table), count(raw_bytes), count(DISTINCT (topic, "partition", "offset"))
          FROM lineage`)
      ).rows
      expect(row).toEqual([4001n, 4001n, 4001n, 4001n])
      const kept = `SELECT count(*) FROM lineage l JOIN bronze_kraken_trades b USING (topic, "partition", "offset")
        WHERE l.raw_bytes = b.raw_bytes AND l.exchange = 'KRAKEN'`
      expect(await single(query, kept)).toBe(1000n)
    })
  })

  test('T16: views show the time of a trade as a timestamp, to the microsecond, beside all columns of the tables', async () => {
    await withQuery(lake, async (query) => {
      for (const [view, rows] of [
        ['gold_trades', 'gold_crypto_trades'],
        ['silver_trades', '(FROM silver_binance_trades UNION ALL FROM silver_kraken_trades)'],
        ['lineage', 'gold_crypto_trades'],
      ] as const) {
        const [found] = (
          await query.run(
            `SELECT count(*), bool_and(epoch_us(event_time) = "timestamp"), any_value(typeof(event_time)) FROM ${view}`,
          )
        ).rows
        const [expected] = (await query.run(`SELECT count(*) FROM ${rows}`)).rows
        expect(found).toEqual([expected?.[0], true, 'TIMESTAMP WITH TIME ZONE'])
      }
      const left = 'SELECT * EXCLUDE event_time FROM gold_trades EXCEPT ALL FROM gold_crypto_trades'
      expect((await query.run(left)).rows).toEqual([])
    })
  })

  test('Q1: people read the tables and views, and nothing else of the lake', async () => {
    const child = new QueryChild(childOptions())
    const asked = askIn(lake, child)
    expect(String(await answerOf(asked, 'SELECT count(*) AS n FROM lineage WHERE raw_bytes IS NOT NULL'))).toBe(
      'n\n4001\n',
    )
    expect(
      String(
        await answerOf(asked, "SELECT count(*) AS n FROM gold_trades WHERE event_time > TIMESTAMPTZ '2000-01-01'"),
      ),
    ).toBe('n\n4001\n')
    expect(String(await answerOf(asked, 'SHOW TABLES')).split('\n')).toContain('silver_dlq_open')
    const [file] = (
      await readdir(join(lake.location, 'tables', 'market_data', 'gold_crypto_trades'), { recursive: true })
    )
      .filter((name) => name.endsWith('.parquet'))
      .map((name) => join(lake.location, 'tables', 'market_data', 'gold_crypto_trades', name))
    for (const sql of [
      `COPY (SELECT 1) TO '${join(lake.location, 'x.csv')}'`,
      `SELECT * FROM read_text('${join(lake.location, 'log')}')`,
      `SELECT * FROM '${file}'`,
      `SELECT * FROM "${file?.replace(/\.parquet$/, '')}"."parquet"`,
      'DROP VIEW gold_crypto_trades',
    ]) {
      expect([sql, await codeOf(asked, sql)]).toEqual([sql, 'query_refused'])
    }
    await child.close()
    expect(await readdir(lake.location)).not.toContain('x.csv')
  })

  test('Q2: only the tables that a statement reads are pinned', async () => {
    const files = async (names: readonly string[]): Promise<string[]> =>
      (await planViews(lake, { names, isCatalogRead: true })).files.map((path) =>
        path.replace(/.*market_data\/([^/]+)\/.*/, '$1'),
      )
    expect(await files([])).toEqual([])
    expect(new Set(await files(['gold_crypto_trades']))).toEqual(new Set(['gold_crypto_trades']))
    expect(new Set(await files(['lineage']))).toEqual(
      new Set([
        'gold_crypto_trades',
        ...lake.exchanges.flatMap(({ name }) => [`silver_${name}_trades`, `bronze_${name}_trades`]),
      ]),
    )
    const { views } = await planViews(lake, { names: ['gaps'], isCatalogRead: false })
    expect(views.map(({ name }) => name)).toEqual(['gaps'])
  })

  test('a Parquet export holds the result, whatever stands behind the statement', async () => {
    const path = join(lake.location, 'export.parquet')
    const output = { kind: 'parquet', path } as const
    const child = new QueryChild(childOptions())
    await answerOf(askIn(lake, child), `SELECT symbol, price FROM gold_crypto_trades ORDER BY price; -- ' all of it`, {
      output,
    })
    await child.close()
    const session = await (await lake.engine()).session()
    const [row] = await session.rows(`SELECT count(*) AS n, sum(price) AS sum FROM read_parquet('${path}')`)
    const sum = await withQuery(lake, (query) => single(query, 'SELECT sum(price) FROM gold_crypto_trades'))
    expect(row).toEqual({ n: 4001n, sum })
    await rm(path)
  })

  test('as of a time or a snapshot, every table is as it was then', async () => {
    const before = await tableReport(lake)
    const gold = before.find(({ name }) => name === 'gold_crypto_trades')
    const newest_ms = Math.max(...before.map(({ last_commit_ms }) => last_commit_ms ?? 0))
    await lake.clock.sleep(5)
    const kraken = lake.exchanges.find(({ name }) => name === 'kraken')
    if (!kraken || !gold) throw new Error('no Kraken, or no gold')
    const sources = await openSources(
      kraken.samples.map(({ pathname }) => pathname),
      (async function* () {})(),
    )
    await loadSources(lake, { exchange: kraken, sources, signal, onProgress: () => undefined })
    await drain(lake)
    const counts = (query: Query): Promise<unknown[]> =>
      Promise.all(
        ['bronze_kraken_trades', 'gold_crypto_trades', 'gold_duplicates'].map((name) =>
          single(query, `SELECT count(*) FROM ${name}`),
        ),
      )
    expect(await withQuery(lake, counts)).toEqual([2000n, 4001n, 1000n])
    expect(await withQuery(lake, counts, { asOf: { kind: 'time', time_ms: newest_ms } })).toEqual([1000n, 4001n, 0n])
    const then = { kind: 'snapshot', id: gold.snapshot_id }
    expect(await withQuery(lake, counts, { asOf: then })).toEqual([1000n, 4001n, 0n])
    expect(await withQuery(lake, counts, { asOf: { kind: 'time', time_ms: 0 } })).toEqual([0n, 0n, 0n])
    await expect(withQuery(lake, counts, { asOf: { kind: 'snapshot', id: 1n } })).rejects.toThrow(/no table has/)
  })
})

describe('a table that is rewritten while it is queried', () => {
  let made: Awaited<ReturnType<typeof temporaryLake>>
  beforeAll(async () => {
    made = await temporaryLake()
  })
  afterAll(() => made.remove())

  async function append(table: LakeTable, select: string, removed: readonly string[] = []): Promise<DataFile> {
    const session = await (await made.lake.engine()).session()
    const file = await table.write(session, select, {})
    await session.close()
    if (!file) throw new Error('no rows were written')
    const operation = removed.length > 0 ? 'replace' : 'append'
    const change = { operation, addFiles: [file], removeFiles: removed } as const
    const outcome = await commit(table.table, { prepare: () => ({ kind: 'proceed', change }) })
    expect(outcome.kind).toBe('committed')
    return file
  }

  test('T17: a query whose files are cleaned up between its plan and its first row is planned again', async () => {
    const { lake } = made
    const table = await lake.table(GAPS_TABLE)
    const gap = (from: number): string => `SELECT 'log' AS source, 'a' AS topic, 0::INTEGER AS "partition",
      ${from}::BIGINT AS from_offset, ${from + 1}::BIGINT AS to_offset, now() AS found_at, now() AS accepted_at, '' AS note`
    const olds = [await append(table, gap(1)), await append(table, gap(2))]
    const child = new QueryChild(childOptions())
    let plans = 0
    const cleaning: Answering = {
      run: (statement, resolver, signal) =>
        child.run(
          statement,
          {
            ...resolver,
            async resolve(names, isCatalogRead) {
              const reads = await resolver.resolve(names, isCatalogRead)
              if (plans++ > 0) return reads
              const scan = scanSql(GAPS_TABLE, await table.files(await table.pin()))
              await append(
                table,
                scan,
                (await table.files(await table.pin())).map(({ name }) => name),
              )
              await table.discard(olds)
              return reads
            },
          },
          signal,
        ),
    }
    expect(String(await answerOf(askIn(lake, cleaning), 'SELECT sum(from_offset) AS sum FROM gaps'))).toBe('sum\n3\n')
    expect(plans).toBe(2)
    await child.close()
  })

  test('T17: a query planned before a compaction runs after the clean-up; Q2: until then it sees its own snapshot', async () => {
    const { lake } = made
    const table = await lake.table(GAPS_TABLE)
    const gap = (from: number): string => `SELECT 'log' AS source, 'a' AS topic, 0::INTEGER AS "partition",
      ${from}::BIGINT AS from_offset, ${from + 1}::BIGINT AS to_offset, now() AS found_at, now() AS accepted_at, '' AS note`
    const olds = [await append(table, gap(1)), await append(table, gap(2))]
    await withQuery(lake, async (query) => {
      const sum = 'SELECT sum(from_offset)::BIGINT FROM gaps'
      await append(table, gap(4))
      expect(await single(query, sum)).toBe(6n)
      const scan = scanSql(GAPS_TABLE, await table.files(await table.pin()))
      const live = (await table.files(await table.pin())).map(({ name }) => name)
      await append(table, scan, live)
      await table.discard(olds)
      expect(await single(query, sum)).toBe(10n)
    })
  })

  test('a file that is really lost is an error, not an endless search', async () => {
    const { lake } = made
    const table = await lake.table(GAPS_TABLE)
    await withQuery(lake, async (query) => {
      const lost = await append(table, `SELECT * FROM (${scanSql(GAPS_TABLE, await table.files(await table.pin()))})`)
      await table.discard([lost])
      await expect(openQuery(lake, LIMITS)).rejects.toThrow()
      expect(await single(query, 'SELECT count(*) FROM gaps')).toBe(5n)
    })
    const child = new QueryChild(childOptions())
    await expect(answerOf(askIn(lake, child), 'SELECT sum(from_offset) AS sum FROM gaps')).rejects.toMatchObject({
      code: 'object_missing',
      message: expect.stringContaining('market_data/gaps/data/'),
      hint: expect.stringContaining('"assay verify" names'),
    })
    await child.close()
  })
})
