import { AssayError } from '@assay/core'
import { DLQ_TABLE, silverTable } from '@assay/medallion'
import { type FaultPlan, FaultyStore } from '@assay/object-store'
import { defineRuleSet, SILVER_RULES } from '@assay/rules'
import { wireHeader } from '@assay/schema-registry'
import { describe, expect, it } from 'vitest'
import { drain } from './support/drain.js'
import { checkInvariants } from './support/invariants.js'
import { binance, copyOf, type MemoryLake, memoryLake } from './support/memory-lake.js'
import { binanceRecord, produce, registerSchema } from './support/records.js'
import { query } from './support/tables.js'
import { goldWorker, runAlone, type SingleWorker, silverWorker } from './support/workers.js'

const TABLES = 'tables/market_data'

/** Kills the process, as it were, at the first commit to a side table: nothing of it reaches the store. */
function killedAtCommitTo(table: string): FaultPlan {
  return ({ method, key }) => {
    const isCommit = method === 'putIfAbsent' && key.startsWith(`${TABLES}/${table}/metadata/v`)
    if (!isCommit || key.endsWith('/v1.metadata.json')) return 'none'
    throw new AssayError('killed', 'the process is gone')
  }
}

/** A lake on the same store, log and clock, whose store fails as planned. */
function opened(lake: MemoryLake, plan?: FaultPlan): MemoryLake {
  const { log, clock } = lake
  return memoryLake({ store: plan ? new FaultyStore(lake.store, plan) : lake.store, log, clock })
}

/** The worker runs into its end between the main commit and the publication. */
async function killBeforePublishing(worker: SingleWorker): Promise<void> {
  const before = (await worker.main.pin()).sequence
  await expect(runAlone(worker)).rejects.toMatchObject({ code: 'killed' })
  expect((await worker.main.pin()).sequence).toBe(before + 1)
}

/** Bronze with good trades, a cheap one, and one whose schema is registered only later. */
async function bronzeLake(): Promise<{ lake: MemoryLake; registerLater: () => Promise<number> }> {
  const lake = memoryLake()
  const id = await registerSchema(lake, binance)
  const later = id + 1
  const unknown = binanceRecord(binance, id, { trade_id: 3 })
  const value = (unknown.value as Uint8Array).slice()
  value.set(wireHeader(later))
  await produce(lake, binance, [
    binanceRecord(binance, id, { trade_id: 1 }),
    binanceRecord(binance, id, { trade_id: 2, price: '0.5' }),
    { ...unknown, value },
    binanceRecord(binance, id, { trade_id: 4, price: '-1' }),
  ])
  await drain(lake, { layers: ['bronze'] })
  const { doc: _doc, ...schema } = JSON.parse(binance.schema) as { doc: string }
  const registerLater = () => lake.registry.register('later', JSON.stringify(schema))
  return { lake, registerLater }
}

const STRICTER = defineRuleSet(
  [
    ...SILVER_RULES.rules,
    {
      name: 'price_not_tiny',
      predicate: 'price >= 1',
      reason: 'price_tiny',
      type: 'price_validation',
      value: 'price::VARCHAR',
      since: 'test',
    },
  ],
  1,
)

