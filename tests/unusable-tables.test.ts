import { traceTarget, verifyLake } from '@assay/audit'
import { statusReport, tableReport } from '@assay/lake'
import { GOLD_TABLE } from '@assay/medallion'
import { maintainTables } from '@assay/operations'
import { scanSql } from '@assay/pipeline'
import { describe, expect, it } from 'vitest'
import { misjudgedLake, produceBinance, tradesWithRejects } from './support/dead-letters.js'
import { drain } from './support/drain.js'
import { changeColumns, changeMetadata } from './support/foreign-columns.js'
import { checkInvariants } from './support/invariants.js'
import { binance, copiedLake, type MemoryLake, memoryLake } from './support/memory-lake.js'
import { damage } from './support/metadata-damage.js'
import { query } from './support/tables.js'

const GOLD = GOLD_TABLE.name
const FOLDER = `tables/market_data/${GOLD}/metadata/`

async function newestVersion({ store }: MemoryLake): Promise<number> {
  let newest = 0
  for await (const { key } of store.list(`${FOLDER}v`))
    newest = Math.max(newest, Number(/v(\d+)\./.exec(key)?.[1] ?? 0))
  return newest
}

/** Something that another hand or engine did to gold. */
interface Change {
  readonly what: string
  readonly make: (lake: MemoryLake) => Promise<void>
  readonly code: string
  readonly message: RegExp
  readonly hint: RegExp
}

const cut = (bytes: number) => async (lake: MemoryLake) => {
  const number = await newestVersion(lake)
  const whole = Buffer.from((await lake.store.get(`${FOLDER}v${number}.metadata.json`)) ?? [])
  await lake.store.put(`${FOLDER}v${number + 1}.metadata.json`, whole.subarray(0, bytes))
}

const CHANGES: readonly Change[] = [
  {
    what: 'an empty version file',
    make: cut(0),
    code: 'corrupt_metadata',
    message: /v\d+\.metadata\.json: the metadata file is empty/,
    hint: /v\d+\.metadata\.json beside it is whole: stop all writers and rename v\d+/,
  },
  {
    what: 'a torn version file',
    make: cut(700),
    code: 'corrupt_metadata',
    message: /v\d+\.metadata\.json: the metadata is not JSON/,
    hint: /beside it is whole/,
  },
  {
    what: 'an upgrade to format version 3',
    make: (lake) => damage(lake, GOLD_TABLE, (metadata) => Object.assign(metadata, { 'format-version': 3 })),
    code: 'unsupported_format_version',
    message: /format version 3 is not 2/,
    hint: /copy the rows into a table of version 2.*beside it is whole/,
  },
  {
    what: 'a renamed column',
    make: async (lake) =>
      changeColumns(await lake.table(GOLD_TABLE), (fields) =>
        fields.map((field) => (field.name === 'side' ? { ...field, name: 'direction' } : field)),
      ),
    code: 'table_incompatible',
    message: /v\d+\.metadata\.json.*column side was renamed to direction/,
    hint: /RENAME COLUMN direction TO side/,
  },
  {
    what: 'a column of another type',
    make: async (lake) =>
      changeColumns(await lake.table(GOLD_TABLE), (fields) =>
        fields.map((field) => (field.name === 'price' ? { ...field, type: 'double' as const } : field)),
      ),
    code: 'table_incompatible',
    message: /column price is of type double, where Assay has decimal\(28, 10\)/,
    hint: /RENAME COLUMN price TO/,
  },
]

