import type { RowColumn } from '@assay/core'
import { describe, expect, it } from 'vitest'
import type { ColumnField, ParquetType } from '../src/format/schema.js'
import { loadCompress } from '../src/index.js'
import { ParquetWriter } from '../src/parquet-writer.js'
import { written } from './read-back.js'

const ROWS = Uint32Array.of(0, 1)
const INTEGERS: RowColumn = { type: 'INTEGER', data: Int32Array.of(1, 2) }
const invalid = { code: 'parquet_rows_invalid', hint: expect.any(String) }

function one(type: ParquetType, column: RowColumn, rows = ROWS): Parameters<typeof written>[0] {
  const field: ColumnField = { name: 'c', id: 1, type, ...(type === 'LIST' && { elementId: 2 }) }
  return { fields: [field], parts: [{ columns: new Map([['c', column]]), rows }] }
}

function texts(source: string | Uint8Array, starts: number[], ends: number[]): RowColumn {
  return {
    type: 'VARCHAR',
    source: Buffer.from(source as string),
    starts: Uint32Array.from(starts),
    ends: Uint32Array.from(ends),
  }
}

function decimals(unscaled: bigint): RowColumn {
  const data = new Uint8Array(32)
  new DataView(data.buffer).setBigInt64(0, BigInt.asIntN(64, unscaled), true)
  new DataView(data.buffer).setBigInt64(8, unscaled >> 64n, true)
  return { type: 'DECIMAL', data }
}

const DECIMAL = { decimal: { precision: 28, scale: 10 } }

describe('rows that are not what the fields say make no file', () => {
  it.each<[string, ParquetType, RowColumn]>([
    ['a column of another type', 'VARCHAR', INTEGERS],
    ['a column that the field is too narrow for', 'INTEGER', { type: 'BIGINT', data: BigInt64Array.of(1n, 2n) }],
    ['times for numbers', 'BIGINT', { type: 'TIMESTAMPTZ', data: BigInt64Array.of(1n, 2n) }],
    ['a constant of another type', 'DATE', { type: 'CONSTANT', of: 'INTEGER', value: 1 }],
    ['a constant that is not what it says', 'INTEGER', { type: 'CONSTANT', of: 'INTEGER', value: 1n }],
    ['a constant out of range', 'BIGINT', { type: 'CONSTANT', of: 'BIGINT', value: 2n ** 63n }],
    ['too few rows', 'INTEGER', { type: 'INTEGER', data: Int32Array.of(1) }],
    ['too few decimals', DECIMAL, { type: 'DECIMAL', data: new Uint8Array(31) }],
    ['too few nulls', 'INTEGER', { type: 'INTEGER', data: Int32Array.of(1, 2), nulls: Uint8Array.of(0) }],
    ['a span behind its source', 'VARCHAR', texts('ab', [0, 1], [1, 3])],
    ['a span that ends before it begins', 'VARCHAR', texts('ab', [0, 2], [1, 1])],
    ['too few spans', 'VARCHAR', texts('ab', [0, 1], [1])],
    ['a text that is not UTF-8', 'VARCHAR', texts(Uint8Array.of(0x61, 0xc3), [0, 1], [1, 2])],
    ['a long text that is not UTF-8', 'VARCHAR', texts(new Uint8Array(300).fill(0xff, 1), [0, 1], [1, 300])],
    ['a code that no entry has', 'VARCHAR', { type: 'DICTIONARY', codes: Int32Array.of(0, 1), dictionary: ['a'] }],
    ['a code below null', 'VARCHAR', { type: 'DICTIONARY', codes: Int32Array.of(0, -2), dictionary: ['a'] }],
    ['a code that no list has', 'LIST', { type: 'LIST', codes: Int32Array.of(0, 1), dictionary: [['a']] }],
    ['a decimal of 29 digits', DECIMAL, decimals(10n ** 28n)],
    ['a negative decimal of 29 digits', DECIMAL, decimals(-(10n ** 28n))],
    ['a decimal beyond its bytes', DECIMAL, decimals(2n ** 96n)],
  ])('%s', async (_, type, column) => {
    await expect(written(one(type, column))).rejects.toMatchObject(invalid)
  })

  it('a column that is missing, and one that no field knows', async () => {
    const { fields } = one('INTEGER', INTEGERS)
    await expect(written({ fields, parts: [{ columns: new Map(), rows: ROWS }] })).rejects.toMatchObject(invalid)
    const columns = new Map([
      ['c', INTEGERS],
      ['d', INTEGERS],
    ])
    await expect(written({ fields, parts: [{ columns, rows: ROWS }] })).rejects.toMatchObject(invalid)
  })
})

it('rows that no part names are not looked at', async () => {
  const column = texts(Uint8Array.of(0x61, 0xff), [0, 1, 9], [1, 2, 5])
  expect(await written(one('VARCHAR', column, Uint32Array.of(0, 0)))).toMatchObject({ rows: 2 })
  const codes: RowColumn = { type: 'DICTIONARY', codes: Int32Array.of(7, 0), dictionary: ['a'] }
  expect(await written(one('VARCHAR', codes, Uint32Array.of(1, 1)))).toMatchObject({ rows: 2 })
})

it('after an error, or its end, a writer takes nothing more', async () => {
  const { fields, parts } = one('VARCHAR', INTEGERS)
  const writer = new ParquetWriter(fields, { compress: await loadCompress() })
  await expect(writer.append(parts[0] as (typeof parts)[number])).rejects.toMatchObject(invalid)
  await expect(writer.finish()).rejects.toMatchObject({ code: 'parquet_writer_closed' })
})

it.each<[string, readonly ColumnField[]]>([
  ['no column at all', []],
  ['two of one name', [1, 2].map((id) => ({ name: 'c', id, type: 'DATE' }))],
  ['two of one id', ['a', 'b'].map((name) => ({ name, id: 1, type: 'DATE' }))],
  ['a list whose elements have no id', [{ name: 'c', id: 1, type: 'LIST' }]],
  [
    'a decimal that is narrower than the columns',
    [{ name: 'c', id: 1, type: { decimal: { precision: 27, scale: 10 } } }],
  ],
  ['a decimal of another scale', [{ name: 'c', id: 1, type: { decimal: { precision: 38, scale: 9 } } }]],
])('fields that no file can have: %s', async (_, fields) => {
  const compress = await loadCompress()
  expect(() => new ParquetWriter(fields, { compress })).toThrow(
    expect.objectContaining({ code: 'parquet_fields_invalid' }),
  )
})
