import type { Column } from '@assay/core'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { decimals, named, readAll, spans, texts, useEngine } from './fixture.js'

const used = useEngine()

const DECIMAL_MAX = 10n ** 28n - 1n
const INT64_MAX = 2n ** 63n - 1n

function everyThird(length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => (i % 3 === 0 ? 1 : 0))
}

describe('columns that are loaded and read again', () => {
  const rows = 5000
  const bigints = BigInt64Array.from({ length: rows }, (_, i) => [INT64_MAX, -INT64_MAX - 1n, BigInt(i)][i % 3] ?? 0n)
  const ints = Int32Array.from({ length: rows }, (_, i) => [2 ** 31 - 1, -(2 ** 31), i][i % 3] ?? 0)
  const fixed: Record<string, Column> = {
    bigint: { type: 'BIGINT', data: bigints },
    bigint_nulls: { type: 'BIGINT', data: bigints, nulls: everyThird(rows) },
    integer: { type: 'INTEGER', data: ints, nulls: everyThird(rows) },
    double: { type: 'DOUBLE', data: Float64Array.from(ints, (n, i) => (i % 5 ? n / 7 : Number.NaN)) },
    boolean: { type: 'BOOLEAN', data: Uint8Array.from(ints, (n) => n & 1), nulls: everyThird(rows) },
    utinyint: { type: 'UTINYINT', data: Uint8Array.from(ints, (n) => n & 255) },
    date: { type: 'DATE', data: Int32Array.from({ length: rows }, (_, i) => (i - 2500) * 300) },
    time: { type: 'TIMESTAMPTZ', data: BigInt64Array.from({ length: rows }, (_, i) => BigInt(i - 2500) * 10n ** 14n) },
  }

  it('keep every fixed-width value and null over several chunks', async () => {
    await used.session.load('fixed', named(fixed), rows)
    const read = await readAll(used.session, 'select * from fixed')
    for (const [name, column] of Object.entries(fixed)) {
      if (!('data' in column)) throw new Error('not a fixed-width column')
      const nulls = 'nulls' in column ? column.nulls : undefined
      expect(read[name], name).toEqual([...column.data].map((value, i) => (nulls?.[i] ? null : value)))
    }
  })

  it('take a view that does not begin its buffer', async () => {
    const column: Column = { type: 'BIGINT', data: bigints.subarray(7) }
    await used.session.load('sub', named({ n: column }), 4000)
    expect((await readAll(used.session, 'select * from sub')).n).toEqual([...bigints.subarray(7, 4007)])
  })

  it('S3: keep decimals of 28 digits exactly', async () => {
    const values = [0n, 1n, -1n, DECIMAL_MAX, -DECIMAL_MAX, 10n ** 27n, -(2n ** 64n), 2n ** 64n, 123_456_789_015n]
    await used.session.load('d', named({ d: { type: 'DECIMAL', data: decimals(values) } }), values.length)
    expect((await readAll(used.session, 'select d from d')).d).toEqual(values)
    const [row] = await used.session.rows('select max(d) as m, min(d) as n from d')
    expect(row).toEqual({ m: '999999999999999999.9999999999', n: '-999999999999999999.9999999999' })
  })

  it('keep UUIDs, which sort as their bytes do', async () => {
    const ids = ['00000000', '00000001', '7fffffff', '80000000', 'ffffffff'].map((head) => head.padEnd(32, '0'))
    const shuffled = [ids[3], ids[0], ids[4], ids[2], ids[1]] as string[]
    const data = Uint8Array.from(Buffer.from(shuffled.join(''), 'hex'))
    await used.session.load('u', named({ u: { type: 'UUID', data } }), ids.length)
    expect((await readAll(used.session, 'select u from u')).u).toEqual(shuffled)
    expect((await readAll(used.session, 'select u from u order by u')).u).toEqual(ids)
    expect(await used.session.rows('select min(u) as least from u')).toEqual([
      { least: '00000000-0000-0000-0000-000000000000' },
    ])
  })

  it('append adds rows in order', async () => {
    const column = (from: number): Column => ({
      type: 'BIGINT',
      data: BigInt64Array.from({ length: 3000 }, (_, i) => BigInt(from + i)),
    })
    const table = await used.session.load('a', named({ n: column(0) }), 3000)
    await used.session.append(table, named({ n: column(3000) }), 3000)
    const { n } = await readAll(used.session, 'select n from a')
    expect(n).toEqual(Array.from({ length: 6000 }, (_, i) => BigInt(i)))
  })

  it('a boolean that is null may have any byte', async () => {
    const data = Uint8Array.of(1, 0xbe, 0)
    await used.session.load('f', named({ f: { type: 'BOOLEAN', data, nulls: Uint8Array.of(0, 1, 0) } }), 3)
    expect(await used.session.rows('select f from f')).toEqual([{ f: true }, { f: null }, { f: false }])
  })

  it('load of no rows makes an empty table', async () => {
    await used.session.load('none', named({ t: texts([]) }), 0)
    expect(await used.session.rows('select count(*) as n from none')).toEqual([{ n: 0n }])
  })
})

