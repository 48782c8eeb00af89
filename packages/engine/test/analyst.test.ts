import { mkdir, mkdtemp, readdir, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import duckdb from '@duckdb/node-bindings'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { AllowedFiles } from '../src/analyst/analyst.js'
import { FUNCTIONS } from '../src/analyst/statement-functions.js'
import { openDatabase } from '../src/engine.js'
import { type Analyst, openAnalyst, openEngine, type PlainValue, type QueryParam } from '../src/index.js'
import { DuckDBResult } from '../src/results/node-api.js'

let folder: string
let lake: string
/** A session for looking at statements only. */
let looking: Analyst

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'assay-analyst-'))
  lake = join(folder, 'lake')
  await mkdir(lake)
  await mkdir(join(folder, 'lake-next-door'))
  await writeFile(join(folder, 'lake-next-door', 'secret.csv'), 'a,b\n1,2\n')
  await symlink(join(folder, 'lake-next-door', 'secret.csv'), join(lake, 'link.csv'))
  await writeTrades(join(lake, 'trades.parquet'), 3000)
  looking = await openAnalyst(options())
})

afterAll(async () => {
  looking.close()
  await rm(folder, { recursive: true, force: true })
})

function options() {
  return { memoryLimit_bytes: 96 * 2 ** 20, threads: 2, tempDirectory: join(folder, 'spill') }
}

async function writeTrades(path: string, count: number): Promise<void> {
  const engine = await openEngine(options())
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

/** Opens an analyst with a view of the trades, which may touch these files, and gives it the statement. */
async function withAnalyst<T>(files: AllowedFiles, work: (analyst: Analyst) => Promise<T>): Promise<T> {
  const analyst = await openAnalyst(options())
  try {
    await analyst.defineView('trades', `select * from read_parquet('${join(lake, 'trades.parquet')}')`)
    await analyst.lock(files)
    return await work(analyst)
  } finally {
    analyst.close()
  }
}

interface Answered {
  readonly columns: readonly (readonly [string, string])[]
  readonly rows: readonly (readonly PlainValue[])[]
}

function query(sql: string, params: readonly QueryParam[] = []): Promise<Answered> {
  return withAnalyst({ read: [join(lake, 'trades.parquet')] }, async (analyst) => {
    const { columns, chunks } = await analyst.open(await analyst.inspect(sql, ['trades']), params)
    const rows: PlainValue[][] = []
    for await (const chunk of chunks()) {
      for (let row = 0; row < chunk.count; row++) rows.push(chunk.columns.map((column) => column[row] as PlainValue))
    }
    return { columns: columns.map(({ name, sqlType }) => [name, sqlType] as const), rows }
  })
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
    expect((await query(sql)).rows).toEqual([[3000n]])
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
    expect((await query(sql)).rows.length).toBeGreaterThan(0)
  })

  it('S3: and gets exact values with their types', async () => {
    const { columns, rows } = await query('select id, price, id as id from trades where id = 2999')
    expect(columns).toEqual([
      ['id', 'BIGINT'],
      ['price', 'DECIMAL(28,10)'],
      ['id:1', 'BIGINT'],
    ])
    expect(rows).toEqual([[2999n, 44_985_000_000_000n, 2999n]])
  })

  it('with parameters, which are never SQL', async () => {
    const sql = 'select $1, $2, $3, $4, $5 from trades where id = $2'
    const { rows } = await query(sql, ["'; drop view trades; --", 7n, true, null, 1.5])
    expect(rows).toEqual([["'; drop view trades; --", 7n, true, null, 1.5]])
    await expect(query('select $1')).rejects.toMatchObject({ code: 'query_invalid' })
    await expect(query('select 1', [2])).rejects.toMatchObject({ code: 'query_invalid' })
  })

  it('Q2: and is told which tables it reads, whatever hides their names', async () => {
    const reads = async (sql: string) => (await looking.inspect(sql, ['trades', 'Gaps'])).reads.toSorted()
    expect(await reads('select 1')).toEqual([])
    expect(await reads('from TRADES')).toEqual(['trades'])
    expect(await reads('with gaps as (select 1) from gaps')).toEqual(['Gaps'])
    expect(await reads('select (select count(*) from market_data.gaps) from memory.main.trades')).toEqual([
      'Gaps',
      'trades',
    ])
    expect(await reads('describe trades')).toEqual(['trades'])
    expect(await reads('explain analyze summarize "gaps"')).toEqual(['Gaps'])
    expect(await reads('pivot trades on id in (1) using sum(price)')).toEqual(['trades'])
    expect((await looking.inspect('show tables', [])).isCatalogRead).toBe(true)
    expect((await looking.inspect('from trades', ['trades'])).isCatalogRead).toBe(false)
  })

  it('an error in the middle of a result is never taken for its end', async () => {
    const sql = "select case when range = 9000 then error('stop') else 'x' end as t from range(9001)"
    await expect(query(sql)).rejects.toMatchObject({ code: 'query_invalid', message: expect.stringContaining('stop') })
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
    await expect(looking.inspect(sql(), ['trades'])).rejects.toMatchObject({
      name: 'UsageError',
      code: 'query_refused',
    })
    expect(await everything()).toEqual(before)
  })

  it('not through a view that reaches outside, nor by a link or by dots', async () => {
    const secret = join(folder, 'lake-next-door', 'secret.csv')
    for (const path of [secret, join(lake, 'link.csv'), `${lake}/../lake-next-door/secret.csv`]) {
      await withAnalyst({ read: [join(lake, 'trades.parquet')] }, (analyst) =>
        expect(analyst.defineView('outside', `select * from read_csv('${path}')`)).rejects.toMatchObject({
          code: 'query_refused',
        }),
      )
    }
  })

  it('not even another file of the lake: only those of the pinned snapshots', async () => {
    await writeTrades(join(lake, 'other.parquet'), 7)
    await withAnalyst({ read: [join(lake, 'trades.parquet')] }, (analyst) =>
      expect(
        analyst.defineView('other', `select * from read_parquet('${join(lake, 'other.parquet')}')`),
      ).rejects.toMatchObject({ code: 'query_refused' }),
    )
  })

  it('settings stay as they are after lock()', async () => {
    await withAnalyst({ read: [] }, (analyst) =>
      expect(analyst.defineView('v', 'select 1; set threads = 1')).rejects.toMatchObject({ code: 'query_invalid' }),
    )
  })

  it('takes no query before lock()', async () => {
    const analyst = await openAnalyst(options())
    const statement = await analyst.inspect('select 1', [])
    expect(() => analyst.open(statement, [])).toThrow(/not locked/)
    analyst.close()
  })

  it('errors name no folder of the machine', async () => {
    const analyst = await openAnalyst(options())
    const gone = join(lake, 'gone.parquet')
    const error = await analyst
      .defineView('v', `select * from read_parquet('${gone}')`)
      .catch((caught: Error) => caught)
    expect(error).toMatchObject({ code: 'query_files_gone' })
    expect(String(error)).not.toContain(lake)
    analyst.close()
  })
})

