import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { systemClock, systemRandom } from '@assay/core'
import { exchangeNamed } from '@assay/exchanges'
import { loadSources, openSources, simulateFeed } from '@assay/feed'
import { type FileSystemCatalog, pendingEntries } from '@assay/iceberg'
import { embeddedParts, type Lake, openLake } from '@assay/lake'
import { bronzeTable, GOLD_TABLE, silverTable } from '@assay/medallion'
import { relocateLake } from '@assay/operations'
import { CHECKPOINT_PROPERTY, type TableDefinition, type WorkerEvent } from '@assay/pipeline'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { diskLake } from '../support/disk-lake.js'
import { drain, runUntil } from '../support/drain.js'
import { unpackLake } from '../support/earlier-lake.js'
import { checkInvariants } from '../support/invariants.js'
import { compareWithPyIceberg, compareWithSpark, Spark, sparkParts } from './foreign-spark.js'
import {
  addColumnsBySpark,
  compactAll,
  compareEvolved,
  evolveBySpark,
  openLater,
  showEarlier,
  specsOfGold,
  writeLater,
} from './spark-evolved.js'

const parts = await sparkParts()
const binance = exchangeNamed('binance')
const PARTITIONS = 2
const BRONZE = bronzeTable('binance')
const SILVER = silverTable('binance')
/** A time as Spark's CALL takes it. */
const now = (): string => `TIMESTAMP '${new Date(systemClock.now_ms()).toISOString().replace('Z', '+00:00')}'`
const REWRITTEN = [BRONZE, SILVER, GOLD_TABLE].map(({ name }) => name)

