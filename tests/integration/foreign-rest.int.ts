import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { systemClock, systemRandom } from '@assay/core'
import { exchangeNamed } from '@assay/exchanges'
import { simulateFeed } from '@assay/feed'
import { type Catalog, openRestCatalog } from '@assay/iceberg'
import { embeddedParts, type Lake, type LakeParts, openLake, runWorkers } from '@assay/lake'
import { bronzeTable, GOLD_TABLE, silverTable } from '@assay/medallion'
import { CHECKPOINT_PROPERTY, CommitSignals, LakeTable, type WorkerEvent } from '@assay/pipeline'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { needs, startCatalog, startS3 } from '../real-parts/real-parts.js'
import { drain } from '../support/drain.js'
import { checkInvariants } from '../support/invariants.js'
import {
  compareWithPyIceberg,
  compareWithSpark,
  Spark,
  type SparkParts,
  sparkParts,
  startForeignCatalog,
} from './foreign-spark.js'

const spark = await sparkParts({ s3: true })
const hasNessie = await needs('s3', 'catalog')
const binance = exchangeNamed('binance')
const BRONZE = bronzeTable('binance')
const TABLES = [BRONZE, silverTable('binance'), GOLD_TABLE]
/** Trades a second while others work on the tables. */
const RATE = 100
const ROUNDS = 2
const INTERVAL_MS = 1_000
/** Retries of Spark's commits; it gives up after four lost races otherwise. */
const RETRIES = "'commit.retry.num-retries' = '50', 'commit.retry.max-wait-ms' = '500'"

/** A lake whose tables a catalog minds, and Spark on that catalog. */
interface Setting {
  readonly lake: Lake
  readonly spark: Spark
  readonly uri: string
  stop(): Promise<void>
}

/** A lake with its tables in a REST catalog. */
async function restLake(parts: LakeParts, given: { readonly url: string; readonly warehouse?: string }): Promise<Lake> {
  const lake = await openLake({ parts, clock: systemClock, random: systemRandom })
  const { store, clock, random } = lake
  const catalog: Catalog = await openRestCatalog({ ...given, namespace: 'market_data', store, clock, random })
  const signals = new CommitSignals()
  const tables = new Map<string, Promise<LakeTable>>()
  return {
    ...lake,
    catalog,
    table(definition) {
      const table =
        tables.get(definition.name) ?? LakeTable.open(definition, { catalog, store, clock, random, signals })
      tables.set(definition.name, table)
      return table
    },
  }
}

async function startReference(parts: SparkParts, folder: string): Promise<Setting> {
  const foreign = await startForeignCatalog(parts, join(folder, 'tables'))
  const { uri } = foreign
  const lake = await restLake(embeddedParts(folder), { url: uri })
  return { lake, spark: new Spark(parts, { type: 'rest', uri }), uri, stop: () => foreign.stop() }
}

async function startNessie(parts: SparkParts, folder: string): Promise<Setting> {
  const s3 = await startS3()
  const { accessKeyId, secretAccessKey } = s3.credentials
  process.env.AWS_ACCESS_KEY_ID = accessKeyId
  process.env.AWS_SECRET_ACCESS_KEY = secretAccessKey
  const { url, warehouse, stop } = await startCatalog({ s3 })
  const { bucket, endpoint, region } = s3
  const store = { kind: 's3' as const, bucket, prefix: warehouse, endpoint, region, pathStyle: true, sse: undefined }
  const lake = await restLake(
    { ...embeddedParts(folder), store: { ...store, cache_bytes: 2 ** 30 } },
    { url, warehouse },
  )
  const keys = { 's3.access-key-id': accessKeyId, 's3.secret-access-key': secretAccessKey }
  return {
    lake,
    spark: new Spark(parts, { type: 'rest', uri: url, warehouse, ...keys }),
    uri: url,
    stop: async () => {
      await stop()
      await s3.stop()
    },
  }
}

/**
 * Nessie keeps history by itself: it shows the newest snapshot only, lets nobody expire any, and has no branches of
 * Iceberg's.
 */
const CATALOGS = [
  { title: "Iceberg's own handlers", keepsHistory: true, canRun: spark !== undefined, start: startReference },
  { title: 'Nessie over S3', keepsHistory: false, canRun: spark !== undefined && hasNessie, start: startNessie },
]