describe('texts and byte strings', () => {
  const lengths = [0, 1, 3, 4, 5, 11, 12, 13, 14, 16, 24, 25, 63, 255, 256, 5000]
  const blob = (length: number, seed: number): Uint8Array =>
    Uint8Array.from({ length }, (_, k) => (k * 31 + seed * 17 + length) & 255)

  it.each([0, 1, 9, 1000])(
    'B1: byte strings of every length come back as they were, with gaps of %i bytes',
    async (gap) => {
      const values = Array.from({ length: 4500 }, (_, i) =>
        i % 7 === 3 ? null : blob(lengths[i % lengths.length] ?? 0, i),
      )
      await used.session.load('b', named({ b: spans('BLOB', values, gap) }), values.length)
      const expected = values.map((value) => (value ? Buffer.from(value).toString('hex') : null))
      expect((await readAll(used.session, 'select b from b')).b).toEqual(expected)
      const sorted = await readAll(
        used.session,
        'select b from (select b, row_number() over () as i from b) order by -i',
      )
      expect(sorted.b).toEqual(expected.toReversed())
    },
  )

  it('B1: values of 1 MB and an empty one beside them', async () => {
    const values = Array.from({ length: 24 }, (_, i) => (i % 5 === 1 ? new Uint8Array(0) : blob(2 ** 20 + i, i)))
    await used.session.load('large', named({ b: spans('BLOB', values) }), values.length)
    const read = (await readAll(used.session, 'select b from large')).b as string[]
    expect(read.map((hex) => hex.length / 2)).toEqual(values.map((value) => value.length))
    expect(read.every((hex, i) => hex === Buffer.from(values[i] ?? []).toString('hex'))).toBe(true)
  })

  it('spans that overlap, repeat and go backwards', async () => {
    const source = blob(4000, 1)
    const starts = Uint32Array.from({ length: 3000 }, (_, i) => (3000 - i) % 900)
    const ends = starts.map((start, i) => start + (i % 90))
    await used.session.load('o', named({ b: { type: 'BLOB', source, starts, ends } }), starts.length)
    const expected = Array.from(starts, (start, i) => Buffer.from(source.subarray(start, ends[i])).toString('hex'))
    expect((await readAll(used.session, 'select b from o')).b).toEqual(expected)
  })

  it('dictionaries of short and long texts, with nulls', async () => {
    const dictionary = [
      '',
      'BTCUSDT',
      'exactly12byt',
      'thirteen byte',
      'market.crypto.trades.binance.raw',
      'é😀'.repeat(9),
    ]
    const codes = Int32Array.from({ length: 5000 }, (_, i) => (i % (dictionary.length + 1)) - 1)
    await used.session.load('dict', named({ t: { type: 'DICTIONARY', codes, dictionary } }), codes.length)
    const expected = Array.from(codes, (code) => dictionary[code] ?? null)
    expect((await readAll(used.session, 'select t from dict')).t).toEqual(expected)
    const counts = await used.session.rows(
      "select count(*) as n from dict where t = 'market.crypto.trades.binance.raw'",
    )
    expect(counts).toEqual([{ n: BigInt(expected.filter((t) => t === dictionary[4]).length) }])
  })

  it('B1: what is read from a Parquet file, sorted and filtered, is what was loaded', async () => {
    const values = Array.from({ length: 6000 }, (_, i) => blob(lengths[i % lengths.length] ?? 0, i % 40))
    const n = BigInt64Array.from({ length: 6000 }, (_, i) => BigInt((i * 7919) % 6000))
    await used.session.load('p', named({ b: spans('BLOB', values), n: { type: 'BIGINT', data: n } }), 6000)
    const path = `${used.folder}/blobs.parquet`
    const fields = [
      { name: 'b', id: 1, type: 'BLOB' },
      { name: 'n', id: 2, type: 'BIGINT' },
    ] as const
    await used.session.writeParquet({ select: 'select b, n from p', path, fields })
    const { b } = await readAll(used.session, `select b, n from read_parquet('${path}') where n % 3 > 0 order by n`)
    const expected = [...n.keys()]
      .filter((i) => (n[i] ?? 0n) % 3n > 0n)
      .toSorted((i, k) => Number((n[i] ?? 0n) - (n[k] ?? 0n)))
      .map((i) => Buffer.from(values[i] ?? []).toString('hex'))
    expect(b).toEqual(expected)
  })

  it('any texts and byte strings (property)', async () => {
    const value = fc.option(fc.string({ unit: 'grapheme', maxLength: 40 }), { nil: null })
    await fc.assert(
      fc.asyncProperty(
        fc.array(value, { minLength: 1, maxLength: 60 }),
        fc.integer({ min: 0, max: 30 }),
        async (all, gap) => {
          const bytes = all.map((text) => (text === null ? null : Buffer.from(text)))
          await used.session.load('texts', named({ t: texts(all, gap), b: spans('BLOB', bytes, gap) }), all.length)
          const read = await readAll(used.session, 'select t, b from texts')
          expect(read.t).toEqual(all)
          expect(read.b).toEqual(bytes.map((value) => value?.toString('hex') ?? null))
        },
      ),
      { numRuns: 60 },
    )
  })
})