describe.skipIf(!parts)('Spark on the tables of a file-system lake', () => {
  const folder = mkdtempSync(join(tmpdir(), 'foreign-spark-'))
  let lake: Lake
  let catalog: FileSystemCatalog
  let spark: Spark
  let seed = 1

  const open = async (): Promise<Lake> => {
    return openLake({ parts: embeddedParts(join(folder, 'lake')), clock: systemClock, random: systemRandom })
  }

  const simulate = async (count: number): Promise<void> => {
    const { signal } = new AbortController()
    const options = { count, seed: seed++, duplicates: 0.05, invalid: 0.05, late: 0.01, partitions: PARTITIONS }
    await simulateFeed(lake, { exchange: binance, signal, onProgress: () => undefined, ...options })
  }

  const checkpointOf = async (definition: TableDefinition): Promise<string | undefined> =>
    (await (await lake.table(definition)).pin()).version.metadata.properties[CHECKPOINT_PROPERTY]

  const currentSnapshot = async (table: string): Promise<string> => {
    const [row] = await spark.sql(`SELECT snapshot_id FROM lake.market_data.${table}.refs WHERE name = 'main'`)
    return String(row?.[0])
  }

  /** Does something while our writers hold still, as the rules for foreign writers demand. */
  const whilePaused = async (work: () => Promise<unknown>): Promise<void> => {
    await catalog.pause('Spark is at it')
    try {
      await work()
    } finally {
      await catalog.resume()
    }
  }

  /** Runs the workers beside something; they are stopped in any case. */
  const whileRunning = async (work: () => Promise<unknown>): Promise<readonly WorkerEvent[]> => {
    const stop = new AbortController()
    const running = runUntil(lake, stop.signal, { limits: { maxRows: 500 } })
    running.catch(() => undefined)
    try {
      await work()
    } finally {
      stop.abort()
    }
    return running
  }

  /** What Spark does to a table while it is ours alone: everything becomes new files, and history goes. */
  const rewrite = async (table: string): Promise<void> => {
    const name = `table => 'market_data.${table}'`
    await spark.sql(`CALL lake.system.rewrite_data_files(${name}, options => map('rewrite-all', 'true'))`)
    await spark.sql(`CALL lake.system.rewrite_manifests(${name})`)
    await spark.sql(`CALL lake.system.expire_snapshots(${name}, older_than => ${now()}, retain_last => 1)`)
  }

  beforeAll(async () => {
    if (!parts) return
    lake = await open()
    catalog = lake.catalog as FileSystemCatalog
    for (const exchange of lake.exchanges) {
      await lake.log.ensureTopic(exchange.topic, PARTITIONS)
      const paths = exchange.samples.map((sample) => fileURLToPath(sample))
      const sources = await openSources(paths, process.stdin)
      const { signal } = new AbortController()
      await loadSources(lake, { exchange, sources, signal, onProgress: () => undefined })
    }
    spark = new Spark(parts, { type: 'hadoop', warehouse: join(folder, 'lake', 'tables') })
  })

  afterAll(async () => {
    await spark?.close()
    await lake?.close()
    rmSync(folder, { recursive: true, force: true })
  })

  it('A4: Spark reads every table and column as we do', async () => {
    await drain(lake)
    await checkInvariants(lake)
    const counts = await compareWithSpark(lake, spark)
    expect(counts.gold_crypto_trades).toBeGreaterThan(1_000)
  })

  it('A4 T7: workers run on after Spark has rewritten their tables and cut their history while they were paused', async () => {
    const checkpoints = () => Promise.all([BRONZE, SILVER, GOLD_TABLE].map(checkpointOf))
    const events = await whileRunning(async () => {
      await simulate(1_500)
      await whilePaused(async () => {
        await simulate(500)
        const before = await checkpoints()
        for (const table of REWRITTEN) await rewrite(table)
        expect(await checkpoints()).toEqual(before)
      })
      await simulate(1_500)
      await systemClock.sleep(2_000)
    })
    expect(events.filter(({ kind }) => kind === 'outage').length).toBeGreaterThan(0)
    await drain(lake)
    await checkInvariants(lake)
    await compareWithSpark(lake, spark)
    await compareWithPyIceberg(lake, spark, REWRITTEN)
    const { version } = await (await lake.table(SILVER)).pin()
    expect(pendingEntries(version.metadata, 'assay.').length).toBeLessThan(2)
  })

  it('T9: a table that Spark rolled back while we were down is refused, and goes on when it is rolled forward', async () => {
    const old = await currentSnapshot(SILVER.name)
    await simulate(300)
    await drain(lake)
    const newest = await currentSnapshot(SILVER.name)
    await spark.sql(`CALL lake.system.rollback_to_snapshot('market_data.${SILVER.name}', ${old})`)
    const again = await open()
    await expect(drain(again)).rejects.toMatchObject({
      code: 'table_rolled_back',
      hint: expect.stringContaining('forward'),
    })
    await again.close()
    await spark.sql(`CALL lake.system.set_current_snapshot('market_data.${SILVER.name}', ${newest})`)
    await simulate(300)
    await drain(lake)
    await checkInvariants(lake)
  })

  it('T9: a table that Spark rolls back while workers run stops them', async () => {
    const old = await currentSnapshot(GOLD_TABLE.name)
    await simulate(300)
    await drain(lake)
    const name = `'market_data.${GOLD_TABLE.name}'`
    const ended = whileRunning(async () => {
      await simulate(100)
      await whilePaused(() => spark.sql(`CALL lake.system.rollback_to_snapshot(${name}, ${old})`))
      await simulate(100)
      await systemClock.sleep(3_000)
    })
    await expect(ended).rejects.toMatchObject({ code: 'table_rolled_back' })
    expect(await currentSnapshot(GOLD_TABLE.name)).toBe(old)
    const [newest] = await spark.sql(
      `SELECT snapshot_id FROM lake.market_data.${GOLD_TABLE.name}.snapshots ORDER BY committed_at DESC LIMIT 1`,
    )
    await spark.sql(`CALL lake.system.set_current_snapshot(${name}, ${newest?.[0]})`)
    await drain(lake)
    await checkInvariants(lake)
  })

  it('A4: A10: T25: Spark and PyIceberg read what an earlier version, Spark and a later version made of one table, before and after compactions', async () => {
    const earlier = await diskLake(unpackLake('0.1.0', join(folder, 'earlier')), 7)
    // The lake was made in another folder.
    await relocateLake(earlier, false)
    await showEarlier(spark, join(folder, 'earlier', 'tables'))
    await addColumnsBySpark(earlier, spark)
    await drain(earlier)
    const tables = await openLater(earlier)
    const session = await (await earlier.engine()).session()
    for (const table of tables) await writeLater(session, table)
    await evolveBySpark(earlier, spark)
    for (const table of tables) await writeLater(session, table)
    const before = await compareEvolved(tables, session, spark)
    expect(await specsOfGold(spark)).toBe(3)
    expect(await compactAll(tables, session)).toBeGreaterThanOrEqual(4)
    expect(await compareEvolved(tables, session, spark)).toEqual(before)
    await session.close()
  })

  it('A4: rows that Spark deleted by position from a table above do not come down', async () => {
    await simulate(600)
    await drain(lake, { layers: ['bronze'] })
    const table = `lake.market_data.${BRONZE.name}`
    await spark.sql(`ALTER TABLE ${table} SET TBLPROPERTIES ('write.delete.mode' = 'merge-on-read')`)
    const from = Number((await spark.sql(`SELECT max(\`offset\`) - 50 FROM ${table} WHERE \`partition\` = 0`))[0]?.[0])
    const condition = `\`partition\` = 0 AND \`offset\` >= ${from} AND \`offset\` % 3 = 0`
    await spark.sql(`DELETE FROM ${table} WHERE ${condition}`)
    const [files] = await spark.sql(`SELECT count(*) FROM ${table}.delete_files`)
    expect(Number(files?.[0])).toBeGreaterThan(0)
    await drain(lake, { layers: ['silver', 'gold'] })
    await checkInvariants(lake, { logIsWhole: false })
    await compareWithSpark(lake, spark)
    const [left] = await spark.sql(`SELECT count(*) FROM lake.market_data.${SILVER.name} WHERE ${condition}`)
    expect(left).toEqual(['0'])
  })

  it('A4: rows that another engine deleted by equality are refused with advice', async () => {
    await simulate(100)
    await drain(lake, { layers: ['bronze'] })
    const before = await currentSnapshot(BRONZE.name)
    const [day] = await spark.sql(`SELECT max(ingestion_date) FROM lake.market_data.${BRONZE.name}`)
    await spark.equalityDelete(`lake.market_data.${BRONZE.name}`, 'offset', `ingestion_date=${day?.[0]}`)
    await expect(drain(lake, { layers: ['silver'] })).rejects.toMatchObject({
      code: 'equality_deletes_unsupported',
      hint: expect.stringContaining('compact'),
    })
    await spark.sql(`CALL lake.system.rollback_to_snapshot('market_data.${BRONZE.name}', ${before})`)
    await drain(lake)
    await checkInvariants(lake, { logIsWhole: false })
  })
})
