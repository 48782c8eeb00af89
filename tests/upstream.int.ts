import { CANDLES_TABLE } from '@assay/candles'
import { MemoryLog } from '@assay/event-log'
import { collect, commit, currentSnapshot, type MaintenancePolicy, type TableMetadata } from '@assay/iceberg'
import { bronzeTable, GOLD_TABLE, silverTable } from '@assay/medallion'
import { compactSmallFiles, type LakeTable, type TableDefinition } from '@assay/pipeline'
import { describe, expect, it } from 'vitest'
import { drain, runUntil } from './support/drain.js'
import { checkInvariants } from './support/invariants.js'
import { binance, IMPATIENT, kraken, type MemoryLake, memoryLake } from './support/memory-lake.js'
import {
  binanceRecord,
  keyFor,
  krakenRecord,
  produce,
  produceSimulated,
  registerSchema,
  START_MS,
} from './support/records.js'
import { digests } from './support/tables.js'
import { runAlone, silverWorker } from './support/workers.js'

const DAY_MS = 86_400_000

/** Compacts whatever small files a table has, as often as it takes to leave one a partition. */
async function compact(lake: MemoryLake, definition: TableDefinition): Promise<number> {
  const table = await lake.table(definition)
  const session = await (await lake.engine()).session()
  const compacted = await compactSmallFiles(table, session)
  await session.close()
  return compacted
}

function restarted({ store, log, clock, exchanges }: MemoryLake, maintenance?: MaintenancePolicy): MemoryLake {
  return memoryLake({ store, log, clock, exchanges, ...(maintenance && { maintenance }) })
}

/** What another engine does to a table: any change of its newest metadata. */
async function changeMetadata(table: LakeTable, change: (metadata: TableMetadata) => TableMetadata): Promise<void> {
  const { catalog, name } = table.table
  const base = await table.table.load()
  const outcome = await catalog.compareAndSwap(name, base, change(base.metadata))
  expect(outcome.kind).toBe('committed')
}

/** Moves main back by as many snapshots, the table's properties staying as they are. */
function rolledBack(metadata: TableMetadata, by: number): TableMetadata {
  const target = metadata.snapshots.at(-1 - by)
  if (!target) throw new Error('there is no such snapshot')
  return {
    ...metadata,
    currentSnapshotId: target.snapshotId,
    refs: { main: { ...metadata.refs.main, snapshotId: target.snapshotId, type: 'branch' } },
  }
}

