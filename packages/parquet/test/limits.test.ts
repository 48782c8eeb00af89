import { gzipSync } from 'node:zlib'
import type { RowColumn } from '@assay/core'
import { expect, it } from 'vitest'
import { type Compress, loadCompress } from '../src/compression/compress.js'
import type { ColumnField } from '../src/format/schema.js'
import { ParquetWriter } from '../src/parquet-writer.js'
import { generatedTable, numbersFrom } from './generated-tables.js'
import { metadataOf, valuesOf, written } from './read-back.js'

const MIB = 2 ** 20

function all(rows: number): Uint32Array {
  return Uint32Array.from({ length: rows }, (_, i) => i)
}

/** Hands pages on as they are, and notes their sizes. */
function noting(sizes: number[]): Compress {
  return {
    codec: 'GZIP',
    compress: (bytes) => {
      sizes.push(bytes.length)
      return gzipSync(bytes, { level: 1 })
    },
  }
}

it('pages have at most 20,000 rows and 1 MiB, but for a single larger value; row groups end at some 64 MiB', async () => {
  const field: ColumnField = { name: 'c', id: 1, type: 'BLOB' }
  const lengths = [...new Array<number>(70).fill(MIB - 500), 3 * MIB, ...new Array<number>(25_000).fill(10)]
  const source = new Uint8Array(3 * MIB)
  const zeros = new Uint32Array(lengths.length)
  const column: RowColumn = { type: 'BLOB', source, starts: zeros, ends: Uint32Array.from(lengths) }
  const sizes: number[] = []
  const part = { columns: new Map([['c', column]]), rows: all(lengths.length) }
  const file = await written({ fields: [field], parts: [part] }, noting(sizes))
  expect(sizes.filter((size) => size > MIB)).toEqual([3 * MIB + 10])
  const { row_groups: groups } = metadataOf(file)
  for (const { total_byte_size } of groups) expect(Number(total_byte_size)).toBeLessThan(64 * MIB)
  expect(groups.length).toBeLessThan(5)
  const pages = sizes.filter((size) => size < MIB / 2)
  for (const size of pages) expect(size).toBeLessThanOrEqual(20_000 * 14 + 100)
  const [found] = await valuesOf(file, [field])
  expect(found?.map((value) => (value as string).length / 2)).toEqual(lengths)
})

it('a dictionary that is full goes on as PLAIN, texts and lists alike, and begins again in the next row group', async () => {
  const number = numbersFrom(3)
  const rows = 13_000
  const fields: ColumnField[] = [
    { name: 'text', id: 1, type: 'VARCHAR' },
    { name: 'list', id: 2, type: 'LIST', elementId: 3 },
    { name: 'long', id: 4, type: 'VARCHAR' },
  ]
  const texts = Array.from({ length: 20_000 }, (_, i) => `text ${i}`)
  const lists = Array.from({ length: 9_000 }, (_, i) => [`a${i}`, 'b', `c${i}`])
  const long = Array.from({ length: 300 }, (_, i) => `${i}`.padEnd(1_000, 'x'))
  const codes = (below: number): Int32Array => Int32Array.from({ length: rows }, () => number(below + 1) - 1)
  const columns = new Map<string, RowColumn>([
    ['text', { type: 'DICTIONARY', codes: codes(texts.length), dictionary: texts }],
    ['list', { type: 'LIST', codes: codes(lists.length), dictionary: lists }],
    ['long', { type: 'DICTIONARY', codes: codes(long.length), dictionary: long }],
  ])
  const wanted = [texts, lists, long].map((dictionary, i) => {
    const { codes: of } = columns.get(fields[i]?.name ?? '') as { readonly codes: Int32Array }
    return Array.from(of.subarray(0, rows), (code) => dictionary[code] ?? null)
  })
  const file = await written({ fields, parts: [{ columns, rows: all(rows) }], rowGroupRows: 11_500 })
  expect(await valuesOf(file, fields)).toEqual(wanted)
  const [first, second] = metadataOf(file).row_groups.map(({ columns: chunks }) =>
    chunks.map(({ meta_data }) => meta_data?.encoding_stats?.map(({ encoding }) => encoding)),
  )
  expect(first?.[0]).toEqual(['PLAIN', 'PLAIN', 'RLE_DICTIONARY'])
  expect(second?.[0]).toEqual(['PLAIN', 'RLE_DICTIONARY'])
})

it('what the compressor is given stays as it is until it has ended, whoever else writes meanwhile', async () => {
  const real = await loadCompress()
  let changed = 0
  const slow: Compress = {
    codec: real.codec,
    compress: async (bytes) => {
      const before = Buffer.from(bytes)
      const compressed = await real.compress(before)
      await new Promise((resolve) => setImmediate(resolve))
      if (!before.equals(bytes)) changed += 1
      return compressed
    },
  }
  const tables = [11, 12, 13, 14].map((seed) => generatedTable(seed))
  const files = await Promise.all([...tables, ...tables].map((table) => written(table, slow)))
  expect(changed).toBe(0)
  for (const [i, { bytes }] of files.entries()) {
    expect(Buffer.compare(bytes, (await written(tables[i % 4] as (typeof tables)[number])).bytes)).toBe(0)
  }
})

it('columns may change once their part was taken', async () => {
  const { fields, parts, rowGroupRows } = generatedTable(21)
  const compress = await loadCompress()
  const wanted = await written({ fields, parts, rowGroupRows })
  const writer = new ParquetWriter(fields, { compress, rowGroupRows })
  for (const part of parts) {
    await writer.append(part)
    for (const column of part.columns.values()) {
      if ('source' in column) column.source.fill(0xff)
      else if ('data' in column) new Uint8Array(column.data.buffer).fill(0)
      else if ('codes' in column) column.codes.fill(-1)
    }
  }
  expect(Buffer.compare((await writer.finish()).bytes, wanted.bytes)).toBe(0)
})
