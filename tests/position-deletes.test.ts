import { currentSnapshot } from '@assay/iceberg'
import { bronzeTable } from '@assay/medallion'
import { compactSmallFiles } from '@assay/pipeline'
import { describe, expect, it } from 'vitest'
import { drain } from './support/drain.js'
import { binance, memoryLake } from './support/memory-lake.js'
import { deleteRow } from './support/position-deletes.js'
import { binanceRecord, produce, registerSchema } from './support/records.js'
import { query } from './support/tables.js'

const BRONZE = bronzeTable('binance')
const OFFSETS = `SELECT "offset"::INTEGER AS o FROM ${BRONZE.name} ORDER BY 1`

describe('rows that another engine deleted by position', () => {
  it('A4: are gone for readers at once, and do not come back by a compaction', async () => {
    const lake = memoryLake()
    const id = await registerSchema(lake, binance)
    const records = Array.from({ length: 12 }, (_, i) => binanceRecord(binance, id, { trade_id: i }))
    await produce(lake, binance, records)
    await drain(lake, { layers: ['bronze'], limits: { maxRows: 2 } })
    const table = await lake.table(BRONZE)
    const [first] = await table.plan((await table.pin()).version, {})
    await deleteRow(lake, BRONZE, 1)
    const left = (await query(lake, OFFSETS)).map(({ o }) => o)
    expect(left).toHaveLength(11)

    const session = await (await lake.engine()).session()
    const policy = { smallFilesMax: 5, small_bytes: 2 ** 23, task_bytes: 2 ** 26, taskFiles: 200, taskRows: 500_000 }
    expect(await compactSmallFiles(table, session, policy)).toBe(1)
    await session.close()
    expect((await query(lake, OFFSETS)).map(({ o }) => o)).toEqual(left)
    const { version } = await table.pin()
    const planned = await table.plan(version, {})
    expect(planned.map(({ file, deletes }) => [file.recordCount, deletes.length])).toEqual([[11, 0]])
    expect(planned.map(({ file }) => file.path)).not.toContain(first?.file.path)
    expect(currentSnapshot(version.metadata)?.summary).toMatchObject({
      'total-records': '11',
      'total-delete-files': '1',
    })
    await lake.close()
  })
})
