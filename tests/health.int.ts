import { setTimeout as delay } from 'node:timers/promises'
import { collect, commit, removeOrphans } from '@assay/iceberg'
import { type Lake, runWorkers } from '@assay/lake'
import { bronzeLayer, bronzeTable } from '@assay/medallion'
import { type Fault, FaultyStore } from '@assay/object-store'
import { CommitSignals, compactSmallFiles, LakeTable, type TableDefinition } from '@assay/pipeline'
import { openQuery } from '@assay/query'
import { describe, expect, it } from 'vitest'
import { diskLake, temporaryFolder } from './support/disk-lake.js'
import { drain, runUntil } from './support/drain.js'
import { checkInvariants } from './support/invariants.js'
import { binance, copyOf, IMPATIENT, type MemoryLake, memoryLake } from './support/memory-lake.js'
import { binanceRecord, produce, produceSimulated, registerSchema } from './support/records.js'
import { query } from './support/tables.js'

async function keysOf({ store }: Lake, prefix: string): Promise<string[]> {
  const keys: string[] = []
  for await (const { key } of store.list(prefix)) keys.push(key)
  return keys
}

describe('bounds', () => {
  it('A6: batches follow the limit of bytes, and a record beyond it goes alone', async () => {
    const lake = memoryLake()
    const id = await registerSchema(lake, binance)
    const big = (trade_id: number, bytes: number) =>
      binanceRecord(binance, id, { trade_id, event_type: 'x'.repeat(bytes) })
    await produce(lake, binance, [
      ...Array.from({ length: 30 }, (_, i) => big(i, 50_000)),
      big(30, 900_000),
      ...Array.from({ length: 5 }, (_, i) => big(31 + i, 10)),
    ])
    const events = await drain(lake, { limits: { maxBytes: 200_000 } })
    for (const event of events) {
      if (event.kind !== 'committed' || event.worker === 'gold') continue
      expect(event.counts.records).toBeLessThanOrEqual(6)
    }
    await checkInvariants(lake)
    await lake.close()
  })
})

describe('stopping', () => {
  it('A7: at whatever call of the store the signal comes, the workers end and leave nothing half done', async () => {
    const before = memoryLake()
    await produceSimulated(before, binance, { count: 30, duplicates: 0.2, invalid: 0.2 })
    for (const definition of before.definitions) await before.table(definition)
    for (const at of [19, 60, 110]) {
      const stop = new AbortController()
      const inner = await copyOf(before.store, before.clock)
      const store = new FaultyStore(inner, ({ index }) => {
        if (index === at) stop.abort()
        return 'none'
      })
      const { log, clock } = before
      const lake = memoryLake({ store, log, clock })
      await runUntil(lake, stop.signal, { limits: { maxRows: 8 } })
      const calls = store.calls
      await new Promise(setImmediate)
      expect(store.calls).toBe(calls)
      clock.advance(2 * 86_400_000)
      for (const definition of lake.definitions) {
        const left = await removeOrphans((await lake.table(definition)).table, { keep: new Set(), dryRun: true })
        expect({ at, left: left.filter(({ key }) => key.endsWith('.parquet')) }).toEqual({ at, left: [] })
      }
      const after = memoryLake({ store: inner, log, clock })
      await drain(after)
      await checkInvariants(after)
      await lake.close()
      await after.close()
    }
    await before.close()
  })
})