describe('files of upstream', () => {
  it('T5 T4: a limit falls between two files of one commit, lanes are at different ends, and nothing is skipped', async () => {
    const plain = memoryLake()
    const id = await registerSchema(plain, binance)
    // Each record of a lane lies on another day than the one before it, so its offsets alternate between files.
    for (let round = 0; round < 2; round++) {
      for (const partition of [0, 1, 2]) {
        const trades = Array.from({ length: 6 + partition }, (_, i) => {
          const time = START_MS + (i % 2) * DAY_MS + i
          const trade_id = partition * 100 + round * 50 + i
          return binanceRecord(binance, id, { trade_id, time }, { key: keyFor(partition, 3) })
        })
        await produce(plain, binance, trades, 3)
      }
      await drain(plain, { layers: ['bronze'] })
      // A cut by bytes leaves some lanes read to the end and others not, so their sequences differ.
      const worker = await silverWorker(plain, binance, { limits: { maxRows: 20, maxBytes: 300 } })
      const batch = await worker.stage.run((await worker.main.pin()).checkpoint, new AbortController().signal)
      expect(batch).toMatchObject({ kind: 'batch', more: true })
      await runAlone(await silverWorker(plain, binance, { limits: { maxRows: 7, maxBytes: 400 } }))
    }
    await drain(plain)
    await checkInvariants(plain)
    await plain.close()
  })

  it('T6 T7: upstream is compacted, its manifests merged and its history expired between any two batches', async () => {
    const calm = memoryLake()
    const lake = memoryLake({ maintenance: IMPATIENT })
    const options = { duplicates: 0.1, invalid: 0.1 }
    let compactions = 0
    for (let round = 0; round < 3; round++) {
      const batch = { ...options, count: 100, seed: 10 + round, startTime_ms: START_MS + round * 10_000 }
      for (const each of [calm, lake]) await produceSimulated(each, binance, batch, 2)
      await drain(lake, { layers: ['bronze'], limits: { maxRows: 3 } })
      lake.clock.advance(1_000)
      compactions += await compact(lake, bronzeTable('binance'))
      lake.clock.advance(1_000)
      await collect((await lake.table(bronzeTable('binance'))).table)
      // New small files beside an older, compacted one that holds lower offsets.
      await produceSimulated(lake, binance, { ...batch, count: 20, seed: 20 + round }, 2)
      await produceSimulated(calm, binance, { ...batch, count: 20, seed: 20 + round }, 2)
      await drain(lake, { layers: ['bronze'], limits: { maxRows: 10 } })
      await drain(lake, { layers: ['silver', 'gold'], limits: { maxRows: 70 } })
      await compact(lake, silverTable('binance'))
    }
    expect(compactions).toBeGreaterThan(0)
    await drain(calm)
    await checkInvariants(lake)
    const others = new Set(['gold_duplicates', GOLD_TABLE.name, CANDLES_TABLE.name])
    const tables = (name: string) => !others.has(name)
    expect(await digests(lake, tables)).toEqual(await digests(calm, tables))
    const { version } = await (await lake.table(bronzeTable('binance'))).pin()
    expect(version.metadata.snapshots.length).toBeLessThanOrEqual(20)
    await lake.close()
    await calm.close()
  })

  it('T8: an upstream that was dropped and made again is refused until it is adopted', async () => {
    const lake = memoryLake()
    await produceSimulated(lake, binance, { count: 30, invalid: 0.2 })
    await drain(lake)
    const before = await digests(lake)
    for await (const { key } of lake.store.list('tables/market_data/bronze_binance_trades/'))
      await lake.store.delete(key)
    const after = restarted(lake)
    await produceSimulated(after, binance, { count: 10, seed: 9, startTime_ms: START_MS + 60_000 })
    await drain(after, { layers: ['bronze'], limits: { maxRows: 7 } })
    await expect(drain(after, { layers: ['silver'] })).rejects.toMatchObject({ code: 'upstream_replaced' })
    expect((await digests(after)).silver_binance_trades).toEqual(before.silver_binance_trades)
    await drain(after, { adopt: true })
    await checkInvariants(after)
    await lake.close()
    await after.close()
  })

  it('T8: an upstream of many commits that was made again in few loses nothing once it is adopted', async () => {
    const lake = memoryLake()
    await produceSimulated(lake, binance, { count: 30 })
    // The silver table stands at the fifth commit of the old table, the new one has but two.
    await drain(lake, { limits: { maxRows: 6 } })
    for await (const { key } of lake.store.list('tables/market_data/bronze_binance_trades/'))
      await lake.store.delete(key)
    const after = restarted(lake)
    for (let round = 1; round <= 2; round++) {
      await produceSimulated(after, binance, { count: 10, seed: 8 + round, startTime_ms: START_MS + round * 60_000 })
      await drain(after, { layers: ['bronze'] })
    }
    await expect(drain(after, { layers: ['silver'] })).rejects.toMatchObject({ code: 'upstream_replaced' })
    await drain(after, { adopt: true })
    await checkInvariants(after)
    await lake.close()
    await after.close()
  })

  it('T8: an upstream made again that has not come as far as its reader is waited for once it is adopted', async () => {
    const lake = memoryLake()
    await produceSimulated(lake, binance, { count: 30 })
    await drain(lake)
    const before = await digests(lake)
    for await (const { key } of lake.store.list('tables/market_data/bronze_binance_trades/'))
      await lake.store.delete(key)
    const log = new MemoryLog({ clock: lake.clock })
    const young = memoryLake({ store: lake.store, log, clock: lake.clock })
    await produceSimulated(young, binance, { count: 20 })
    await expect(drain(young)).rejects.toMatchObject({ code: 'upstream_replaced' })
    await drain(young, { adopt: true })
    const tables = (name: string) => name.startsWith('silver') || name.startsWith('gold')
    expect(await digests(young, tables)).toEqual(
      Object.fromEntries(Object.entries(before).filter(([name]) => tables(name))),
    )
    await produceSimulated(young, binance, { count: 20, seed: 9, startTime_ms: START_MS + 60_000 })
    await drain(young, { adopt: true })
    await checkInvariants(young)
    for (const each of [lake, young]) await each.close()
  })
})

