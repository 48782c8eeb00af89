import { stat } from 'node:fs/promises'
import type { Column } from '@assay/core'
import fc from 'fast-check'
import { asyncBufferFromFile, parquetMetadataAsync, parquetReadObjects } from 'hyparquet'
import { compressors } from 'hyparquet-compressors'
import { describe, expect, it } from 'vitest'
import type { ParquetField, WrittenParquet } from '../src/index.js'
import { decimals, named, spans, texts, useEngine } from './fixture.js'

const used = useEngine()

async function write(select: string, fields: readonly ParquetField[], rowGroupRows?: number): Promise<WrittenParquet> {
  const path = `${used.folder}/t.parquet`
  return used.session.writeParquet({ select, path, fields, ...(rowGroupRows ? { rowGroupRows } : {}) })
}

describe('a written file, read by another reader', () => {
  const fields: ParquetField[] = [
    { name: 'id', id: 1, type: 'UUID' },
    { name: 'symbol', id: 2, type: 'VARCHAR' },
    { name: 'price', id: 3, type: 'DECIMAL(28,10)' },
    { name: 'time', id: 4, type: 'TIMESTAMPTZ' },
    { name: 'day', id: 5, type: 'DATE' },
    { name: 'raw', id: 6, type: 'BLOB' },
    { name: 'flag', id: 7, type: 'BOOLEAN' },
    { name: 'conditions', id: 8, type: 'VARCHAR[]', children: [{ name: 'element', id: 90, type: 'VARCHAR' }] },
    { name: 'offset', id: 10, type: 'BIGINT' },
  ]

  async function writeAll(): Promise<WrittenParquet> {
    const columns: Record<string, Column> = {
      id: { type: 'UUID', data: Uint8Array.from({ length: 48 }, (_, i) => i * 5) },
      symbol: { type: 'DICTIONARY', codes: Int32Array.of(0, -1, 1), dictionary: ['BTCUSDT', 'Ξ/€'] },
      price: { type: 'DECIMAL', data: decimals([394_324_800_000_000n, -1n, 10n ** 28n - 1n]) },
      time: { type: 'TIMESTAMPTZ', data: BigInt64Array.of(1_610_064_000_278_123n, -1n, 0n) },
      day: { type: 'DATE', data: Int32Array.of(18_634, -1, 0) },
      raw: spans('BLOB', [Uint8Array.of(0, 1, 255), new Uint8Array(63).fill(7), new Uint8Array(0)]),
      flag: { type: 'BOOLEAN', data: Uint8Array.of(1, 0, 1) },
      conditions_text: texts(['a,b', null, '']),
      offset: { type: 'BIGINT', data: BigInt64Array.of(2n ** 62n, 0n, -5n) },
    }
    await used.session.load('w', named(columns), 3)
    return write(
      `select id, symbol, price, "time", day, raw, flag, string_split(conditions_text, ',') as conditions, "offset" from w`,
      fields,
    )
  }

  it('A4: has every field id, the list and its element included', async () => {
    await writeAll()
    const { schema } = await parquetMetadataAsync(await asyncBufferFromFile(`${used.folder}/t.parquet`))
    const ids = new Map(schema.map(({ name, field_id }) => [name, field_id]))
    for (const { name, id } of fields) expect(ids.get(name), name).toBe(id)
    expect(ids.get('element')).toBe(90)
  })

  it('A4: has the types that Iceberg asks for', async () => {
    await writeAll()
    const { schema, row_groups } = await parquetMetadataAsync(await asyncBufferFromFile(`${used.folder}/t.parquet`))
    const element = (name: string) => schema.find((field) => field.name === name)
    expect(element('price')).toMatchObject({ type: 'FIXED_LEN_BYTE_ARRAY', precision: 28, scale: 10 })
    expect(element('time')).toMatchObject({
      type: 'INT64',
      logical_type: { type: 'TIMESTAMP', isAdjustedToUTC: true, unit: 'MICROS' },
    })
    expect(element('day')).toMatchObject({ type: 'INT32', converted_type: 'DATE' })
    expect(element('id')).toMatchObject({ type: 'FIXED_LEN_BYTE_ARRAY', type_length: 16 })
    expect(element('raw')).toMatchObject({ type: 'BYTE_ARRAY' })
    expect(element('raw')?.converted_type).toBeUndefined()
    expect(row_groups[0]?.columns.every((column) => column.meta_data?.codec === 'ZSTD')).toBe(true)
  })

  it('S3: has the values, exact', async () => {
    await writeAll()
    const file = await asyncBufferFromFile(`${used.folder}/t.parquet`)
    const rows = await parquetReadObjects({ file, compressors, utf8: false })
    expect(rows.map((row) => row.symbol)).toEqual(['BTCUSDT', null, 'Ξ/€'])
    expect(rows.map((row) => row.offset)).toEqual([2n ** 62n, 0n, -5n])
    expect(rows.map((row) => row.flag)).toEqual([true, false, true])
    expect(rows.map((row) => Buffer.from(row.raw as Uint8Array).length)).toEqual([3, 63, 0])
    expect(rows[0]?.time).toEqual(new Date('2021-01-08T00:00:00.278Z'))
  })

  it('tells its exact size, rows, nulls and bounds', async () => {
    const written = await writeAll()
    expect(written.size_bytes).toBe((await stat(`${used.folder}/t.parquet`)).size)
    expect(written.rows).toBe(3)
    const byId = new Map(written.columns.map((column) => [column.id, column]))
    expect(byId.get(2)).toMatchObject({ values: 3, nulls: 1, min: 'BTCUSDT', max: 'Ξ/€' })
    expect(byId.get(3)).toMatchObject({ nulls: 0, min: -1n, max: 10n ** 28n - 1n })
    expect(byId.get(4)).toMatchObject({ min: -1n, max: 1_610_064_000_278_123n })
    expect(byId.get(5)).toMatchObject({ min: -1n, max: 18_634n })
    expect(byId.get(7)).toMatchObject({ min: false, max: true })
    expect(byId.get(10)).toMatchObject({ min: -5n, max: 2n ** 62n })
    expect(byId.get(90)).toMatchObject({ values: 4, nulls: 1 })
    for (const id of [1, 6, 90]) expect(byId.get(id)).not.toHaveProperty('min')
  })
})