describe('killed between the main commit and the publication', () => {
  it('T2 S1: a rule that changed and a schema that was registered meanwhile change nothing of what was decided', async () => {
    for (const side of [DLQ_TABLE.name, 'rule_sets']) {
      const { lake, registerLater } = await bronzeLake()
      const dying = opened(lake, killedAtCommitTo(side))
      await killBeforePublishing(await silverWorker(dying, binance))
      await registerLater()
      const restarted = opened(lake)
      await runAlone(await silverWorker(restarted, binance, { rules: STRICTER, limits: { maxRows: 1 } }))
      await drain(restarted, { layers: ['gold'] })
      await checkInvariants(restarted)
      const deadLetters = await query(
        restarted,
        'SELECT kafka_offset::INTEGER AS o, error_reason AS r FROM silver_dlq_trades ORDER BY 1',
      )
      expect(deadLetters).toEqual([
        { o: 2, r: 'unknown_schema_id' },
        { o: 3, r: 'price_must_be_positive' },
      ])
      for (const each of [dying, restarted, lake]) await each.close()
    }
  })

  it('S2: the ledger says which rule set judged from which offset on', async () => {
    const { lake } = await bronzeLake()
    await runAlone(await silverWorker(lake, binance))
    const id = await registerSchema(lake, binance)
    await produce(lake, binance, [binanceRecord(binance, id, { trade_id: 5, price: '0.5' })])
    await drain(lake, { layers: ['bronze'] })
    await runAlone(await silverWorker(lake, binance, { rules: STRICTER }))
    const ledger = await query(lake, 'SELECT from_offset::INTEGER AS o, rule_version AS v FROM rule_sets ORDER BY 1')
    expect(ledger).toEqual([
      { o: 0, v: SILVER_RULES.version },
      { o: 4, v: STRICTER.version },
    ])
    const [deadLetter] = await query(lake, 'SELECT rule_version AS v FROM silver_dlq_trades WHERE kafka_offset = 4')
    expect(deadLetter).toEqual({ v: STRICTER.version })
    await lake.close()
  })

  it('T3 G2: gold’s duplicates are published as decided, whatever the limits after the restart', async () => {
    const lake = memoryLake()
    const id = await registerSchema(lake, binance)
    const trade = (trade_id: number, price = '1') => binanceRecord(binance, id, { trade_id, price })
    await produce(lake, binance, [trade(1), trade(2), trade(1), trade(2, '7'), trade(3)])
    await drain(lake, { layers: ['bronze', 'silver'] })
    const dying = opened(lake, killedAtCommitTo('gold_duplicates'))
    await killBeforePublishing(await goldWorker(dying))
    const restarted = opened(lake)
    await produce(restarted, binance, [trade(3), trade(4)])
    await drain(restarted, { layers: ['bronze', 'silver'] })
    await runAlone(await goldWorker(restarted, { limits: { maxRows: 1 } }))
    await checkInvariants(restarted)
    const rows = await query(
      restarted,
      'SELECT "offset"::INTEGER AS o, kept_offset::INTEGER AS kept, is_conflict AS c FROM gold_duplicates ORDER BY 1',
    )
    expect(rows).toEqual([
      { o: 2, kept: 0, c: false },
      { o: 3, kept: 1, c: true },
      { o: 5, kept: 4, c: false },
    ])
    for (const each of [dying, restarted, lake]) await each.close()
  })
})

describe('a side table that is gone', () => {
  it('T18: the main table stops with a clear error before it decides anything more, and goes on once it is restored', async () => {
    const { lake } = await bronzeLake()
    const running = opened(lake)
    const silver = await silverWorker(running, binance, { limits: { maxRows: 3 } })
    const first = await silver.stage.run((await silver.main.pin()).checkpoint, new AbortController().signal)
    expect(first.kind).toBe('batch')
    const kept = await copyOf(lake.store, lake.clock)
    for await (const { key } of lake.store.list(`${TABLES}/${DLQ_TABLE.name}/`)) await lake.store.delete(key)
    await expect(runAlone(silver)).rejects.toMatchObject({ code: 'table_not_found' })
    const stopped = (await silver.main.pin()).sequence
    for (let n = 0; n < 3; n++) {
      await expect(runAlone(silver)).rejects.toMatchObject({ code: 'table_not_found' })
      expect((await silver.main.pin()).sequence).toBe(stopped)
    }
    for await (const { key } of kept.list(`${TABLES}/${DLQ_TABLE.name}/`)) {
      await lake.store.put(key, (await kept.get(key)) as Uint8Array)
    }
    const restarted = opened(lake)
    await drain(restarted)
    await checkInvariants(restarted)
    expect((await (await restarted.table(silverTable('binance'))).pin()).sequence).toBeGreaterThan(stopped)
    for (const each of [running, restarted, lake]) await each.close()
  })

  it('T18 S1: a side table that went with rows still to be published stops the main table, which keeps them pending', async () => {
    const { lake } = await bronzeLake()
    const dying = opened(lake, killedAtCommitTo(DLQ_TABLE.name))
    await killBeforePublishing(await silverWorker(dying, binance))
    const kept = await copyOf(lake.store, lake.clock)
    for await (const { key } of lake.store.list(`${TABLES}/${DLQ_TABLE.name}/`)) await lake.store.delete(key)
    const id = await registerSchema(lake, binance)
    await produce(lake, binance, [binanceRecord(binance, id, { trade_id: 5 })])
    const without = opened(lake)
    await drain(without, { layers: ['bronze'] })
    const silver = await silverWorker(without, binance)
    const before = (await silver.main.pin()).sequence
    await expect(runAlone(silver)).rejects.toMatchObject({ code: 'pending_manifest_missing' })
    expect((await silver.main.pin()).sequence).toBe(before)
    for await (const { key } of kept.list(`${TABLES}/${DLQ_TABLE.name}/`)) {
      await lake.store.put(key, (await kept.get(key)) as Uint8Array)
    }
    const restored = opened(lake)
    await drain(restored)
    await checkInvariants(restored)
    for (const each of [dying, without, restored, lake]) await each.close()
  })
})