describe('Q1: functions', () => {
  const REVIEWED_BUT_REFUSED = 239

  it('of the engine are each let through or known to be refused: a new version of it brings none unseen', async () => {
    const database = await openDatabase(options())
    const connection = await duckdb.connect(database)
    const names = new DuckDBResult(
      await duckdb.query(
        connection,
        "select distinct lower(function_name) from duckdb_functions() where function_type in ('scalar', 'aggregate', 'macro')",
      ),
    )
    const all = new Set((await names.getRows()).map(([name]) => String(name)))
    duckdb.disconnect_sync(connection)
    duckdb.close_sync(database)
    expect([...FUNCTIONS].filter((name) => !all.has(name))).toEqual([])
    expect([...all].filter((name) => !FUNCTIONS.has(name)).length).toBe(REVIEWED_BUT_REFUSED)
  })

  it('that the parser makes of syntax are let through', async () => {
    const sql = `select x::int, x || 'a', x like 'a%', x not ilike 'b', x similar to 'c', x between 1 and 2, x in (1, 2),
      [x, 2][1], [1, 2, 3][1:2], {'a': x}.a, map {'a': 1}['a'], struct_pack(a := 1), (1, 2), interval 1 day, interval (x) hour,
      extract(year from now()), now() at time zone 'UTC', date '2026-01-01' + 1, position('a' in x), substring(x from 1 for 2),
      trim(both 'a' from x), coalesce(x, 1), nullif(x, 1), case x when 1 then 2 end,
      cast(x as json) -> 'a', x ->> '$.a', [i * 2 for i in [1, 2] if i > 1], list_transform([1], lambda i: i + 1),
      x is distinct from 2, not x, -x, x ** 2, x // 2, x % 2, x & 1, ~x, x << 1, @x, x!, current_date, try_cast(x as int),
      columns('x'), count(*) over (partition by x order by y rows 2 preceding), row_number() over (), lag(x, 1, 0) over (),
      sum(x) filter (where x > 1), quantile_cont(x, 0.5), arg_max(x, y), string_agg(x, ',' order by y), x collate nocase,
      exists (select 1), x = any (select 1), x > all ([1, 2]), array[1, 2], row(1, 2), x ~ 'a', x !~ 'b', x ^@ 'a', grouping(x)
      from trades group by all`
    const statement = await looking.inspect(sql, ['trades'])
    expect(statement.reads).toEqual(['trades'])
  })
})
