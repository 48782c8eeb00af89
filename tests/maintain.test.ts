import { commit, defaultMaintenance, pendingEntries } from '@assay/iceberg'
import { GOLD_TABLE, silverTable } from '@assay/medallion'
import { FaultyStore } from '@assay/object-store'
import { maintainTables, setPaused } from '@assay/operations'
import { describe, expect, it } from 'vitest'
import { produceBinance, tradesWithRejects } from './support/dead-letters.js'
import { drain, runUntil } from './support/drain.js'
import { checkInvariants } from './support/invariants.js'
import { memoryLake } from './support/memory-lake.js'
import { goldWorker, runAlone } from './support/workers.js'

const DAY_MS = 86_400_000

describe('maintenance by hand', () => {
  it('A9: compacts and expires what is due, counts the same before when dry, and changes no row', async () => {
    const maintenance = { ...defaultMaintenance, snapshotsToKeep: 3, snapshotsKept_ms: 0, snapshotsToExpire: 100 }
    const lake = memoryLake({ maintenance })
    await produceBinance(lake, tradesWithRejects(20, 4))
    await drain(lake, { limits: { maxRows: 2 } })
    lake.clock.advance(DAY_MS)
    const tasks = new Set(['compact', 'expire'] as const)
    const dry = await maintainTables(lake, tasks, true)
    const done = await maintainTables(lake, tasks, false)
    const compacted = (reports: typeof dry) => Object.fromEntries(reports.map(({ table, compacted: n }) => [table, n]))
    expect(compacted(done)).toEqual(compacted(dry))
    expect(compacted(done)).toMatchObject({ bronze_binance_trades: 1, silver_binance_trades: 1, gold_crypto_trades: 1 })
    expect((await maintainTables(lake, tasks, true)).every(({ compacted: n }) => n === 0)).toBe(true)
    await checkInvariants(lake)

    const silver = await lake.table(silverTable('binance'))
    const impatient = memoryLake({ ...lake, maintenance: { ...maintenance, snapshotsToExpire: 1, grace_ms: 0 } })
    const { snapshots } = (await silver.table.load()).metadata
    const [due] = (await maintainTables(impatient, new Set(['expire']), true)).filter(({ table }) =>
      /silver_b/.test(table),
    )
    expect(due?.expired).toBe(snapshots.length - 2)
    await maintainTables(impatient, new Set(['expire']), false)
    await checkInvariants(impatient)
    await impatient.close()
    await lake.close()
  })

  it('T18 failure 1: orphans go; what waits in an outbox, and the saved keys, stay', async () => {
    const lake = memoryLake()
    await produceBinance(
      lake,
      tradesWithRejects(8, 2).map((trade, i) => (i === 2 ? { ...trade, price: 'x' } : trade)),
    )
    for (const definition of lake.definitions) await lake.table(definition)
    const stop = new AbortController()
    const faulty = new FaultyStore(lake.store, ({ method, key }) => {
      if (!method.startsWith('put') || !/silver_dlq_trades\/metadata\/v/.test(key)) return 'none'
      stop.abort()
      return 'error_before'
    })
    const killed = memoryLake({ ...lake, store: faulty })
    await runUntil(killed, stop.signal, { layers: ['bronze', 'silver'] })
    const silver = (await (await lake.table(silverTable('binance'))).pin()).version.metadata
    expect(pendingEntries(silver, 'assay.').map(({ table }) => table)).toContain('silver_dlq_trades')
    const orphan = 'tables/market_data/silver_binance_trades/data/trade_date=2026-01-01/left.parquet'
    await lake.store.put(orphan, Buffer.from('left by a killed writer'))
    lake.clock.advance(2 * DAY_MS)
    const dry = await maintainTables(lake, new Set(['orphans']), true)
    expect(dry.find(({ table }) => table === 'silver_binance_trades')?.orphans).toBe(1)
    expect(await lake.store.size_bytes(orphan)).toBeDefined()
    await maintainTables(lake, new Set(['orphans']), false)
    expect(await lake.store.size_bytes(orphan)).toBeUndefined()
    await drain(lake)
    await checkInvariants(lake)
    await killed.close()
    await lake.close()
  })

  it("T19: gold's saved keys are no orphan, neither to a search by hand nor to the worker's own", async () => {
    const first = memoryLake()
    await produceBinance(first, [{ trade_id: 1 }])
    await drain(first)
    // A set that was built from all files is saved with the next commit; two searches, a while apart, follow it.
    await produceBinance(first, [{ trade_id: 2 }, { trade_id: 3 }, { trade_id: 4 }])
    await drain(first, { layers: ['bronze', 'silver'] })
    const lake = memoryLake({ store: first.store, log: first.log, clock: first.clock })
    const gold = await goldWorker(lake, {
      limits: { maxRows: 1 },
      onEvent: ({ kind }) => {
        if (kind === 'committed') lake.clock.advance(2 * DAY_MS)
      },
    })
    await runAlone(gold)
    expect(gold.events.filter(({ kind }) => kind === 'committed')).toHaveLength(3)
    const keys = GOLD_TABLE.state?.files((await gold.main.pin()).checkpoint) ?? []
    expect(keys).toHaveLength(1)
    await lake.store.put('tables/market_data/gold_crypto_trades/keys/left.keys', Buffer.from('by a killed worker'))
    lake.clock.advance(2 * DAY_MS)
    await commit(gold.main.table, { prepare: () => ({ kind: 'proceed', change: { operation: 'append' } }) })
    const found = await maintainTables(lake, new Set(['orphans']), false)
    expect(found.find(({ table }) => table === GOLD_TABLE.name)?.orphans).toBe(1)
    for (const key of keys) expect(await lake.store.size_bytes(key), key).toBeDefined()
    await lake.close()
    await first.close()
  })

  it('A4: while it is paused no commit gets through', async () => {
    const lake = memoryLake()
    const table = await lake.table(silverTable('binance'))
    const attempt = () =>
      commit(table.table, { prepare: () => ({ kind: 'proceed', change: { operation: 'replace' } }) })
    await setPaused(lake, true)
    await expect(attempt()).rejects.toMatchObject({ code: 'paused' })
    await setPaused(lake, false)
    expect((await attempt()).kind).toBe('committed')
    await lake.close()
  })
})
