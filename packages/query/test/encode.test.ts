import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openAnalyst } from '@assay/engine'
import { tableFromIPC } from '@uwdata/flechette'
import { type AsyncBuffer, parquetMetadata, parquetReadObjects, parquetSchema } from 'hyparquet'
import { compressors } from 'hyparquet-compressors'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { encoderOf } from '../src/encode/encoder.js'
import type { StreamFormat } from '../src/protocol/messages.js'

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'assay-encode-'))
})
afterAll(() => rm(folder, { recursive: true }))

async function withStatement<T>(
  sql: string,
  write: string | undefined,
  work: (
    analyst: Awaited<ReturnType<typeof openAnalyst>>,
    statement: { sql: string; isExplain: boolean; reads: readonly string[]; isCatalogRead: boolean },
  ) => Promise<T>,
): Promise<T> {
  const analyst = await openAnalyst({ memoryLimit_bytes: 2 ** 28, threads: 2, tempDirectory: join(folder, 'spill') })
  try {
    const statement = await analyst.inspect(sql, [])
    await analyst.lock({ read: [], ...(write !== undefined && { write }) })
    return await work(analyst, statement)
  } finally {
    analyst.close()
  }
}

function encoded(sql: string, format: StreamFormat): Promise<Buffer> {
  return withStatement(sql, undefined, async (analyst, statement) => {
    const { columns, chunks } = await analyst.open(statement, [])
    const encoder = await encoderOf(format, columns)
    const pieces = [encoder.start()]
    for await (const chunk of chunks()) pieces.push(encoder.rows(chunk))
    return Buffer.concat([...pieces, encoder.end()])
  })
}

async function parquet(sql: string): Promise<Buffer> {
  const path = join(folder, `${pathNumber++}.parquet`)
  await withStatement(sql, path, (analyst, statement) => analyst.exportParquet(statement))
  return readFile(path)
}
let pathNumber = 0

function bufferOf(bytes: Buffer): AsyncBuffer {
  const copy = Uint8Array.from(bytes).buffer
  return { byteLength: copy.byteLength, slice: (from, to) => copy.slice(from, to) }
}

const EDGES = `SELECT * FROM (VALUES
  (true, 127::TINYINT, (-32768)::SMALLINT, 2147483647, 9223372036854775807, 99999999999999999999999999999999999999::HUGEINT,
    18446744073709551615::UBIGINT, 123456789012345678.0123456789::DECIMAL(28,10), 0.1::DOUBLE, 'a "b",\n''ü'''),
  (false, -128, 32767, -2147483648, -9223372036854775808, -99999999999999999999999999999999999999::HUGEINT,
    0, -0.0000000001, '-0.0'::DOUBLE, ''),
  (NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL))
  t(b, i8, i16, i32, i64, i128, u64, dec, f64, txt)`

const TIMES = `SELECT TIMESTAMPTZ '2025-11-10 17:23:53.971744+02' AS tz, TIMESTAMP '1969-12-31 23:59:59.999999' AS ts,
  TIMESTAMP_NS '2025-11-10 17:23:53.971744123' AS ns, DATE '2025-11-10' AS d, TIME '23:59:59.000001' AS t,
  INTERVAL '14 months 3 days 0.000001 seconds' AS iv, TIMETZ '01:02:03.4+05:30' AS ttz`

const NESTED = `SELECT [1::BIGINT, NULL, 9007199254740993] AS l, {'a': 12345678901234567890::HUGEINT, 'b': [1.50::DECIMAL(5,2)]} AS s,
  MAP {'k': 1::HUGEINT} AS m, [[''], []] AS ll, 'ff00'::BLOB AS bl, '\\x00\\xFF'::BLOB AS raw,
  '466e0de0-0000-8000-8000-000000000001'::UUID AS u, 'x'::ENUM('x', 'y') AS e, '1011'::BIT AS bits, NULL::INTEGER[] AS n,
  [1, 2]::INTEGER[2] AS fixed, {'a': 1}::JSON AS j`

