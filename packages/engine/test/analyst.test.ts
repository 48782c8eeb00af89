import { mkdir, mkdtemp, readdir, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Analyst, openAnalyst, openEngine } from '../src/index.js'

let folder: string
let lake: string
let analyst: Analyst

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'assay-analyst-'))
  lake = join(folder, 'lake')
  await mkdir(lake)
  await mkdir(join(folder, 'lake-next-door'))
  await writeFile(join(folder, 'lake-next-door', 'secret.csv'), 'a,b\n1,2\n')
  await symlink(join(folder, 'lake-next-door', 'secret.csv'), join(lake, 'link.csv'))
  await writeTrades(join(lake, 'trades.parquet'), 3000)
  analyst = await open(3_000)
})

afterAll(async () => {
  await analyst.close()
  await rm(folder, { recursive: true, force: true })
})

async function writeTrades(path: string, count: number): Promise<void> {
  const engine = await openEngine({ memoryLimit_bytes: 2 ** 28, threads: 1, tempDirectory: join(folder, 'spill') })
  const session = await engine.session()
  const select = `select range as id, (range * 1.5)::decimal(28,10) as price from range(${count})`
  await session.writeParquet({
    select,
    path,
    fields: [
      { name: 'id', id: 1, type: 'BIGINT' },
      { name: 'price', id: 2, type: 'DECIMAL(28,10)' },
    ],
  })
  await engine.close()
}

async function open(timeout_ms: number): Promise<Analyst> {
  const opened = await openAnalyst({
    memoryLimit_bytes: 96 * 2 ** 20,
    threads: 2,
    tempDirectory: join(folder, 'spill'),
    tempLimit_bytes: 32 * 2 ** 20,
    allowedDirectories: [lake],
    timeout_ms,
  })
  await opened.defineView('trades', `select * from read_parquet('${join(lake, 'trades.parquet')}')`)
  await opened.lock()
  return opened
}

/** Every file and folder there is, so that an attack that leaves something behind is seen. */
function everything(): Promise<string[]> {
  return readdir(folder, { recursive: true }).then((names) => names.toSorted())
}

describe('Q1: an analyst reads', () => {
  it.each([
    'select count(*) from trades',
    'select count(*) from market_data.trades',
    'from trades select count(*)',
    'with t as materialized (select * from trades) select count(*) from t',
    'select count(*) from trades;',
    '/* how many */ select count(*) from trades -- all',
    '(select count(*) from trades)',
    'select count(*) from (select * from trades order by price desc) where id in (select id from trades)',
  ])('%s', async (sql) => {
    expect((await analyst.query(sql)).rows).toEqual([[3000n]])
  })

  it.each([
    'values (1), (2)',
    'describe trades',
    'summarize trades',
    'show tables',
    'table trades limit 1',
    'pivot (select 1 a, 2 b) on a in (1, 2) using sum(b)',
    'explain select * from trades',
    'explain analyze select * from trades',
    'EXPLAIN (ANALYZE, FORMAT JSON) select 1',
    'explain (select 1)',
    'select * from range(3), generate_series(1, 2), unnest([1, 2])',
    "select * from json_each('[1, 2]')",
    'select * from information_schema.tables',
    'select unnest(range(10))',
  ])('%s', async (sql) => {
    expect((await analyst.query(sql)).rows.length).toBeGreaterThan(0)
  })

  it('S3: and gets exact values with their types', async () => {
    const { columns, rows } = await analyst.query('select id, price, id as id from trades where id = 2999')
    expect(columns).toEqual([
      { name: 'id', type: 'BIGINT' },
      { name: 'price', type: 'DECIMAL(28,10)' },
      { name: 'id:1', type: 'BIGINT' },
    ])
    expect(rows).toEqual([[2999n, '4498.5000000000', 2999n]])
  })

  it('with parameters, which are never SQL', async () => {
    const sql = 'select $1, $2, $3, $4, $5 from trades where id = $2'
    const { rows } = await analyst.query(sql, ["'; drop view trades; --", 7n, true, null, 1.5])
    expect(rows).toEqual([["'; drop view trades; --", 7n, true, null, 1.5]])
    await expect(analyst.query('select $1')).rejects.toMatchObject({ code: 'query_invalid' })
    await expect(analyst.query('select 1', [2])).rejects.toMatchObject({ code: 'query_invalid' })
  })

  it('Q2: the view as it was defined last', async () => {
    const own = await open(3_000)
    await writeTrades(join(lake, 'more.parquet'), 7)
    await own.defineView('trades', `select * from read_parquet('${join(lake, 'more.parquet')}')`)
    expect((await own.query('select count(*) from trades')).rows).toEqual([[7n]])
    expect((await own.query('select count(*) from market_data.trades')).rows).toEqual([[7n]])
    await own.close()
  })
})

