import { commit } from '@assay/iceberg'
import { describe, expect, it, vi } from 'vitest'
import { drain } from './support/drain.js'
import { binance, kraken, type MemoryLake, memoryLake } from './support/memory-lake.js'
import { binanceRecord, krakenRecord, produce, registerSchema, START_MS } from './support/records.js'
import { query } from './support/tables.js'
import { goldWorker, runAlone, type SingleWorker } from './support/workers.js'

const HOUR_MS = 3_600_000

async function intoSilver(lake: MemoryLake, trades: readonly Parameters<typeof binanceRecord>[2][]): Promise<void> {
  const id = await registerSchema(lake, binance)
  await produce(
    lake,
    binance,
    trades.map((trade) => binanceRecord(binance, id, trade)),
  )
  await drain(lake, { layers: ['bronze', 'silver'] })
}

/** Another engine deletes all rows of gold. */
async function emptyGold({ main }: SingleWorker): Promise<void> {
  const paths = (await main.files(await main.pin())).map(({ name }) => name)
  const change = { operation: 'delete' as const, removeFiles: paths }
  expect((await commit(main.table, { prepare: () => ({ kind: 'proceed', change }) })).kind).toBe('committed')
}

async function offsets(lake: MemoryLake, table: string): Promise<unknown[]> {
  return (await query(lake, `SELECT "offset"::INTEGER AS o FROM ${table} ORDER BY 1`)).map(({ o }) => o)
}

describe('T23: what a gold worker remembers of its batches', () => {
  it('T23 G1: no row that another engine has deleted counts as kept', async () => {
    const lake = memoryLake()
    const gold = await goldWorker(lake)
    await intoSilver(lake, [{ trade_id: 1 }, { trade_id: 2 }])
    await runAlone(gold)
    await emptyGold(gold)
    await intoSilver(lake, [{ trade_id: 1 }])
    await runAlone(gold)
    expect(await offsets(lake, 'gold_crypto_trades')).toEqual([2])
    expect(await offsets(lake, 'gold_duplicates')).toEqual([])
    await lake.close()
  })

  it('A8: nothing is left once it was told to forget: keys and trades come from the table again', async () => {
    const lake = memoryLake()
    const gold = await goldWorker(lake)
    await intoSilver(lake, [{ trade_id: 1 }, { trade_id: 2 }])
    await runAlone(gold)
    await emptyGold(gold)
    gold.stage.forget()
    await intoSilver(lake, [{ trade_id: 1 }, { trade_id: 3 }])
    await runAlone(gold)
    expect(await offsets(lake, 'gold_crypto_trades')).toEqual([2, 3])
    expect(await offsets(lake, 'gold_duplicates')).toEqual([])
    expect(gold.events.filter(({ kind }) => kind !== 'committed')).toEqual([])
    await lake.close()
  })
})

/** Kept rows by the offsets of their duplicates. */
async function keptOffsets(lake: MemoryLake): Promise<ReadonlyMap<unknown, unknown>> {
  const rows = await query(lake, 'SELECT "offset"::INTEGER AS o, kept_offset::INTEGER AS kept FROM gold_duplicates')
  return new Map(rows.map(({ o, kept }) => [o, kept]))
}

describe('G3: what gold reads again', () => {
  it('G3 G4: files in any number, wherever the copies lie', async () => {
    const lake = memoryLake()
    const trades = Array.from({ length: 70 }, (_, i) => ({ trade_id: i, time: START_MS + i * HOUR_MS }))
    const limits = { maxPartitions: 100 }
    await intoSilver(lake, trades)
    await runAlone(await goldWorker(lake, { limits }))
    await intoSilver(lake, trades)
    const restarted = await goldWorker(lake, { limits })
    await runAlone(restarted)
    expect(restarted.events.filter(({ kind }) => kind !== 'committed')).toEqual([])
    expect(await offsets(lake, 'gold_crypto_trades')).toHaveLength(70)
    expect(await keptOffsets(lake)).toEqual(new Map(trades.map((_, i) => [70 + i, i])))
    await lake.close()
  })

  it('G3: trade numbers that a double cannot hold, of both signs', async () => {
    const lake = memoryLake()
    const numbers = [
      2n ** 60n,
      2n ** 60n + 1n,
      -(2n ** 60n),
      -(2n ** 60n) + 1n,
      2n ** 53n - 1n,
      2n ** 53n,
      1n - 2n ** 53n,
    ]
    await intoSilver(
      lake,
      numbers.map((trade_id) => ({ trade_id })),
    )
    await runAlone(await goldWorker(lake))
    await intoSilver(
      lake,
      [...numbers, 2n ** 60n + 2n, -(2n ** 60n) + 2n].map((trade_id) => ({ trade_id })),
    )
    await runAlone(await goldWorker(lake))
    expect(await offsets(lake, 'gold_crypto_trades')).toEqual([0, 1, 2, 3, 4, 5, 6, 14, 15])
    expect(await keptOffsets(lake)).toEqual(new Map(numbers.map((_, i) => [7 + i, i])))
    await lake.close()
  })

  it('G3: trades without a number, at any hour of the day', async () => {
    const lake = memoryLake({ exchanges: [kraken] })
    const id = await registerSchema(lake, kraken)
    const times = [0, 11, 12, 23].map((hour) => ({ timestamp: `${START_MS / 1000 + hour * 3_600}.000001` }))
    for (let round = 0; round < 2; round++) {
      await produce(
        lake,
        kraken,
        times.map((time) => krakenRecord(kraken, id, time)),
      )
      await drain(lake, { layers: ['bronze', 'silver'] })
      await runAlone(await goldWorker(lake))
    }
    expect(await offsets(lake, 'gold_crypto_trades')).toEqual([0, 1, 2, 3])
    expect(await keptOffsets(lake)).toEqual(new Map(times.map((_, i) => [4 + i, i])))
    await lake.close()
  })

  it('G3: nothing, while it is the only one that commits and no copy comes', async () => {
    const lake = memoryLake()
    const gold = await goldWorker(lake)
    await intoSilver(lake, [{ trade_id: 1 }])
    await runAlone(gold)
    const files = vi.spyOn(gold.main, 'files')
    for (const trade_id of [2, 3]) {
      await intoSilver(lake, [{ trade_id }])
      await runAlone(gold)
    }
    expect(files).not.toHaveBeenCalled()
    await lake.close()
  })

  it('T19: its keys, which are saved with the second commit and not with each, and never dropped for those before', async () => {
    const lake = memoryLake()
    const gold = await goldWorker(lake)
    const saved = async (): Promise<string[]> => {
      const found: string[] = []
      for await (const { key } of lake.store.list('tables/')) if (key.endsWith('.keys')) found.push(key)
      return found
    }
    const named = async () => JSON.stringify((await gold.main.pin()).checkpoint.state)
    const counts: number[] = []
    for (const trade_id of [1, 2, 3]) {
      await intoSilver(lake, [{ trade_id }])
      await runAlone(gold)
      counts.push((await saved()).length)
    }
    expect(counts).toEqual([0, 1, 1])
    const [first = ''] = await saved()
    expect(await named()).toContain(first)
    // Without what was saved it is made again, and saved anew: what was there before goes, and not what comes.
    await lake.store.put(first, Buffer.from('none'))
    gold.stage.forget()
    await intoSilver(lake, [{ trade_id: 4 }])
    await runAlone(gold)
    const [second = '', ...others] = await saved()
    expect([second === first, others]).toEqual([false, []])
    expect(await named()).toContain(second)
    await lake.close()
  })
})