describe('S3: every value comes out with all its digits', () => {
  test('in JSON, where whether it is a number is decided by its type', async () => {
    expect(JSON.parse(String(await encoded(EDGES, 'json')))).toEqual([
      {
        b: true,
        i8: 127,
        i16: -32768,
        i32: 2147483647,
        i64: '9223372036854775807',
        i128: '99999999999999999999999999999999999999',
        u64: '18446744073709551615',
        dec: '123456789012345678.0123456789',
        f64: 0.1,
        txt: `a "b",\n'ü'`,
      },
      {
        b: false,
        i8: -128,
        i16: 32767,
        i32: -2147483648,
        i64: '-9223372036854775808',
        i128: '-99999999999999999999999999999999999999',
        u64: '0',
        dec: '-0.0000000001',
        f64: -0,
        txt: '',
      },
      { b: null, i8: null, i16: null, i32: null, i64: null, i128: null, u64: null, dec: null, f64: null, txt: null },
    ])
    expect(
      String(
        await encoded("SELECT 1::BIGINT AS n, 'NaN'::DOUBLE AS f, '-Infinity'::FLOAT AS g, 12::DOUBLE AS h", 'ndjson'),
      ),
    ).toBe('{"n":"1","f":"NaN","g":"-Infinity","h":12.0}\n')
    expect(JSON.parse(String(await encoded(TIMES, 'json')))).toEqual([
      {
        tz: '2025-11-10T15:23:53.971744Z',
        ts: '1969-12-31T23:59:59.999999',
        ns: '2025-11-10T17:23:53.971744123',
        d: '2025-11-10',
        t: '23:59:59.000001',
        iv: '1 year 2 months 3 days 00:00:00.000001',
        ttz: '01:02:03.4+05:30',
      },
    ])
    expect(JSON.parse(String(await encoded(NESTED, 'json')))).toEqual([
      {
        l: ['1', null, '9007199254740993'],
        s: { a: '12345678901234567890', b: ['1.50'] },
        m: [{ key: 'k', value: '1' }],
        ll: [[''], []],
        bl: '66663030',
        raw: '00ff',
        u: '466e0de0-0000-8000-8000-000000000001',
        e: 'x',
        bits: '1011',
        n: null,
        fixed: [1, 2],
        j: '{"a":1}',
      },
    ])
  })

  test('and an answer without rows is one, in every format', async () => {
    const none = 'SELECT 1 AS a WHERE false'
    expect(String(await encoded(none, 'csv'))).toBe('a\n')
    expect(JSON.parse(String(await encoded(none, 'json')))).toEqual([])
    expect(String(await encoded(none, 'ndjson'))).toBe('')
    expect(tableFromIPC(await encoded(none, 'arrow')).numRows).toBe(0)
    expect(await parquetReadObjects({ file: bufferOf(await parquet(none)), compressors })).toEqual([])
  })

  test('in CSV, which tells NULL from the empty text', async () => {
    expect(String(await encoded(`SELECT i64, dec, txt, b FROM (${EDGES})`, 'csv'))).toBe(
      'i64,dec,txt,b\n' +
        `9223372036854775807,123456789012345678.0123456789,"a ""b"",\n'ü'",true\n` +
        '-9223372036854775808,-0.0000000001,"",false\n' +
        ',,,\n',
    )
    expect(String(await encoded(`SELECT l, raw FROM (${NESTED})`, 'csv'))).toBe(
      'l,raw\n"[""1"",null,""9007199254740993""]",00ff\n',
    )
  })

  test('in Arrow', async () => {
    const read = async (sql: string) =>
      tableFromIPC(await encoded(sql, 'arrow'), {
        useBigInt: true,
        useDecimalInt: true,
        useBigIntTimestamp: true,
      }).toArray()
    expect(await read(EDGES)).toMatchObject([
      {
        i8: 127,
        i64: 2n ** 63n - 1n,
        i128: 10n ** 38n - 1n,
        u64: 2n ** 64n - 1n,
        dec: 1234567890123456780123456789n,
        f64: 0.1,
      },
      { i8: -128, i64: -(2n ** 63n), i128: 1n - 10n ** 38n, u64: 0n, dec: -1n, f64: -0 },
      { b: null, i8: null, i64: null, i128: null, dec: null, txt: null },
    ])
    const [times] = await read(TIMES)
    expect(times).toMatchObject({
      tz: 1_762_788_233_971_744n,
      ts: -1n,
      ns: 1_762_795_433_971_744_123n,
      t: 86_399_000_001n,
    })
    expect(Array.from(times?.iv as Iterable<number>)).toEqual([14, 3, 1000])
    const [nested] = await read(NESTED)
    expect(Array.from(nested?.l as Iterable<unknown>)).toEqual([1n, null, 9007199254740993n])
    expect(nested?.s).toMatchObject({ a: 12345678901234567890n })
    expect(nested).toMatchObject({ u: '466e0de0-0000-8000-8000-000000000001', n: null })
    expect(Array.from(nested?.raw as Uint8Array)).toEqual([0, 255])
  })

  test('in Parquet: sums of integers are decimals, intervals are texts', async () => {
    const bytes = await parquet(EDGES)
    const types = parquetSchema(parquetMetadata(Uint8Array.from(bytes).buffer)).children.map(({ element }) => [
      element.name,
      element.converted_type ?? element.type,
    ])
    expect(types).toContainEqual(['i128', 'DECIMAL'])
    expect(types).toContainEqual(['i64', 'INT_64'])
    const rows = await parquetReadObjects({ file: bufferOf(bytes), compressors })
    expect(rows[0]).toMatchObject({ b: true, i8: 127, i64: 2n ** 63n - 1n, u64: 2n ** 64n - 1n, txt: `a "b",\n'ü'` })
    expect(rows[2]).toMatchObject({ b: null, i64: null, i128: null, dec: null, txt: null })
    const [times] = await parquetReadObjects({ file: bufferOf(await parquet(TIMES)), compressors })
    expect(times).toMatchObject({ iv: '1 year 2 months 3 days 00:00:00.000001', ttz: '01:02:03.4+05:30' })
    const [nested] = await parquetReadObjects({ file: bufferOf(await parquet(NESTED)), compressors })
    expect(nested).toMatchObject({ l: [1n, null, 9007199254740993n], e: 'x', bits: '1011', ll: [[''], []] })
  })

  test('or the statement fails: 128-bit integers of 39 digits are only texts', async () => {
    const wide = 'SELECT 170141183460469231731687303715884105727::HUGEINT AS n'
    expect(String(await encoded(wide, 'csv'))).toBe('n\n170141183460469231731687303715884105727\n')
    await expect(encoded(wide, 'arrow')).rejects.toMatchObject({ code: 'value_too_wide' })
    await expect(parquet(wide)).rejects.toMatchObject({ code: 'value_too_wide' })
  })

  test.each(['SELECT row(1, 2) AS r', 'SELECT union_value(k := 1) AS u'])(
    '%s is refused, as it would lose something',
    async (sql) => {
      await expect(encoded(sql, 'json')).rejects.toMatchObject({ code: 'unsupported_column_type' })
    },
  )
})