describe('a table that cannot be used as it is', () => {
  it('A10: is named with its file and the way back, and no other table is in its way', async () => {
    const origin = await misjudgedLake(tradesWithRejects(12, 4))
    const expected = await tableReport(origin)
    for (const { what, make, code, message, hint } of CHANGES) {
      const writer = await copiedLake(origin)
      await make(writer)
      const lake = memoryLake({ store: writer.store, log: writer.log, clock: writer.clock })
      const problem = {
        table: GOLD,
        code,
        message: expect.stringMatching(new RegExp(`table ${GOLD}.*${message.source}`)),
        hint: expect.stringMatching(hint),
      }
      const tables = await tableReport(lake)
      expect(
        tables.filter((table) => table.problem),
        what,
      ).toMatchObject([{ name: GOLD, problem }])
      expect(tables.filter(({ name }) => name !== GOLD)).toEqual(expected.filter(({ name }) => name !== GOLD))
      const status = await statusReport(lake)
      expect(status.unusable).toEqual([problem])
      expect(status.lanes.map(({ layer }) => layer)).toEqual(['bronze', 'silver'])
      expect(status.dead_letters).toMatchObject([{ rejected: 3 }])
      const maintained = await maintainTables(lake, new Set(['compact', 'expire']), false)
      expect(maintained.filter((one) => one.problem)).toMatchObject([{ table: GOLD, problem: { code } }])
      expect(maintained.length).toBe(tables.filter(({ exists }) => exists).length)
      // The layers above go on.
      expect((await drain(lake, { layers: ['bronze', 'silver'] })).filter(({ kind }) => kind === 'outage')).toEqual([])
      await expect(drain(lake, { layers: ['gold'] }), what).rejects.toMatchObject({ code })
      await lake.close()
    }
    await origin.close()
  })

  it('A10: fails its own checks of verify and those that need it; the others are made', async () => {
    const lake = memoryLake()
    await produceBinance(lake, tradesWithRejects(12, 4))
    await drain(lake)
    await cut(0)(lake)
    const options = { fromLog: true, signal: new AbortController().signal, onCheck: () => undefined }
    const { checks, is_ok } = await verifyLake(memoryLake({ ...lake }), options)
    expect(is_ok).toBe(false)
    const failed = checks.filter(({ outcome }) => outcome === 'failed')
    expect(failed[0]).toMatchObject({ subject: GOLD, claim: 'it can be used as it is' })
    for (const check of failed) expect(String(check.found), check.claim).toContain('the metadata file is empty')
    const held = checks.filter(({ outcome }) => outcome === 'ok').map(({ subject }) => subject)
    expect(held).toEqual(expect.arrayContaining(['bronze_binance_trades', 'silver_binance_trades', 'gold_duplicates']))
    expect(failed.filter(({ subject }) => /^(bronze|silver)/.test(subject))).toEqual([])
    await lake.close()
  })

  it('A10: trace tells what the other tables know of a record, and which one it could not look into', async () => {
    const lake = memoryLake()
    await produceBinance(lake, tradesWithRejects(12, 4))
    await drain(lake)
    const coordinate = { kind: 'coordinate' as const, topic: binance.topic, partition: 0, offset: 1n }
    expect((await traceTarget(lake, coordinate)).unusable).toEqual([])
    await cut(0)(lake)
    for (const target of [coordinate, { kind: 'trade_id' as const, tradeId: 'BINANCE-2', number: 2n }]) {
      const { records, unusable } = await traceTarget(memoryLake({ ...lake }), target)
      expect(unusable).toMatchObject([{ table: GOLD, code: 'corrupt_metadata' }])
      expect(records.map(({ silver, bronze, gold }) => [bronze, silver, gold].map(({ rows }) => rows.length))).toEqual([
        [1, 1, 0],
      ])
    }
    await lake.close()
  })

  it('A10: A4: a partition field of another engine is lived with: rows go on as before, and verify holds', async () => {
    const lake = memoryLake()
    await produceBinance(lake, tradesWithRejects(12, 4))
    await drain(lake)
    for (const definition of lake.definitions) {
      const table = await lake.table(definition)
      const { fields } = (await table.table.load()).metadata.schemas.at(-1) ?? { fields: [] }
      await changeMetadata(table, (metadata) => {
        const [spec] = metadata.partitionSpecs
        const bucket = {
          sourceId: fields[1]?.id as number,
          fieldId: 1500,
          name: 'foreign_bucket',
          transform: 'bucket[8]',
        }
        const foreign = { specId: 7, fields: [...(spec?.fields ?? []), bucket] }
        return {
          ...metadata,
          partitionSpecs: [...metadata.partitionSpecs, foreign],
          defaultSpecId: 7,
          lastPartitionId: 1500,
        }
      })
    }
    const after = memoryLake({ store: lake.store, log: lake.log, clock: lake.clock })
    await produceBinance(
      after,
      tradesWithRejects(12, 4).map((trade) => ({ ...trade, price: '7.5' })),
    )
    await drain(after, { limits: { maxRows: 2 } })
    await checkInvariants(after)
    await maintainTables(after, new Set(['compact']), false)
    await checkInvariants(after)
    const gold = await after.table(GOLD_TABLE)
    const files = await gold.plan((await gold.pin()).version, {
      keepPartition: ({ exchange_date }) => exchange_date !== null,
    })
    expect(new Set(files.map(({ file }) => file.specId))).toEqual(new Set([0]))
    expect(scanSql(GOLD_TABLE, await gold.files(await gold.pin()))).toContain('read_parquet')
    expect(await query(after, 'SELECT count(*) AS n FROM silver_binance_trades')).toEqual([{ n: 24n }])
    const options = { fromLog: true, signal: new AbortController().signal, onCheck: () => undefined }
    const { checks } = await verifyLake(after, options)
    expect(checks.filter(({ outcome }) => outcome === 'failed')).toEqual([])
    await lake.close()
  })
})