/** The engine's own name of a column's type. */
function sqlTypeOf({ type }: Column): string {
  return type === 'DECIMAL' ? 'DECIMAL(28,10)' : type === 'DICTIONARY' ? 'VARCHAR' : type
}

describe('bounds of columns', () => {
  /** A bound may be left out, but never be narrower than the values. */
  async function boundsOf(column: Column, count: number): Promise<{ min?: unknown; max?: unknown; nulls: number }> {
    await used.session.load('s', named({ c: column }), count)
    const written = await write('select c from s', [{ name: 'c', id: 1, type: sqlTypeOf(column) }], 2048)
    return written.columns[0] ?? { nulls: -1 }
  }

  const nullable = (arbitrary: fc.Arbitrary<bigint>) =>
    fc.array(fc.option(arbitrary, { nil: null, freq: 6 }), { minLength: 1, maxLength: 40 })
  const extremes = (values: readonly (bigint | null)[]) => {
    const present = values.filter((value) => value !== null).toSorted((a, b) => (a < b ? -1 : a > b ? 1 : 0))
    return { min: present[0], max: present.at(-1) }
  }
  const flags = (values: readonly unknown[]) => Uint8Array.from(values, (value) => (value === null ? 1 : 0))

  it('S3: of integers are exact, whatever they are', async () => {
    await fc.assert(
      fc.asyncProperty(nullable(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })), async (values) => {
        const data = BigInt64Array.from(values, (value) => value ?? 0n)
        const { min, max, nulls } = await boundsOf({ type: 'BIGINT', data, nulls: flags(values) }, values.length)
        expect({ min, max }).toEqual(extremes(values))
        expect(nulls).toBe(values.filter((value) => value === null).length)
      }),
      { numRuns: 40 },
    )
  })

  it('S3: of decimals are exact, whatever they are', async () => {
    const limit = 10n ** 28n - 1n
    const value = fc.oneof(fc.bigInt({ min: -limit, max: limit }), fc.bigInt({ min: -(10n ** 11n), max: 10n ** 11n }))
    await fc.assert(
      fc.asyncProperty(nullable(value), async (values) => {
        const data = decimals(values.map((v) => v ?? 0n))
        const { min, max } = await boundsOf({ type: 'DECIMAL', data, nulls: flags(values) }, values.length)
        expect({ min, max }).toEqual(extremes(values))
      }),
      { numRuns: 40 },
    )
  })

  it('of times are exact from the year 1 to 9999, before 1970 too, and else left out', async () => {
    const last = 253_402_300_799_999_999n
    const inside = fc.bigInt({ min: -62_135_596_800_000_000n, max: last })
    const anywhere = fc.bigInt({ min: -(2n ** 62n), max: 2n ** 63n - 2n })
    for (const [value, isInside] of [
      [inside, true],
      [anywhere, false],
    ] as const) {
      await fc.assert(
        fc.asyncProperty(nullable(value), async (values) => {
          const data = BigInt64Array.from(values, (v) => v ?? 0n)
          const { min, max } = await boundsOf({ type: 'TIMESTAMPTZ', data, nulls: flags(values) }, values.length)
          const expected = extremes(values)
          if (isInside || min !== undefined || max !== undefined) expect({ min, max }).toEqual(expected)
        }),
        { numRuns: 30 },
      )
    }
  })

  it('of dates are exact from the year 1 to 9999', async () => {
    await fc.assert(
      fc.asyncProperty(nullable(fc.bigInt({ min: -719_162n, max: 2_932_896n })), async (values) => {
        const data = Int32Array.from(values, (value) => Number(value ?? 0n))
        const { min, max } = await boundsOf({ type: 'DATE', data, nulls: flags(values) }, values.length)
        expect({ min, max }).toEqual(extremes(values))
      }),
      { numRuns: 30 },
    )
  })

  it('of texts are never narrower than the texts, however long and in whatever script', async () => {
    const short = fc.string({ unit: 'grapheme', maxLength: 30 })
    const long = fc.tuple(
      fc.constantFrom('z', 'é', '😀', '\u007f', '\uffff', '\ufffd'),
      fc.integer({ min: 100, max: 300 }),
      short,
    )
    const text = fc.oneof(
      short,
      long.map(([c, n, end]) => c.repeat(n) + end),
    )
    await fc.assert(
      fc.asyncProperty(fc.array(text, { minLength: 1, maxLength: 12 }), async (values) => {
        const { min, max } = await boundsOf(texts(values), values.length)
        for (const value of values) {
          const bytes = Buffer.from(value)
          if (typeof min === 'string') expect(Buffer.compare(Buffer.from(min), bytes)).toBeLessThanOrEqual(0)
          if (typeof max === 'string') expect(Buffer.compare(Buffer.from(max), bytes)).toBeGreaterThanOrEqual(0)
        }
        if (values.every((value) => /^[ -~]{0,60}$/.test(value))) expect([min, max]).not.toContain(undefined)
      }),
      { numRuns: 80 },
    )
  })

  it('cover all row groups, with texts beyond the limit and nulls in some of them', async () => {
    const values = Array.from({ length: 9000 }, (_, i) => {
      if (i >= 2048 && i < 4096) return null
      return i === 5000 ? 'z'.repeat(20_000) : i === 8000 ? 'A'.repeat(20_000) : `m${i}`
    })
    const { min, max, nulls } = await boundsOf(texts(values), values.length)
    expect(nulls).toBe(2048)
    if (min !== undefined) expect(min).toMatch(/^A+$/)
    expect(max).toBeUndefined()
  })

  it('are left out for a column of nulls, and for doubles, whose NaNs they would hide', async () => {
    const nulls = new Uint8Array(3).fill(1)
    expect(await boundsOf({ type: 'BIGINT', data: new BigInt64Array(3), nulls }, 3)).toMatchObject({ nulls: 3 })
    const double = await boundsOf({ type: 'DOUBLE', data: Float64Array.of(1, Number.NaN, 2) }, 3)
    expect(double).not.toHaveProperty('min')
    expect(double).not.toHaveProperty('max')
  })
})

