import { verifyLake } from '@assay/audit'
import type { Snapshot } from '@assay/iceberg'
import { bronzeTable } from '@assay/medallion'
import { LANES_SUMMARY } from '@assay/pipeline'
import { expect, it } from 'vitest'
import { drain } from '../support/drain.js'
import { changeMetadata } from '../support/foreign-columns.js'
import { binance, copiedLake, type MemoryLake, memoryLake } from '../support/memory-lake.js'
import { binanceRecord, produce, registerSchema } from '../support/records.js'

const NEVER = new AbortController().signal
const BRONZE = bronzeTable('binance')

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