describe('columns that are not as they should be', () => {
  const one = (column: Column) => used.session.load('bad', named({ c: column }), 1)

  it.each<[string, Column]>([
    ['too short', { type: 'BIGINT', data: new BigInt64Array(0) }],
    [
      'a span outside its source',
      { type: 'BLOB', source: new Uint8Array(4), starts: Uint32Array.of(1), ends: Uint32Array.of(5) },
    ],
    [
      'a span that ends before it starts',
      { type: 'BLOB', source: new Uint8Array(4), starts: Uint32Array.of(3), ends: Uint32Array.of(2) },
    ],
    ['a code outside the dictionary', { type: 'DICTIONARY', codes: Int32Array.of(1), dictionary: ['a'] }],
    ['a decimal of 29 digits', { type: 'DECIMAL', data: decimals([DECIMAL_MAX + 1n]) }],
    ['a negative decimal of 29 digits', { type: 'DECIMAL', data: decimals([-DECIMAL_MAX - 1n]) }],
    ['a boolean of 2', { type: 'BOOLEAN', data: Uint8Array.of(2) }],
    ['a short text that is not UTF-8', spans('VARCHAR', [Uint8Array.of(0x61, 0xff)])],
    ['a long text that is not UTF-8', spans('VARCHAR', [new Uint8Array(40).fill(0xc3)])],
  ])('%s: bad_column, and the session goes on', async (_, column) => {
    await expect(one(column)).rejects.toMatchObject({ code: 'bad_column' })
    expect(await used.session.rows('select 1 as x')).toEqual([{ x: 1 }])
  })

  it('a character cut in two by neighbouring texts is not UTF-8, although the whole is', async () => {
    const [head, tail] = [Buffer.from('é').subarray(0, 1), Buffer.from('é').subarray(1)]
    await expect(used.session.load('cut', named({ c: spans('VARCHAR', [head, tail]) }), 2)).rejects.toMatchObject({
      code: 'bad_column',
    })
  })
})