describe('a long day', () => {
  it('A9: after hundreds of commits, one every ten seconds, files, snapshots and metadata are bounded', async () => {
    const lake = memoryLake()
    const id = await registerSchema(lake, binance)
    await lake.log.ensureTopic(binance.topic, 1)
    const prefix = 'tables/market_data/bronze_binance_trades/'
    const stop = new AbortController()
    const kept: number[] = []
    let commits = 0
    const next = async (): Promise<void> => {
      if (++commits % 80 === 0) kept.push((await keysOf(lake, prefix)).length)
      if (commits === 320) stop.abort()
      lake.clock.advance(10_000)
      await produce(lake, binance, [binanceRecord(binance, id, { trade_id: commits })])
    }
    await next()
    const onEvent = ({ kind }: { kind: string }): void => {
      if (kind === 'committed') void next()
    }
    await runWorkers(lake, { drain: false, adopt: false, interval_ms: 0, layers: [bronzeLayer], onEvent }, stop.signal)
    const table = await lake.table(bronzeTable('binance'))
    const { version } = await table.pin()
    expect(await table.plan(version, {})).toSatisfy((files: readonly unknown[]) => files.length <= 50)
    expect(version.metadata.snapshots.length).toBeLessThanOrEqual(160)
    const keys = await keysOf(lake, prefix)
    const versions = keys.filter((key) => /\/v\d+\.metadata\.json$/.test(key))
    expect(versions.length).toBeLessThanOrEqual(320)
    // What is there for readers' sake is bounded by time, not by how many commits there were.
    expect(kept.at(-1)).toBeLessThanOrEqual((kept.at(-2) ?? 0) * 1.15)
    const newest = await lake.store.size_bytes(versions.at(-1) as string)
    expect(newest).toBeLessThan(250_000)
    await drain(lake)
    await checkInvariants(lake)
    await lake.close()
  })
})

/** The table under a policy that expires and cleans up at once. */
function impatient({ catalog, store, clock, random }: Lake, definition: TableDefinition): Promise<LakeTable> {
  const dependencies = { catalog, store, clock, random, signals: new CommitSignals(), maintenance: IMPATIENT }
  return LakeTable.open(definition, dependencies)
}

/** Compacts a table, and leaves nothing of what was there before. */
async function compactAndCleanUp(lake: Lake, letTimePass: () => unknown): Promise<void> {
  const table = await impatient(lake, bronzeTable('binance'))
  const session = await (await lake.engine()).session()
  expect(await compactSmallFiles(table, session)).toBeGreaterThan(0)
  await letTimePass()
  await commit(table.table, { prepare: () => ({ kind: 'proceed', change: { operation: 'append' } }) })
  await letTimePass()
  const { files } = await collect(table.table)
  expect(files.filter((key) => key.endsWith('.parquet')).length).toBeGreaterThan(32)
  await session.close()
}

describe('readers and clean-ups', () => {
  it('T17 A9: a query that was planned before a compaction runs after the clean-up', async () => {
    const lake = await diskLake(temporaryFolder(), 5)
    await produceSimulated(lake, binance, { count: 36 })
    await drain(lake, { layers: ['bronze'], limits: { maxRows: 1 } })
    const open = await openQuery(lake, { maxRows: 10, timeout_ms: 20_000 })
    await compactAndCleanUp(lake, () => delay(2))
    const { rows } = await open.run(
      'SELECT count(*)::INTEGER AS n, max("offset")::INTEGER AS last FROM bronze_binance_trades',
    )
    expect(rows).toEqual([[36, 35]])
    await open.close()
  })

  it('T17: a worker whose upstream files are cleaned up under its hands plans again', async () => {
    const lake: MemoryLake = memoryLake()
    await produceSimulated(lake, binance, { count: 36 })
    await drain(lake, { layers: ['bronze'], limits: { maxRows: 1 } })
    let compacted = false
    const store = new FaultyStore(lake.store, async ({ method, key }): Promise<Fault> => {
      if (!compacted && method === 'localPath' && key.includes('/bronze_')) {
        compacted = true
        await compactAndCleanUp(lake, () => lake.clock.advance(1_000))
      }
      return 'none'
    })
    const other = memoryLake({ store, log: lake.log, clock: lake.clock })
    await drain(other, { layers: ['silver', 'gold'] })
    expect(compacted).toBe(true)
    await checkInvariants(lake)
    expect(await query(lake, 'SELECT count(*)::INTEGER AS n FROM gold_crypto_trades')).toEqual([{ n: 36 }])
    await lake.close()
    await other.close()
  })
})