describe('a table that somebody rolled back', () => {
  async function drainedLake(): Promise<MemoryLake> {
    const lake = memoryLake()
    await produceSimulated(lake, binance, { count: 24, invalid: 0.1, duplicates: 0.1 })
    await drain(lake, { limits: { maxRows: 8 } })
    return lake
  }

  it('T9 A4: while the workers are down: each table refuses and says what to choose, nothing is written', async () => {
    for (const definition of [bronzeTable('binance'), silverTable('binance'), GOLD_TABLE]) {
      const lake = await drainedLake()
      const before = (await (await lake.table(definition)).pin()).version.metadata
      await changeMetadata(await lake.table(definition), (metadata) => rolledBack(metadata, 2))
      const after = restarted(lake)
      await produceSimulated(after, binance, { count: 5, seed: 3 })
      await expect(drain(after)).rejects.toMatchObject({ code: 'table_rolled_back' })
      const head = currentSnapshot((await (await after.table(definition)).pin()).version.metadata)
      expect(head?.snapshotId).toBe(before.snapshots.at(-3)?.snapshotId)
      await changeMetadata(await after.table(definition), (metadata) => rolledBack(metadata, 0))
      await drain(restarted(lake))
      await checkInvariants(lake)
      await after.close()
      await lake.close()
    }
  })

  it('T9 S1: downstream takes nothing from a table that stands behind its own checkpoint', async () => {
    const lake = await drainedLake()
    await produceSimulated(lake, binance, { count: 5, seed: 3 })
    await drain(lake, { layers: ['bronze'] })
    await changeMetadata(await lake.table(bronzeTable('binance')), (metadata) => rolledBack(metadata, 1))
    const after = restarted(lake)
    await expect(drain(after, { layers: ['silver'] })).rejects.toMatchObject({ code: 'table_rolled_back' })
    await changeMetadata(await after.table(bronzeTable('binance')), (metadata) => rolledBack(metadata, 0))
    await drain(restarted(lake))
    await checkInvariants(lake)
    await after.close()
    await lake.close()
  })

  it('T9: while the workers run', async () => {
    const lake = await drainedLake()
    const running = runUntil(lake, new AbortController().signal)
    const ended = expect(running).rejects.toMatchObject({ code: 'table_rolled_back' })
    const other = restarted(lake)
    await changeMetadata(await other.table(silverTable('binance')), (metadata) => rolledBack(metadata, 1))
    await produceSimulated(other, binance, { count: 5, seed: 3 })
    await ended
    await lake.close()
    await other.close()
  })

  it('T9 A4: twice compacted and expired to one snapshot is not a rollback, also where a lane ends in duplicates', async () => {
    const lake = memoryLake({ exchanges: [binance, kraken], maintenance: IMPATIENT })
    const krakenId = await registerSchema(lake, kraken)
    await produceSimulated(lake, binance, { count: 40, invalid: 0.2, duplicates: 0.3 }, 2)
    const fills = [1n, 2n, 3n, 1n, 2n].map((n) => krakenRecord(kraken, krakenId, { ingestion_timestamp: n }))
    await produce(lake, kraken, fills)
    await drain(lake, { limits: { maxRows: 8 } })
    for (const definition of lake.definitions) {
      const table = await lake.table(definition)
      for (let n = 0; n < 2; n++) await emptyReplace(table)
      expect(currentSnapshot((await table.pin()).version.metadata)).toBeDefined()
      await changeMetadata(table, (metadata) => {
        const head = currentSnapshot(metadata)
        return { ...metadata, snapshots: head ? [head] : [] }
      })
    }
    const after = restarted(lake)
    await produceSimulated(after, binance, { count: 10, seed: 4, startTime_ms: START_MS + 60_000 }, 2)
    await produce(after, kraken, [krakenRecord(kraken, krakenId, { ingestion_timestamp: 3n })])
    await drain(after)
    await checkInvariants(after)
    await lake.close()
    await after.close()
  })
})

/** A compaction that changed nothing, by another engine: a snapshot of its own, the properties kept. */
async function emptyReplace(table: LakeTable): Promise<void> {
  const outcome = await commit(table.table, { prepare: () => ({ kind: 'proceed', change: { operation: 'replace' } }) })
  expect(outcome.kind).toBe('committed')
}