describe('Q1: an analyst does nothing but read', () => {
  const out = (name: string): string => join(lake, name)

  it.each<[string, () => string]>([
    ['COPY', () => `copy trades to '${out('x.csv')}'`],
    ['COPY from', () => `copy trades from '${out('x.csv')}'`],
    ['EXPORT, which makes its folder when it is prepared', () => `export database '${out('exported')}'`],
    ['IMPORT, which reads its script when it is parsed', () => `import database '${lake}'`],
    ['ATTACH', () => `attach '${out('x.db')}'`],
    ['DETACH', () => 'detach memory'],
    ['INSTALL', () => 'install httpfs'],
    ['LOAD', () => 'load httpfs'],
    ['SET', () => 'set threads = 1'],
    ['SET VARIABLE', () => 'set variable x = 1'],
    ['RESET', () => 'reset threads'],
    ['PRAGMA', () => 'pragma enable_profiling'],
    ['PRAGMA that is a select', () => 'pragma show_tables'],
    ['CALL', () => 'call enable_logging()'],
    ['CREATE TABLE', () => 'create table t as select 1'],
    ['CREATE TEMP TABLE', () => 'create temp table t as select 1'],
    ['CREATE MACRO', () => 'create macro f(a) as a'],
    ['INSERT', () => 'insert into trades values (1, 2)'],
    ['UPDATE', () => 'update trades set id = 1'],
    ['DELETE', () => 'delete from trades'],
    ['MERGE', () => 'merge into trades using trades t on true when matched then delete'],
    ['DROP', () => 'drop view trades'],
    ['ALTER', () => 'alter view trades rename to t'],
    ['COMMENT', () => "comment on view trades is 'x'"],
    ['USE', () => 'use market_data'],
    ['PREPARE', () => 'prepare p as select 1'],
    ['EXECUTE', () => 'execute p'],
    ['BEGIN', () => 'begin'],
    ['CHECKPOINT', () => 'checkpoint'],
    ['VACUUM', () => 'vacuum'],
    ['PIVOT that makes a type', () => 'pivot (select 1 a, 2 b) on a using sum(b)'],
    ['two statements', () => 'select 1; select 2'],
    ['a second statement that writes', () => `select 1; copy trades to '${out('x.csv')}'`],
    ['no statement', () => ' ; -- nothing'],
    ['a zero byte', () => 'select 1\0; select 2'],
    ['EXPLAIN of a COPY', () => `explain copy trades to '${out('x.csv')}'`],
    ['EXPLAIN ANALYZE of a COPY', () => `explain analyze copy trades to '${out('x.csv')}'`],
    ['EXPLAIN (ANALYZE) of a CREATE', () => 'explain (analyze, format json) create table t as select 1'],
    ['EXPLAIN behind a comment', () => `/* explain */ explain /* select 1 */ analyze copy trades to '${out('x.csv')}'`],
    ['EXPLAIN of an EXPLAIN', () => `explain explain analyze copy trades to '${out('x.csv')}'`],
    ['reading a text', () => `select * from read_text('${out('link.csv')}')`],
    ['reading a text in a subquery', () => `select (select content from read_text('${out('link.csv')}'))`],
    ['reading a CSV through a CTE', () => `with t as (from read_csv('${out('link.csv')}')) select 1 from t`],
    ['reading Parquet directly', () => `select * from read_parquet('${out('trades.parquet')}')`],
    ['reading a file as a table', () => `select * from '${out('trades.parquet')}'`],
    ['describing a file', () => `describe '${out('trades.parquet')}'`],
    ['summarizing a file', () => `summarize '${out('trades.parquet')}'`],
    ['reading from the network', () => "select * from 'https://example.invalid/x.parquet'"],
    ['listing files', () => `select * from glob('${lake}/*')`],
    ['sniffing a file', () => `from sniff_csv('${out('link.csv')}')`],
    ['the metadata of a file', () => `from parquet_metadata('${out('trades.parquet')}')`],
    [
      'logging to files by a SELECT',
      () => `from enable_logging(storage := 'file', storage_config := {'path': '${lake}/log'})`,
    ],
    ['the same, qualified and in capitals', () => 'FROM system.main.ENABLE_LOGGING()'],
    ['profiling by a SELECT', () => 'select * from enable_profiling()'],
    ['a query in a text', () => `from query('select * from read_text(''${out('link.csv')}'')')`],
    ['a serialized query', () => "from json_execute_serialized_sql(json_serialize_sql('select 42'))"],
    ['a table by its text', () => "from query_table('trades')"],
    ['a checkpoint by a SELECT', () => 'from force_checkpoint()'],
    ['secrets', () => 'from duckdb_secrets()'],
    ['writing to the log', () => "select write_log('x')"],
  ])('%s is refused, and leaves nothing behind', async (_, sql) => {
    const before = await everything()
    await expect(analyst.query(sql())).rejects.toMatchObject({ name: 'UsageError', code: 'statement_refused' })
    expect(await everything()).toEqual(before)
  })

  it('not through a view that reaches outside, nor by a link or by dots', async () => {
    const own = await open(3_000)
    const paths = ['lake-next-door/secret.csv', 'lake/link.csv', 'lake/../lake-next-door/secret.csv']
    for (const path of paths) {
      await expect(
        own.defineView('outside', `select * from read_csv('${join(folder, 'x').slice(0, -1)}${path}')`),
      ).rejects.toMatchObject({
        code: 'engine_statement_failed',
        message: expect.stringContaining('Permission'),
      })
    }
    await own.close()
  })

  it('settings stay as they are after lock()', async () => {
    const own = await open(3_000)
    await expect(own.defineView('v', 'select 1; set threads = 1')).rejects.toMatchObject({
      code: 'engine_statement_failed',
    })
    await own.close()
  })

  it('takes no query before lock()', async () => {
    const own = await openAnalyst({
      memoryLimit_bytes: 2 ** 26,
      threads: 1,
      tempDirectory: join(folder, 'spill'),
      allowedDirectories: [lake],
      timeout_ms: 1000,
    })
    await expect(own.query('select 1')).rejects.toMatchObject({ code: 'analyst_not_ready' })
    await own.close()
  })
})

