import { HandOver } from '@assay/pipeline'
import { describe, expect, it } from 'vitest'
import { drain } from './support/drain.js'
import { checkInvariants } from './support/invariants.js'
import { binance, kraken, type MemoryLake, memoryLake } from './support/memory-lake.js'
import { binanceRecord, keyFor, krakenRecord, produce, registerSchema, START_MS } from './support/records.js'
import { query } from './support/tables.js'
import { goldWorker, oneBatch, runAlone, silverWorker } from './support/workers.js'

const HOUR_MS = 3_600_000

/** Trades of two exchanges in two lanes each, one in each of as many hours. */
async function inHours(lake: MemoryLake, hours: number): Promise<void> {
  const [binanceId, krakenId] = [await registerSchema(lake, binance), await registerSchema(lake, kraken)]
  for (const partition of [0, 1]) {
    const key = keyFor(partition, 2)
    const each = Array.from({ length: hours }, (_, i) => 10 * partition + i)
    await produce(
      lake,
      binance,
      each.map((hour) =>
        binanceRecord(binance, binanceId, { trade_id: hour, time: START_MS + hour * HOUR_MS }, { key }),
      ),
      2,
    )
    await produce(
      lake,
      kraken,
      each.map((hour) => ({
        ...krakenRecord(kraken, krakenId, {
          trade_id: hour,
          timestamp: `${START_MS / 1000 + (100 + hour) * 3_600}.000001`,
        }),
        key,
      })),
      2,
    )
  }
}

describe('what a batch of gold takes', () => {
  it('T14 A3: with one hour a batch, each lane of each exchange comes to be the one that moves', async () => {
    const lake = memoryLake({ exchanges: [binance, kraken] })
    await inHours(lake, 3)
    await drain(lake, { layers: ['bronze', 'silver'] })
    const gold = await goldWorker(lake, { limits: { maxPartitions: 1 } })
    for (let i = 0; i < 4; i++) await oneBatch(gold)
    const { checkpoint } = await gold.main.pin()
    expect([...checkpoint.lanes.values()].map(({ position }) => position)).toEqual([1n, 1n, 1n, 1n])
    await runAlone(gold)
    await checkInvariants(lake)
    await lake.close()
  })

  it('A6: the limit of rows is one for all silver tables together', async () => {
    const lake = memoryLake({ exchanges: [binance, kraken] })
    await inHours(lake, 5)
    await drain(lake, { layers: ['bronze', 'silver'] })
    const gold = await goldWorker(lake, { limits: { maxRows: 8 } })
    const batches: number[] = []
    for (let rows = 0; rows < 20; rows += batches.at(-1) ?? 0) batches.push((await oneBatch(gold))?.rows ?? 20)
    expect(Math.max(...batches)).toBeLessThanOrEqual(8)
    await lake.close()
  })

  it('S1 G1: rows that silver handed over in several commits are cut between any two of them, and none is left out', async () => {
    const lake = memoryLake()
    const handOver = new HandOver({ clock: lake.clock, bytesMax: 1e9 })
    const id = await registerSchema(lake, binance)
    const hours = [0, 0, 1, 1, 2, 3, 3]
    await produce(
      lake,
      binance,
      hours.map((hour, i) => binanceRecord(binance, id, { trade_id: i, time: START_MS + hour * HOUR_MS })),
    )
    await drain(lake, { layers: ['bronze'] })
    await runAlone(await silverWorker(lake, binance, { handOver, limits: { maxRows: 2 } }))
    const gold = await goldWorker(lake, { handOver, limits: { maxPartitions: 1 } })
    const positions: unknown[] = []
    for (let i = 0; i < 4; i++) {
      await oneBatch(gold)
      positions.push([...(await gold.main.pin()).checkpoint.lanes.values()][0]?.position)
    }
    expect(positions).toEqual([2n, 4n, 5n, 7n])
    const rows = await query(lake, 'SELECT "offset"::INTEGER AS o FROM gold_crypto_trades ORDER BY 1')
    expect(rows.map(({ o }) => o)).toEqual([0, 1, 2, 3, 4, 5, 6])
    await lake.close()
  })
})