for (const { title, keepsHistory, canRun, start } of CATALOGS) {
  describe.skipIf(!canRun)(`Spark and PyIceberg on the tables of a REST catalog: ${title}`, () => {
    const folder = mkdtempSync(join(tmpdir(), 'foreign-rest-'))
    let setting: Setting

    beforeAll(async () => {
      if (spark) setting = await start(spark, join(folder, 'lake'))
    })

    afterAll(async () => {
      await setting?.spark.close()
      await setting?.lake.close()
      await setting?.stop()
      rmSync(folder, { recursive: true, force: true })
    })

    const feed = (count: number, seed: number, signal: AbortSignal, rate?: number) =>
      simulateFeed(setting.lake, {
        ...{ exchange: binance, count, seed, signal, partitions: 2, onProgress: () => undefined },
        ...{ duplicates: 0.05, invalid: 0.05, late: 0.01 },
        ...(rate !== undefined && { rate }),
      })

    const sql = (text: string) => setting.spark.sql(text)

    /** What one table meets in a round. Spark gives up a rewrite that lost against our compactions, and rightly. */
    const disturb = async (table: string, round: number): Promise<number> => {
      const name = `table => 'market_data.${table}'`
      await sql(`ALTER TABLE lake.market_data.${table} SET TBLPROPERTIES ('owner.round' = '${round}', ${RETRIES})`)
      const rewritten = await sql(
        `CALL lake.system.rewrite_data_files(${name}, options => map('rewrite-all', 'true'))`,
      ).then(
        () => 1,
        (error: unknown) => {
          expect(String(error)).toMatch(/CommitFailed|ValidationException|missing required files|conflict/i)
          return 0
        },
      )
      const now = new Date(systemClock.now_ms()).toISOString().replace('Z', '+00:00')
      const expiry = sql(
        `CALL lake.system.expire_snapshots(${name}, older_than => TIMESTAMP '${now}', retain_last => 3)`,
      )
      if (keepsHistory) await expiry
      else await expect(expiry).rejects.toThrow(/GC is disabled/)
      return rewritten
    }

    it('A4 T7: others compact, expire, branch and set properties while workers commit: no row and no checkpoint is lost', async () => {
      const { lake, uri } = setting
      await feed(1_000, 1, new AbortController().signal)
      await drain(lake)
      const [stop, endOfFeed] = [new AbortController(), new AbortController()]
      const events: WorkerEvent[] = []
      const onEvent = (event: WorkerEvent): void => void events.push(event)
      const options = { drain: false, adopt: false, interval_ms: INTERVAL_MS, onEvent }
      const running = runWorkers(lake, options, stop.signal)
      running.catch(() => undefined)
      const feeding = feed(1_000_000, 2, endOfFeed.signal, RATE)
      let rewritten = 0
      try {
        for (let round = 0; round < ROUNDS; round++) {
          for (const { name } of TABLES) rewritten += await disturb(name, round)
          if (keepsHistory) await setting.spark.appendToBranch(`market_data.${BRONZE.name}`, 'audit', uri)
        }
      } finally {
        endOfFeed.abort()
        await feeding
        stop.abort()
        await running
      }
      // Without history Spark can't tell whether a commit that came meanwhile touched its files, and gives up.
      if (keepsHistory) expect(rewritten).toBeGreaterThan(TABLES.length)
      let atRest = 0
      for (const { name } of TABLES) atRest += await disturb(name, ROUNDS - 1)
      expect(atRest).toBe(TABLES.length)
      await feed(300, 5, new AbortController().signal)
      expect(events.filter(({ kind }) => kind === 'outage')).toEqual([])
      await drain(lake)
      await checkInvariants(lake)
      await compareWithSpark(lake, setting.spark)
      for (const definition of TABLES) {
        const { metadata } = (await (await lake.table(definition)).pin()).version
        expect(metadata.properties['owner.round']).toBe(String(ROUNDS - 1))
        expect(metadata.properties[CHECKPOINT_PROPERTY]).toBeDefined()
      }
    }, 600_000)

    it.runIf(keepsHistory)(
      'A4: what PyIceberg put on a branch is there, and PyIceberg reads main as we do',
      async () => {
        const { lake, uri } = setting
        const { metadata } = (await (await lake.table(BRONZE)).pin()).version
        const head = metadata.snapshots.find(({ snapshotId }) => snapshotId === metadata.refs.audit?.snapshotId)
        expect(head).toBeDefined()
        const [rows] = await sql(`SELECT count(*) FROM lake.market_data.${BRONZE.name} VERSION AS OF 'audit'`)
        expect(Number(rows?.[0])).toBeGreaterThan(1_000)
        await compareWithPyIceberg(lake, setting.spark, [BRONZE.name, GOLD_TABLE.name], uri)
      },
    )

    it.runIf(keepsHistory)(
      'T9: a rollback by Spark stops the workers, and rolling forward lets them go on',
      async () => {
        const { lake } = setting
        const { signal } = new AbortController()
        const gold = `market_data.${GOLD_TABLE.name}`
        const head = async () => (await (await lake.table(GOLD_TABLE)).pin()).version.metadata.currentSnapshotId
        const old = await head()
        await feed(200, 3, signal)
        await drain(lake)
        const newest = await head()
        await sql(`CALL lake.system.rollback_to_snapshot('${gold}', ${old})`)
        await feed(200, 4, signal)
        await expect(drain(lake)).rejects.toMatchObject({ code: 'table_rolled_back' })
        await sql(`CALL lake.system.set_current_snapshot('${gold}', ${newest})`)
        await drain(lake)
        await checkInvariants(lake)
      },
    )
  })
}