describe('writing', () => {
  it('of no rows tells so', async () => {
    expect(await write('select 1 as a where false', [{ name: 'a', id: 1, type: 'INTEGER' }])).toMatchObject({ rows: 0 })
  })

  it('keeps the order of the rows over row groups and threads', async () => {
    await write('select range as n from range(500000) order by n desc', [{ name: 'n', id: 1, type: 'BIGINT' }], 10_000)
    const [row] = await used.session.rows(
      `select count(*) as n from (select n, 499999 - row_number() over () + 1 as expected
       from read_parquet('${used.folder}/t.parquet')) where n <> expected`,
    )
    expect(row).toEqual({ n: 0n })
  })

  it.each([
    ['without a field', 'select 1 as a, 2 as b', 'parquet_fields_differ'],
    ['under another name', 'select 1 as b', 'engine_statement_failed'],
  ])('A4: refuses a column %s, which other engines would not find', async (_, select, code) => {
    await expect(write(select, [{ name: 'a', id: 1, type: 'INTEGER' }])).rejects.toMatchObject({ code })
    await expect(stat(`${used.folder}/t.parquet`)).rejects.toMatchObject({ code: 'ENOENT' })
  })

  it('leaves no file behind when it fails half-way', async () => {
    const select = "select case when range = 400000 then error('stop')::bigint else range end as n from range(500000)"
    const path = `${used.folder}/half.parquet`
    const failed = used.session.writeParquet({ select, path, fields: [{ name: 'n', id: 1, type: 'BIGINT' }] })
    await expect(failed).rejects.toMatchObject({ code: 'engine_statement_failed' })
    await expect(stat(path)).rejects.toMatchObject({ code: 'ENOENT' })
  })

  it('takes a path and names with quotes in them', async () => {
    const path = `${used.folder}/it's "here".parquet`
    const written = await used.session.writeParquet({
      select: 'select 1 as "a""b"',
      path,
      fields: [{ name: 'a"b', id: 3, type: 'INTEGER' }],
    })
    expect(written.columns[0]).toMatchObject({ id: 3, min: 1n, max: 1n })
    expect((await stat(path)).size).toBe(written.size_bytes)
  })
})