describe('all formats tell the same', () => {
  test('of generated rows, in their order', async () => {
    const sql = `SELECT i AS id, CASE WHEN hash(i + 11) % 7 > 0 THEN ((hash(i) % 1000000000000)::DECIMAL(28,10) * 0.001::DECIMAL(4,3))::DECIMAL(28,10) END AS price,
      CASE WHEN i % 5 > 0 THEN 'k' || hash(i) END AS key, [i, -i] AS ids, sum(i) OVER (ORDER BY i) AS total,
      make_timestamptz((hash(i) % 4000000000000000)::BIGINT) AS at FROM range(20000) t(i) ORDER BY hash(i)`
    const json = JSON.parse(String(await encoded(sql, 'json'))) as Record<string, unknown>[]
    const lines = String(await encoded(sql, 'ndjson'))
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line))
    expect(JSON.stringify(lines) === JSON.stringify(json)).toBe(true)
    const arrow = tableFromIPC(await encoded(sql, 'arrow'), {
      useBigInt: true,
      useDecimalInt: true,
      useBigIntTimestamp: true,
    }).toArray()
    const files = await parquetReadObjects({ file: bufferOf(await parquet(sql)), compressors })
    const csv = String(await encoded(sql, 'csv'))
      .trimEnd()
      .split('\n')
      .slice(1)
    expect([json.length, arrow.length, files.length, csv.length]).toEqual([20_000, 20_000, 20_000, 20_000])
    for (const i of [0, 1, 2047, 2048, 16_383, 16_384, 19_999]) {
      const { id, price, key, at, total } = json[i] as Record<string, string | null>
      expect(csv[i]?.startsWith(`${id},${price ?? ''},${key ?? ''},`)).toBe(true)
      expect([arrow[i]?.id, arrow[i]?.key, arrow[i]?.total]).toEqual([BigInt(String(id)), key, BigInt(String(total))])
      expect(arrow[i]?.price).toBe(price === null ? null : BigInt(String(price).replace('.', '')))
      expect([files[i]?.id, files[i]?.key]).toEqual([BigInt(String(id)), key])
      expect(new Date(files[i]?.at as Date).toISOString().slice(0, 23)).toBe(String(at).slice(0, 23))
    }
    const sumOf = (values: readonly unknown[]): bigint =>
      values.reduce<bigint>((sum, value) => sum + BigInt(String(value)), 0n)
    expect(sumOf(arrow.map(({ id }) => id))).toBe(sumOf(json.map(({ id }) => id)))
    expect(sumOf(files.map(({ id }) => id))).toBe(sumOf(json.map(({ id }) => id)))
  })
})
