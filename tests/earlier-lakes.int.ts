import { verifyLake } from '@assay/audit'
import { seededRandom, systemClock } from '@assay/core'
import { currentSchema, currentSnapshot } from '@assay/iceberg'
import { tableReport } from '@assay/lake'
import { relocateLake } from '@assay/operations'
import { CommitSignals, compactSmallFiles, LakeTable, scanSql } from '@assay/pipeline'
import { expect, it } from 'vitest'
import { diskLake, temporaryFolder } from './support/disk-lake.js'
import { drain } from './support/drain.js'
import { unpackLake, withOneMore } from './support/earlier-lake.js'
import { binance } from './support/memory-lake.js'
import { produceSimulated } from './support/records.js'

const ROWS = {
  bronze_binance_trades: 160,
  bronze_kraken_trades: 60,
  silver_binance_trades: 155,
  silver_kraken_trades: 59,
  silver_dlq_trades: 6,
  gold_crypto_trades: 171,
  gold_duplicates: 43,
}

it('A10: T30: a lake of version 0.1.0 opens, goes on, takes on columns in every table, compacts and verifies', async () => {
  const lake = await diskLake(unpackLake('0.1.0', temporaryFolder()), 7)
  // The lake was made in another folder.
  await relocateLake(lake, false)
  const counted = async () =>
    Object.fromEntries((await tableReport(lake)).filter(({ rows }) => rows > 0).map(({ name, rows }) => [name, rows]))
  expect(await counted()).toMatchObject(ROWS)
  await produceSimulated(lake, binance, { count: 40, seed: 9, symbols: 3 })
  await drain(lake)
  expect(await counted()).toMatchObject({
    ...ROWS,
    bronze_binance_trades: 200,
    silver_binance_trades: 195,
    gold_duplicates: 83,
  })

  const { catalog, store } = lake
  const session = await (await lake.engine()).session()
  const parts = { catalog, store, clock: systemClock, random: seededRandom(8), signals: new CommitSignals() }
  for (const definition of lake.definitions) {
    const grown = withOneMore(definition)
    const table = await LakeTable.open(grown, { ...parts, olderVersions_ms: 0 })
    const files = await table.files(await table.pin())
    const [before] = await session.rows(`SELECT count(*) AS n, count(one_more) AS more FROM (${scanSql(grown, files)})`)
    expect(before?.more).toBe(0n)
    // The first write is what brings the table up to date, even one of no rows.
    const nothing = await table.write(session, `SELECT * FROM (${scanSql(grown, files)}) WHERE false`, {})
    expect(nothing).toBeUndefined()
    const { metadata } = await table.table.load()
    const fields = currentSchema(metadata).fields
    expect(fields.map(({ name }) => name)).toEqual([...definition.columns.map(({ name }) => name), 'one_more'])
    expect(fields.at(-1)).toMatchObject({ id: metadata.lastColumnId - 1, type: { elementId: metadata.lastColumnId } })
    await compactSmallFiles(table, session, {
      smallFilesMax: 1,
      small_bytes: 2 ** 30,
      task_bytes: 2 ** 30,
      taskFiles: 99,
      taskRows: 10 ** 6,
    })
    const after = await table.files(await table.pin())
    expect(await session.rows(`SELECT count(*) AS n, count(one_more) AS more FROM (${scanSql(grown, after)})`)).toEqual(
      [before],
    )
  }
  await session.close()
  await produceSimulated(lake, binance, { count: 20, seed: 10, symbols: 3 })
  await drain(lake)
  const { checks } = await verifyLake(lake, {
    fromLog: true,
    signal: new AbortController().signal,
    onCheck: () => undefined,
  })
  expect(checks.filter(({ outcome }) => outcome === 'failed')).toEqual([])
  const bronze = await lake.table(lake.definitions[0] as (typeof lake.definitions)[0])
  const { metadata } = await bronze.table.load()
  expect(currentSnapshot(metadata)?.summary['assay.version']).toBeDefined()
  expect(metadata.snapshots.some(({ summary }) => summary['assay.version'] === undefined)).toBe(true)
})
