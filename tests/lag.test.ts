import { defaultMaintenance } from '@assay/iceberg'
import { type LaneProgress, statusReport } from '@assay/lake'
import { bronzeTable } from '@assay/medallion'
import { describe, expect, test } from 'vitest'
import { drain } from './support/drain.js'
import { binance, type MemoryLake, memoryLake } from './support/memory-lake.js'
import { binanceRecord, produce, registerSchema } from './support/records.js'

const SECOND_MS = 1_000
const HOUR_MS = 3_600_000
const IN_2021_MS = Date.UTC(2021, 0, 1)

let next = 1

/** Trades of 2021, as a loaded recording has them. */
async function load(lake: MemoryLake, count: number, partitions = 1): Promise<void> {
  const id = await registerSchema(lake, binance)
  const records = Array.from({ length: count }, () =>
    binanceRecord(binance, id, { trade_id: next++, symbol: `S${next % 97}USDT`, time: IN_2021_MS + next }),
  )
  await produce(lake, binance, records, partitions)
}

async function lagOf(lake: MemoryLake, layer: LaneProgress['layer']): Promise<(number | null)[]> {
  const { lanes } = await statusReport(lake)
  return lanes.filter((lane) => lane.layer === layer).map(({ lag_seconds }) => lag_seconds)
}

/** Time passes for the lake's clock alone. */
function pass(lake: MemoryLake, ms: number): void {
  lake.clock.advance(ms)
}

describe('lag in seconds', () => {
  test('is the age of what waits by its arrival, not by its event, and nothing once it is read', async () => {
    const lake = memoryLake()
    await lake.log.ensureTopic(binance.topic, 1)
    expect(await lagOf(lake, 'bronze')).toEqual([0])
    await load(lake, 100)
    expect(await lagOf(lake, 'bronze')).toEqual([0])
    pass(lake, 4 * SECOND_MS)
    await load(lake, 100)
    expect(await lagOf(lake, 'bronze')).toEqual([4])
    await drain(lake, { layers: ['bronze'] })
    const [atOnce] = await lagOf(lake, 'silver')
    expect(atOnce).toBeLessThan(1)
    expect(await lagOf(lake, 'bronze')).toEqual([0])
    pass(lake, 7 * SECOND_MS)
    const [later] = await lagOf(lake, 'silver')
    expect(later).toBeCloseTo((atOnce ?? 0) + 7)
    await drain(lake)
    for (const layer of ['bronze', 'silver', 'gold'] as const) expect(await lagOf(lake, layer)).toEqual([0])
    await lake.close()
  })

  test('of a layer does not sink because the layer above, or the layer itself, commits', async () => {
    const lake = memoryLake()
    for (let i = 0; i < 5; i++) {
      await load(lake, 10)
      await drain(lake, { layers: ['bronze'] })
      pass(lake, 10 * SECOND_MS)
    }
    const [silver] = await lagOf(lake, 'silver')
    expect(silver).toBeGreaterThanOrEqual(50)
    expect(silver).toBeLessThan(55)
    await drain(lake, { layers: ['silver'] })
    await load(lake, 10)
    await drain(lake, { layers: ['bronze'] })
    pass(lake, 3 * SECOND_MS)
    const [after] = await lagOf(lake, 'silver')
    expect(after).toBeGreaterThanOrEqual(3)
    expect(after).toBeLessThan(5)
    const [gold] = await lagOf(lake, 'gold')
    expect(gold).toBeGreaterThanOrEqual(3)
    expect(gold).toBeLessThan(8)
    await lake.close()
  })

  test('is the age of the row itself where the table has forgotten the snapshot that brought it', async () => {
    const maintenance = { ...defaultMaintenance, snapshotsToKeep: 2, snapshotsToExpire: 1 }
    const lake = memoryLake({ maintenance })
    await load(lake, 10)
    await drain(lake, { layers: ['bronze'] })
    pass(lake, HOUR_MS)
    for (let i = 0; i < 4; i++) {
      await load(lake, 1)
      await drain(lake, { layers: ['bronze'] })
      pass(lake, SECOND_MS)
    }
    pass(lake, HOUR_MS)
    await load(lake, 1)
    await drain(lake, { layers: ['bronze'] })
    const bronze = await (await lake.table(bronzeTable('binance'))).pin()
    expect(bronze.version.metadata.snapshots.map(({ sequenceNumber }) => sequenceNumber)).not.toContain(1)
    const [silver] = await lagOf(lake, 'silver')
    expect(silver).toBeGreaterThan(7_200)
    expect(silver).toBeLessThan(7_500)
    await lake.close()
  })

  test('of what was in the log before this process looked counts from then on, at least', async () => {
    const before = memoryLake()
    await load(before, 10)
    pass(before, 60 * SECOND_MS)
    const after = memoryLake({ store: before.store, log: before.log, clock: before.clock, registry: before.registry })
    expect(await lagOf(after, 'bronze')).toEqual([0])
    pass(after, 5 * SECOND_MS)
    expect(await lagOf(after, 'bronze')).toEqual([5])
    await after.close()
  })

  test('is told for each lane, and never negative', async () => {
    const lake = memoryLake()
    await lake.log.ensureTopic(binance.topic, 3)
    await statusReport(lake)
    await load(lake, 50, 3)
    await statusReport(lake)
    pass(lake, 2 * SECOND_MS)
    expect(await lagOf(lake, 'bronze')).toEqual([2, 2, 2])
    const waiting = async (layer: string) =>
      (await statusReport(lake)).lanes.filter((lane) => lane.layer === layer).map(({ lag_rows }) => lag_rows)
    // What waits before one layer waits before the next one as soon as it has passed the first.
    const ends = (await lake.log.lanes(binance.topic)).map(({ end }) => end)
    expect(ends.reduce((sum, end) => sum + end, 0n)).toBe(50n)
    for (const layer of ['bronze', 'silver', 'gold', 'candles'] as const) {
      expect([layer, await waiting(layer)]).toEqual([layer, ends])
      await drain(lake, { layers: [layer] })
      expect([layer, await waiting(layer)]).toEqual([layer, [0n, 0n, 0n]])
    }
    const { lanes } = await statusReport(lake)
    expect(lanes).toHaveLength(12)
    for (const { lag_rows, lag_seconds } of lanes) expect([lag_rows, lag_seconds]).toEqual([0n, 0])
    await lake.close()
  })
})
