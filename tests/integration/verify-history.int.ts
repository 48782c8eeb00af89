import { verifyLake } from '@assay/audit'
import type { Snapshot } from '@assay/iceberg'
import { bronzeTable, DLQ_TABLE, silverTable } from '@assay/medallion'
import { runReplay } from '@assay/operations'
import { LANES_SUMMARY } from '@assay/pipeline'
import { openEmbeddedRegistry, type SchemaRegistry, wireHeader } from '@assay/schema-registry'
import { expect, it } from 'vitest'
import { drain } from '../support/drain.js'
import { changeMetadata } from '../support/foreign-columns.js'
import { binance, copiedLake, type MemoryLake, memoryLake, TestStore } from '../support/memory-lake.js'
import { binanceRecord, produce, registerSchema } from '../support/records.js'
import { query } from '../support/tables.js'

const NEVER = new AbortController().signal
const BRONZE = bronzeTable('binance')
const SILVER = silverTable('binance')

async function failures(lake: MemoryLake): Promise<string[]> {
  const { checks } = await verifyLake(lake, { fromLog: true, signal: NEVER, onCheck: () => undefined })
  const failed = checks.filter(({ outcome }) => outcome === 'failed')
  return failed.map(({ promise, subject, found }) => `${promise} ${subject}: ${found.join('; ')}`)
}

it('A12: what snapshots say of lanes and can not be read is a finding that names table, snapshot and member', async () => {
  const whole = memoryLake()
  const id = await registerSchema(whole, binance)
  await produce(
    whole,
    binance,
    [1, 2, 3].map((trade_id) => binanceRecord(binance, id, { trade_id })),
  )
  await drain(whole, { limits: { maxRows: 2 } })
  expect(await failures(whole)).toEqual([])
  const lane = `${binance.topic}/0`
  const cases = [
    ['{"torn', 'assay.lanes is no JSON object of lanes'],
    ['[]', 'assay.lanes is no JSON object of lanes'],
    [JSON.stringify({ [lane]: { position: 2 } }), `assay.lanes has no position of a lane at ${lane} → position`],
    [JSON.stringify({ [lane]: { position: 'two' } }), `assay.lanes has no position of a lane at ${lane} → position`],
    [JSON.stringify({ [lane]: {} }), `assay.lanes has no position of a lane at ${lane} → position`],
    [JSON.stringify({ [lane]: null }), `assay.lanes has no position of a lane at ${lane}`],
  ] as const
  for (const [text, finding] of cases) {
    const lake = await copiedLake(whole)
    let damaged: Snapshot | undefined
    await changeMetadata(await lake.table(BRONZE), (metadata) => {
      damaged = metadata.snapshots.find(({ summary }) => summary[LANES_SUMMARY] !== undefined)
      const snapshots = metadata.snapshots.map((one) =>
        one === damaged ? { ...one, summary: { ...one.summary, [LANES_SUMMARY]: text } } : one,
      )
      return { ...metadata, snapshots }
    })
    expect(await failures(lake)).toEqual([`chain ${BRONZE.name}: snapshot ${damaged?.snapshotId}: ${finding}`])
    await lake.close()
  }
  await whole.close()
})

it('S4: a record whose schema is shown only after it was judged is a finding, also once it was replayed', async () => {
  const store = new TestStore()
  const real = openEmbeddedRegistry(store, 'schemas')
  let shown: number | undefined
  const registry: SchemaRegistry = {
    register: (subject, schema) => real.register(subject, schema),
    schema: (id) => real.schema(id === 4711 ? (shown ?? id) : id),
  }
  const lake = memoryLake({ store, registry })
  const id = await registerSchema(lake, binance)
  const record = binanceRecord(binance, id, { trade_id: 1 })
  const value = (record.value as Uint8Array).slice()
  value.set(wireHeader(4711))
  await produce(lake, binance, [binanceRecord(binance, id, { trade_id: 2 }), { ...record, value }])
  await drain(lake)
  expect(await failures(lake)).toEqual([])
  shown = id
  const listed = [
    `S1 ${SILVER.name}: ${binance.topic}/0/1 should be in ${SILVER.name}, by its bytes in bronze, and is not`,
    `S1 ${DLQ_TABLE.name} (binance): ${binance.topic}/0/1 is a dead letter, but not among the rejected rows of bronze`,
  ]
  expect(await failures(lake)).toEqual(listed)
  const filter = { sourceTable: DLQ_TABLE.name, targetTable: SILVER.name, dryRun: false, filter: {} }
  await runReplay(lake, filter, NEVER)
  await drain(lake)
  expect(await failures(lake)).toEqual(listed)
  expect(await query(lake, 'SELECT count(*)::INTEGER AS n FROM gold_crypto_trades')).toEqual([{ n: 2 }])
  await lake.close()
})