describe('Q3: too long or too large ends with a clear error, and the next query is served', () => {
  const ENDLESS = 'select count(*) from range(100000000000) a(i), range(1000) b(k) where i % 7 = k'

  async function servesOn(on: Analyst): Promise<void> {
    expect((await on.query('select count(*) from trades')).rows).toEqual([[3000n]])
  }

  it('too long', async () => {
    const own = await open(300)
    const start = performance.now()
    await expect(own.query(ENDLESS)).rejects.toMatchObject({ code: 'query_timeout' })
    expect(performance.now() - start).toBeLessThan(2_000)
    await servesOn(own)
    await own.close()
  })

  it('others go on beside a long one', async () => {
    const own = await open(1_000)
    const long = own.query(ENDLESS).catch((error: unknown) => error)
    await servesOn(own)
    expect(await long).toMatchObject({ code: 'query_timeout' })
    await own.close()
  })

  it('A7: stops what runs when it is closed', async () => {
    const own = await open(60_000)
    const long = own.query(ENDLESS).catch((error: unknown) => error)
    await own.close()
    expect(await long).toMatchObject({ code: 'query_timeout' })
  })

  it.each([
    ['a list of all rows', 'select list(i) from range(100000000) t(i)'],
    ['a constant that is computed while planning', 'select range(100000000)'],
    ['a sort beyond memory and spill', 'select md5(i::varchar) || i as h from range(4000000) t(i) order by h'],
    ['one row of 64 MiB', "select string_agg('x' || i, '') from range(12000000) t(i)"],
  ])('too large: %s', async (_, sql) => {
    const own = await open(20_000)
    await expect(own.query(sql)).rejects.toMatchObject({ code: 'query_too_large' })
    await servesOn(own)
    await own.close()
  })

  it('too many rows are cut, and it is told', async () => {
    const { rows, isTruncated } = await analyst.query('select range from range(10000000)')
    expect([rows.length, isTruncated]).toEqual([10_000, true])
    expect((await analyst.query('select range from range(10000)')).isTruncated).toBe(false)
    await servesOn(analyst)
  })

  it('an error in the middle of a result is never taken for its end', async () => {
    const sql = "select case when range = 9000 then error('stop') else 'x' end as t from range(9001)"
    await expect(analyst.query(sql)).rejects.toMatchObject({
      code: 'query_invalid',
      message: expect.stringContaining('stop'),
    })
    await servesOn(analyst)
  })

  it.each([
    ['a mistake in the SQL', 'selec 1'],
    ['a table that is not there', 'select * from nothing'],
    ['a value that does not cast', "select 'a'::integer"],
    ['100,000 brackets', `${'('.repeat(45_000)}select 1${')'.repeat(45_000)}`],
    ['an expression of 40,000 terms', `select ${'1+'.repeat(40_000)}1`],
  ])('%s', async (_, sql) => {
    await expect(analyst.query(sql)).rejects.toMatchObject({ name: 'UsageError', code: 'query_invalid' })
    await servesOn(analyst)
  })

  it('a statement of a megabyte', async () => {
    await expect(analyst.query(`select '${'x'.repeat(2 ** 20)}'`)).rejects.toMatchObject({ code: 'statement_refused' })
  })
})
