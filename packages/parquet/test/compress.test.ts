import * as zlib from 'node:zlib'
import { decompress } from 'fzstd'
import { describe, expect, it } from 'vitest'
import { type Compress, gzipOfNode, loadCompress, zstdOfNode } from '../src/compression/compress.js'
import { generatedTable, numbersFrom } from './generated-tables.js'
import { metadataOf, valuesOf, written } from './read-back.js'

const number = numbersFrom(1)
const BODIES = [0, 1, 100, 5_000, 32 * 1024, 32 * 1024 + 1, 300_000].map((size) =>
  Uint8Array.from({ length: size }, (_, i) => (i % 3 === 0 ? number(256) : i >> 8)),
)
const unzstd = (zlib as { readonly zstdDecompressSync?: (bytes: Uint8Array) => Uint8Array }).zstdDecompressSync

describe('a page that was compressed is the same when it is decompressed', () => {
  it('by zstd, and by whoever else decompresses it', async () => {
    const { codec, compress } = await loadCompress()
    expect(codec).toBe('ZSTD')
    for (const body of BODIES) {
      const compressed = await compress(body)
      expect(Buffer.from(decompress(new Uint8Array(compressed))).equals(body)).toBe(true)
      if (unzstd) expect(Buffer.from(unzstd(compressed)).equals(body)).toBe(true)
    }
  })

  it.skipIf(!unzstd)("by Node's own zstd, where the binding is missing", async () => {
    const { codec, compress } = zstdOfNode() as Compress
    expect(codec).toBe('ZSTD')
    for (const body of BODIES) expect(Buffer.from(decompress(await compress(body))).equals(body)).toBe(true)
  })

  it('by gzip, where there is no zstd at all', async () => {
    const { codec, compress } = gzipOfNode()
    expect(codec).toBe('GZIP')
    for (const body of BODIES) expect(zlib.gunzipSync(await compress(body)).equals(body)).toBe(true)
  })
})

it('a file whose pages are gzipped says so, and is read', async () => {
  const table = generatedTable(7)
  const file = await written(table, gzipOfNode())
  const codecs = metadataOf(file).row_groups.flatMap(({ columns }) => columns.map(({ meta_data }) => meta_data?.codec))
  expect(new Set(codecs)).toEqual(new Set(['GZIP', 'UNCOMPRESSED']))
  const found = await valuesOf(file, table.fields)
  expect(found.slice(0, 9)).toEqual(table.values.slice(0, 9))
})

it('what the compressor throws ends the file', async () => {
  const failing: Compress = { codec: 'ZSTD', compress: () => Promise.reject(new Error('no memory')) }
  await expect(written(generatedTable(7), failing)).rejects.toThrow('no memory')
})
