import { mkdtemp, rm } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { systemRandom } from '@assay/core'
import { type ObjectStore, openLocalStore } from '@assay/object-store'
import { icebergMetadata, icebergRead } from 'icebird'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { defaultMaintenance, planFiles, type Table } from '../src/index.js'
import { ParquetWriter, tradesDescription } from './parquet.js'
import { append, openWorld, replace } from './support.js'

/** The same store, whose objects other engines open over HTTP: icebird reads nothing else. */
function withLocation(store: ObjectStore, origin: string): ObjectStore {
  return new Proxy(store, {
    get: (target, property) => {
      if (property === 'location') return (key: string) => `${origin}/${key}`
      if (property === 'isLocationOf') return async () => true
      const member: unknown = Reflect.get(target, property)
      return typeof member === 'function' ? member.bind(target) : member
    },
  })
}

/** Serves a store's objects, whole or by range. */
async function serve(store: ObjectStore): Promise<{ server: Server; origin: string }> {
  const server = createServer((request, response) => {
    const key = decodeURIComponent((request.url ?? '').slice(1))
    store.get(key).then(
      (bytes) => {
        if (!bytes) return response.writeHead(404).end()
        const range = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? '')
        const from = Number(range?.[1] ?? 0)
        const to = range?.[2] ? Number(range[2]) + 1 : bytes.length
        response.writeHead(range ? 206 : 200, { 'content-length': to - from })
        return response.end(request.method === 'HEAD' ? undefined : bytes.subarray(from, to))
      },
      (error: unknown) => response.writeHead(500).end(String(error)),
    )
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  if (typeof address !== 'object' || address === null) throw new Error('no address')
  return { server, origin: `http://127.0.0.1:${address.port}` }
}

describe('A4: an independent reader in JavaScript', () => {
  let folder: string
  let server: Server
  let writer: ParquetWriter
  let table: Table
  let origin: string

  beforeAll(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'iceberg-icebird-'))
    const local = await openLocalStore(folder, { random: systemRandom })
    ;({ server, origin } = await serve(local))
    writer = await ParquetWriter.open()
    const maintenance = { ...defaultMaintenance, manifestsToMerge: 3 }
    table = (await openWorld({ store: withLocation(local, origin), description: tradesDescription, maintenance })).table
  })

  afterAll(async () => {
    writer.close()
    await new Promise((resolve) => server.close(resolve))
    await rm(folder, { recursive: true, force: true })
  })

  const offsets = async (): Promise<readonly number[]> => {
    const { metadataLocation } = await table.load()
    const tableUrl = `${origin}/tables/test/trades`
    const metadata = await icebergMetadata({ tableUrl, metadataFileName: metadataLocation.split('/').at(-1) ?? '' })
    const rows = await icebergRead({ tableUrl, metadata })
    return rows.map((row) => Number(row.offset)).sort((a, b) => a - b)
  }

  it('reads the rows after appends, merges and a compaction', async () => {
    for (let i = 0; i < 7; i += 1)
      await append(table, [await writer.write(table, { from: i * 10, rows: 10, day: 20_000, venue: 'binance' })])
    const expected = Array.from({ length: 70 }, (_, i) => i)
    expect(await offsets()).toEqual(expected)
    const removed = (await planFiles(table, await table.load())).map(({ file }) => file.path)
    const compacted = await writer.write(table, { from: 0, rows: 70, day: 20_000, venue: 'binance' })
    expect(await replace(table, removed, [compacted])).toMatchObject({ kind: 'committed' })
    expect(await offsets()).toEqual(expected)
    await append(table, [await writer.write(table, { from: 70, rows: 10, day: 20_001, venue: 'kraken' })])
    expect(await offsets()).toHaveLength(80)
  })
})
