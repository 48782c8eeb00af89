import { bronzeTable } from '@assay/medallion'
import { compactSmallFiles, type LakeTable } from '@assay/pipeline'
import { describe, expect, it } from 'vitest'
import { drain } from './support/drain.js'
import { binance, type MemoryLake, memoryLake } from './support/memory-lake.js'
import { deleteRow } from './support/position-deletes.js'
import { binanceRecord, produce, registerSchema } from './support/records.js'
import { query } from './support/tables.js'

const BRONZE = bronzeTable('binance')
const OFFSETS = `SELECT "offset"::INTEGER AS o FROM ${BRONZE.name} ORDER BY 1`
/** Five files of a partition are too many. */
const POLICY = { smallFilesMax: 5, small_bytes: 2 ** 23, task_bytes: 2 ** 26, taskFiles: 200, taskRows: 500_000 }

/** Takes so many records into bronze, each by a commit of its own. */
async function intoBronze(lake: MemoryLake, count: number): Promise<LakeTable> {
  const id = await registerSchema(lake, binance)
  await produce(
    lake,
    binance,
    Array.from({ length: count }, (_, i) => binanceRecord(binance, id, { trade_id: i })),
  )
  await drain(lake, { layers: ['bronze'], limits: { maxRows: 1 } })
  return lake.table(BRONZE)
}

async function compactions(table: LakeTable): Promise<number> {
  const { snapshots } = (await table.pin()).version.metadata
  return snapshots.filter(({ summary }) => summary.operation === 'replace').length
}

async function parquetKeys({ store }: MemoryLake): Promise<string[]> {
  const keys: string[] = []
  for await (const { key } of store.list(`tables/market_data/${BRONZE.name}/data/`)) keys.push(key)
  return keys.sort()
}

describe('A9: compactions by a worker', () => {
  it('look at every sixteenth commit for more than 32 small files of a partition', async () => {
    const lake = memoryLake()
    const before = await intoBronze(lake, 47)
    expect(await compactions(before)).toBe(0)
    await lake.close()
    const other = memoryLake()
    const table = await intoBronze(other, 48)
    expect(await compactions(table)).toBe(1)
    expect(await table.plan((await table.pin()).version, {})).toHaveLength(1)
    await other.close()
  })

  it('T17: that rows deleted meanwhile have overtaken change nothing, and leave no file behind', async () => {
    const lake = memoryLake()
    const table = await intoBronze(lake, 12)
    const { catalog } = table.table
    const swap = catalog.compareAndSwap.bind(catalog)
    catalog.compareAndSwap = async (...given) => {
      catalog.compareAndSwap = swap
      await deleteRow(lake, BRONZE, 0)
      return swap(...given)
    }
    const session = await (await lake.engine()).session()
    expect(await compactSmallFiles(table, session, POLICY)).toBe(1)
    expect(await compactions(table)).toBe(0)
    const left = await query(lake, OFFSETS)
    expect(left).toHaveLength(11)
    const live = (await table.plan((await table.pin()).version, {})).map(({ key }) => key)
    expect(live).toHaveLength(12)
    expect(await parquetKeys(lake)).toHaveLength(live.length + 1)
    // Planned anew, it takes the deletion along.
    await compactSmallFiles(table, session, POLICY)
    expect(await compactions(table)).toBe(1)
    expect(await query(lake, OFFSETS)).toEqual(left)
    await session.close()
    await lake.close()
  })
})
