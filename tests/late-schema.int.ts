import { rebuildLake, verifyLake } from '@assay/audit'
import { DLQ_TABLE, silverTable } from '@assay/medallion'
import { runReplay, runResolve, runRetention } from '@assay/operations'
import { openEmbeddedRegistry, type SchemaRegistry } from '@assay/schema-registry'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { rewriteFile, without } from './support/damage.js'
import { NEVER, REPLAY } from './support/dead-letters.js'
import { drain } from './support/drain.js'
import { checkInvariants } from './support/invariants.js'
import { binance, copiedLake, type MemoryLake, memoryLake, TestStore } from './support/memory-lake.js'
import { binanceRecord, produce, registerSchema, START_MS } from './support/records.js'
import { query } from './support/tables.js'

const HOUR_MS = 3_600_000
const LATER_ID = 2
const DENIED_ID = 3
/** The first branch of a union, which holds nothing. */
const NO_VALUE = Uint8Array.of(0)

/** Binance's schema with one more field at its end. */
function withField(name: string): string {
  const schema = JSON.parse(binance.schema)
  return JSON.stringify({ ...schema, fields: [...schema.fields, { name, type: ['null', 'string'], default: null }] })
}

async function failures(lake: MemoryLake): Promise<string[]> {
  const options = { fromLog: true, signal: NEVER, onCheck: () => undefined }
  const { checks } = await verifyLake(lake, options)
  return checks.flatMap(({ outcome, claim, found }) => (outcome === 'failed' ? [`${claim}: ${found}`] : []))
}

async function rebuilt(lake: MemoryLake, rules: 'recorded' | 'present'): Promise<string[]> {
  const target = memoryLake({ exchanges: lake.exchanges, clock: lake.clock, registry: lake.registry })
  const { comparisons } = await rebuildLake(lake, target, { rules, compare: true, onEvent: () => undefined }, NEVER)
  await target.close()
  return comparisons.flatMap(({ table, differences }) => differences.map((text) => `${table}: ${text}`))
}

/** Trades under a known schema, under one that is registered later, and under one that is shown later. */
async function judgedTooEarly(): Promise<MemoryLake> {
  const store = new TestStore()
  const real = openEmbeddedRegistry(store, 'schemas')
  let isShown = false
  const registry: SchemaRegistry = {
    register: (subject, schema) => real.register(subject, schema),
    schema: async (id, witness) =>
      id === DENIED_ID && !isShown ? { kind: 'denied', detail: 'HTTP 403' } : real.schema(id, witness),
  }
  const lake = memoryLake({ store, registry })
  const id = await registerSchema(lake, binance)
  const trade = (trade_id: number, schemaId: number, hours: number, price = '1') => {
    const record = binanceRecord(binance, schemaId, { trade_id, price, time: START_MS + hours * HOUR_MS })
    return schemaId === id ? record : { ...record, value: Buffer.concat([record.value as Uint8Array, NO_VALUE]) }
  }
  await produce(lake, binance, [
    trade(1, id, 0),
    trade(2, LATER_ID, 2),
    trade(3, id, 1),
    trade(4, DENIED_ID, 3),
    trade(5, LATER_ID, 0, '-1'),
    trade(6, id, 1),
    trade(7, LATER_ID, 2),
  ])
  await drain(lake, { limits: { maxRows: 4 } })
  for (const field of ['later', 'shown']) await registry.register(field, withField(field))
  isShown = true
  return lake
}

describe('a schema that is known or shown only after its records were judged', () => {
  let lake: MemoryLake
  beforeAll(async () => {
    lake = await judgedTooEarly()
  })
  afterAll(() => lake.close())

  it('S1: its records are dead letters, and no failure of the lake', async () => {
    expect(
      await query(lake, 'SELECT kafka_offset::INTEGER AS o, error_detail AS d FROM silver_dlq_trades ORDER BY 1'),
    ).toEqual([
      { o: 1, d: `unknown_schema_id: ${LATER_ID}` },
      { o: 3, d: `unknown_schema_id: ${DENIED_ID}, which the registry refuses to show (HTTP 403)` },
      { o: 4, d: `unknown_schema_id: ${LATER_ID}` },
      { o: 6, d: `unknown_schema_id: ${LATER_ID}` },
    ])
    expect(await query(lake, 'SELECT count(*)::INTEGER AS n FROM silver_binance_trades WHERE is_late')).toEqual([
      { n: 0 },
    ])
    expect(await failures(lake)).toEqual([])
  })

  it('A3: rebuild gives the same rows, and by the rules of today judges them anew', async () => {
    expect(await rebuilt(lake, 'recorded')).toEqual([])
    expect((await rebuilt(lake, 'present')).length).toBeGreaterThan(0)
  })

  it('S1: one that is missing in silver and has no such dead letter is a failure as before', async () => {
    const copy = await copiedLake(lake)
    await rewriteFile(copy, DLQ_TABLE, without('kafka_offset = 3'))
    await rewriteFile(copy, silverTable('binance'), without('"offset" = 2'))
    expect((await failures(copy)).join('\n')).toMatch(/raw\/0\/2 should be in silver[\s\S]*raw\/0\/3/)
    await copy.close()
  })

  it('D1 S2: after a replay, a purge and retention the lake verifies and rebuilds', async () => {
    const at = { topic: binance.topic, partition: 0, offset: 6n }
    const which = { coordinates: [at] }
    await runResolve(lake, { sourceTable: DLQ_TABLE.name, which, resolution: 'purged', note: 'not wanted' })
    expect(await failures(lake)).toEqual([])
    expect(await runReplay(lake, REPLAY, NEVER)).toMatchObject({ selected: 3, passed: 2, still_failing: 1 })
    await drain(lake)
    await checkInvariants(lake)
    expect(await failures(lake)).toEqual([])
    expect(await rebuilt(lake, 'recorded')).toEqual([])
    for (const due of [
      { archived: 4, purged: 0 },
      { archived: 0, purged: 4 },
    ]) {
      lake.clock.advance(100 * 24 * HOUR_MS)
      expect(await runRetention(lake, false)).toEqual(due)
      expect(await failures(lake)).toEqual([])
      expect(await rebuilt(lake, 'recorded')).toEqual([])
    }
  })
})
