import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Analyst, openAnalyst } from '../src/index.js'

const TABLES = ['gold_trades', 'gaps']
const STATEMENT_CHARS_MAX = 100_000

let folder: string
let analyst: Analyst

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'assay-gate-'))
  analyst = await openAnalyst({ memoryLimit_bytes: 96 * 2 ** 20, threads: 1, tempDirectory: join(folder, 'spill') })
  await analyst.lock({ read: [], write: join(folder, 'out.parquet') })
})

afterAll(async () => {
  analyst.close()
  await rm(folder, { recursive: true, force: true })
})

const inspect = (sql: string) => analyst.inspect(sql, TABLES)

describe('Q1: the gate for statements refuses', () => {
  it.each([
    ["a table's name in a schema that is not its own", 'from pg_catalog.gaps'],
    ['the same in the catalog of names', 'from information_schema.gaps'],
    ['another schema', 'from elsewhere.gaps'],
    ['views, which show the paths of files', 'from information_schema.views'],
    ["another catalog's names", 'from other.information_schema.tables'],
    ['a table function of another schema', 'from elsewhere.range(3)'],
    ['a table function of another catalog', 'from other.main.range(3)'],
    ['a function of another schema', 'select elsewhere.abs(1)'],
    ['a function of another catalog', 'select other.main.abs(1)'],
    ['a name that is a pattern of files', 'from "gaps*"'],
    ['a name that is a pattern of one letter', 'from "gap?"'],
    ['a name that is an address', 'from "s3:gaps"'],
    ["a name that is another system's path", 'from "a\\gaps"'],
    ['a common table that is called like a file', 'with "x.csv" as (select 1) select 1'],
    ['what stands behind many things that are allowed', `select ${'1, '.repeat(500)} write_log('x')`],
    ['what stands before many things that are allowed', `select write_log('x') ${', 1'.repeat(500)}`],
  ])('%s: %s', async (_, sql) => {
    await expect(inspect(sql)).rejects.toMatchObject({ code: 'query_refused' })
  })

  it('a table of another catalog, as one that there is not', async () => {
    await expect(inspect('from other.main.gaps')).rejects.toMatchObject({ code: 'query_invalid' })
  })

  it('a schema that is called like a file, and says so', async () => {
    await expect(inspect('from "a/b".gaps')).rejects.toThrow('it reads the file a/b.gaps')
  })

  it('a statement longer than its limit, and none that is as long', async () => {
    const sql = 'select 1'.padEnd(STATEMENT_CHARS_MAX)
    await expect(inspect(sql)).resolves.toMatchObject({ reads: [] })
    await expect(inspect(`${sql} `)).rejects.toMatchObject({ code: 'query_refused' })
  })

  it('an EXPLAIN to be exported', async () => {
    const statement = await inspect('explain select 1')
    expect(() => analyst.exportParquet(statement)).toThrow(expect.objectContaining({ code: 'query_refused' }))
  })

  it('and what is about to run is looked at again', async () => {
    const unseen = { isExplain: false, reads: [], isCatalogRead: false }
    for (const sql of ['create temp table t as select 1', 'set threads = 1', 'prepare p as select 1']) {
      await expect(analyst.open({ ...unseen, sql }, [])).rejects.toMatchObject({ code: 'query_refused' })
    }
  })
})

describe('the gate for statements tells', () => {
  it('of a table that there is not, with those of like names, and where a common table does not count', async () => {
    await expect(inspect('from old_trades')).rejects.toMatchObject({
      code: 'query_invalid',
      hint: 'perhaps gold_trades; "show tables" lists all',
    })
    await expect(inspect('from trad')).rejects.toMatchObject({ hint: expect.stringContaining('perhaps gold_trades;') })
    await expect(inspect('from nowhere')).rejects.toMatchObject({ hint: '"show tables" lists them' })
    await expect(inspect('with t as (select 1) from t')).resolves.toMatchObject({ reads: [] })
    for (const elsewhere of ['main.t', 'memory.main.t']) {
      await expect(inspect(`with t as (select 1) from ${elsewhere}`)).rejects.toMatchObject({ code: 'query_invalid' })
    }
  })

  it('whether it is an EXPLAIN, which runs with its options', async () => {
    expect(await inspect('select 1')).toMatchObject({ isExplain: false, sql: 'select 1' })
    expect(await inspect('explain select 1')).toMatchObject({ isExplain: true })
    const { isExplain, sql } = await inspect('/* why */ EXPLAIN ANALYZE select 1')
    expect([isExplain, sql.replaceAll(/\s+/g, ' ').toLowerCase()]).toEqual([true, 'explain analyze select 1'])
  })

  it('Q2: whether it asks which tables there are', async () => {
    for (const sql of ['from information_schema.columns', 'from duckdb_tables()', 'show all tables', 'show tables']) {
      expect([sql, (await inspect(sql)).isCatalogRead]).toEqual([sql, true])
    }
    for (const sql of ['from range(3)', 'from gaps', 'describe gaps']) {
      expect([sql, (await inspect(sql)).isCatalogRead]).toEqual([sql, false])
    }
  })

  it('how many parameters a statement has, and how many were given', async () => {
    for (const [sql, values, message] of [
      ['select 1', [2], 'the statement has 0 parameters, 1 were given'],
      ['select $1, $2', [2], 'the statement has 2 parameters, 1 were given'],
    ] as const) {
      await expect(analyst.open(await inspect(sql), values)).rejects.toThrow(message)
    }
  })
})
