import { verifyLake } from '@assay/audit'
import { stopOnSignals, systemClock, systemRandom } from '@assay/core'
import { exchangeNamed } from '@assay/exchanges'
import { layerWork, runService } from '@assay/host'
import { statusReport, tableReport } from '@assay/lake'
import { LAYERS } from '@assay/medallion'
import { openQuery } from '@assay/query'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { FakeHost } from '../packages/host/test/fake-host.js'
import { LayerLines } from '../services/cli/src/commands/up/up-status.js'
import { ticksLayer } from './fixtures/ticks-layer/layer.js'
import { drain } from './support/drain.js'
import { type MemoryLake, memoryLake } from './support/memory-lake.js'
import { binanceRecord, produce, registerSchema } from './support/records.js'

const binance = exchangeNamed('binance')
const TRADES = [100, 101, 102, 103].map((price, i) => ({ trade_id: i + 1, price: String(price) }))

describe('a fourth layer, which is a folder and a place in the list', () => {
  let lake: MemoryLake
  beforeAll(async () => {
    lake = memoryLake({ layers: [...LAYERS, ticksLayer] })
    const id = await registerSchema(lake, binance)
    await produce(
      lake,
      binance,
      [...TRADES, ...TRADES.slice(0, 1)].map((trade) => binanceRecord(binance, id, trade)),
    )
  })
  afterAll(() => lake.close())

  it('is worked on with the others, side tables included, and its lag is told', async () => {
    await drain(lake, { layers: ['bronze', 'silver', 'gold'] })
    const lagging = (await statusReport(lake)).lanes.filter(({ layer }) => layer === 'ticks')
    expect(lagging).toMatchObject([{ table: 'ticks', exchange: 'binance', position: 0n, lag_rows: 5n }])
    expect(lagging[0]?.lag_seconds).toBeGreaterThanOrEqual(0)
    await drain(lake)
    const { lanes } = await statusReport(lake)
    expect(lanes.map(({ layer, lag_rows }) => [layer, lag_rows])).toEqual([
      ['bronze', 0n],
      ['silver', 0n],
      ['gold', 0n],
      ['candles', 0n],
      ['ticks', 0n],
    ])
  })

  it('is in the tables, in their order, and on the lines of a running pipeline', async () => {
    const tables = await tableReport(lake)
    expect(tables.slice(-2).map(({ name, rows }) => [name, rows])).toEqual([
      ['ticks', 4],
      ['ticks_high', 2],
    ])
    const lines = new LayerLines(systemClock).next(lake, tables, await statusReport(lake))
    expect(lines.map((line) => line.split(/ +/).slice(0, 2))).toEqual([
      ['bronze', '5'],
      ['silver', '5'],
      ['gold', '4'],
      ['candles', '0'],
      ['ticks', '4'],
      ['dlq', '0'],
    ])
  })

  it('is queried with its views', async () => {
    const query = await openQuery(lake, { maxRows: 10, timeout_ms: 60_000 })
    try {
      expect((await query.run('SELECT * FROM ticks_by_symbol')).rows).toEqual([['BTCUSDT', 4n]])
      expect((await query.run('SELECT count(*) FROM ticks_high')).rows).toEqual([[2n]])
    } finally {
      await query.close()
    }
  })

  it('is verified as every table is: files, metadata, checkpoint, what it has still to read', async () => {
    const { signal } = new AbortController()
    const { checks, is_ok } = await verifyLake(lake, { fromLog: true, signal, onCheck: () => undefined })
    expect({ is_ok, failed: checks.filter(({ outcome }) => outcome === 'failed') }).toEqual({ is_ok: true, failed: [] })
    const own = checks.filter(({ subject }) => subject === 'ticks').map(({ promise }) => promise)
    expect(new Set(own)).toEqual(new Set(['A12', 'B2', 'D1', 'chain', 'files']))
    expect(checks.filter(({ subject }) => subject === 'ticks_high')).not.toEqual([])
  })

  it('is a service with metrics of its own', async () => {
    const host = new FakeHost({ ASSAY_LAKE: '/nowhere', ASSAY_HTTP_PORT: '0' })
    const parts = { clock: systemClock, random: systemRandom, stop: stopOnSignals(host, systemClock) }
    const open = async () => ({ ...lake, close: async () => undefined })
    const ended = runService({ ...parts, service: 'ticks', work: layerWork(ticksLayer), open }, host)
    await host.logged('started')
    const page = await (await fetch(`${host.address}/metrics`)).text()
    expect(page).toContain('assay_ticks_records_total 0')
    expect(page).toMatch(/assay_ticks_lag_records\{exchange="binance",.*\} 0/)
    host.send('SIGTERM')
    expect(await ended).toBe(0)
  })
})
