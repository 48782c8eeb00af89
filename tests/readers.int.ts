import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { DUPLICATES_TABLE, GOLD_TABLE } from '@assay/medallion'
import type { TableDefinition } from '@assay/pipeline'
import { icebergMetadata, icebergRead } from 'icebird'
import { expect, it, onTestFinished } from 'vitest'
import { drain } from './support/drain.js'
import { checkInvariants } from './support/invariants.js'
import { binance, kraken, type MemoryLake, memoryLake, TestStore } from './support/memory-lake.js'
import { produceSimulated } from './support/records.js'
import { query } from './support/tables.js'

/** A store whose objects others can open over HTTP: icebird reads nothing else. */
class ServedStore extends TestStore {
  origin = ''

  override location(key: string): string {
    return `${this.origin}/${key}`
  }

  async serve(): Promise<void> {
    const server = createServer(async (request, response) => {
      const bytes = await this.get(decodeURIComponent((request.url ?? '').slice(1)))
      if (!bytes) return response.writeHead(404).end()
      const range = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? '')
      const from = Number(range?.[1] ?? 0)
      const to = range?.[2] ? Number(range[2]) + 1 : bytes.length
      response.writeHead(range ? 206 : 200, { 'content-length': to - from })
      return response.end(request.method === 'HEAD' ? undefined : bytes.subarray(from, to))
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    onTestFinished(() => void server.close())
    this.origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  }
}

async function readByIcebird(lake: MemoryLake, definition: TableDefinition): Promise<Record<string, unknown>[]> {
  const { version } = await (await lake.table(definition)).pin()
  const tableUrl = version.metadata.location
  const metadataFileName = version.metadataLocation.split('/').at(-1) ?? ''
  return icebergRead({ tableUrl, metadata: await icebergMetadata({ tableUrl, metadataFileName }) })
}

it('A4: an independent reader of Iceberg finds the same rows in gold and its duplicates', async () => {
  const store = new ServedStore()
  await store.serve()
  const lake = memoryLake({ store, exchanges: [binance, kraken] })
  await produceSimulated(lake, binance, { count: 100, duplicates: 0.2, invalid: 0.1 })
  await produceSimulated(lake, kraken, { count: 60, seed: 2, duplicates: 0.2, invalid: 0.1 })
  await drain(lake, { limits: { maxRows: 40 } })
  await checkInvariants(lake)
  const ours = await query(
    lake,
    'SELECT trade_id, symbol, price, quantity, "offset" FROM gold_crypto_trades ORDER BY ALL',
  )
  const theirs = await readByIcebird(lake, GOLD_TABLE)
  const text = (row: Record<string, unknown>) =>
    [row.trade_id, row.symbol, Number(row.price).toFixed(8), Number(row.quantity).toFixed(8), Number(row.offset)].join(
      ' ',
    )
  expect(theirs.map(text).sort()).toEqual(ours.map(text).sort())
  const [duplicates] = await query(
    lake,
    'SELECT count(*)::INTEGER AS n, sum(kept_offset)::INTEGER AS kept FROM gold_duplicates',
  )
  const dropped = await readByIcebird(lake, DUPLICATES_TABLE)
  const kept = dropped.reduce((sum, row) => sum + Number(row.kept_offset), 0)
  expect({ n: dropped.length, kept }).toEqual(duplicates)
  await lake.close()
})
