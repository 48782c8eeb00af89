import { verifyLake } from '@assay/audit'
import { AssayError } from '@assay/core'
import { quoteText } from '@assay/engine'
import {
  commit,
  expiredFilesEntries,
  pendingChange,
  pendingEntries,
  planFiles,
  publishPending,
  Table,
  writePendingManifest,
} from '@assay/iceberg'
import { DUPLICATES_TABLE, GOLD_TABLE, silverTable } from '@assay/medallion'
import { FaultyStore, type ObjectStore } from '@assay/object-store'
import { relocateLake } from '@assay/operations'
import { compactSmallFiles } from '@assay/pipeline'
import { describe, expect, it } from 'vitest'
import { drain } from './support/drain.js'
import { checkInvariants } from './support/invariants.js'
import { binance, type MemoryLake, memoryLake, TestStore } from './support/memory-lake.js'
import { deleteRow } from './support/position-deletes.js'
import { produceSimulated, START_MS } from './support/records.js'
import { digests } from './support/tables.js'

const OLD = 'memory:///tables/market_data'
const NEW = 'memory:///elsewhere/tables/market_data'

/** A store at another location. */
class OtherLocation extends TestStore {
  override location(key: string): string {
    return `memory:///elsewhere/${key}`
  }
}

type Objects = ReadonlyMap<string, Uint8Array>

async function objectsOf(store: ObjectStore): Promise<Objects> {
  const objects = new Map<string, Uint8Array>()
  for await (const { key } of store.list('')) objects.set(key, (await store.get(key)) ?? new Uint8Array())
  return objects
}

/** Keys of a store, of those that were there, whose objects are others now. */
async function changed(before: Objects, store: ObjectStore): Promise<string[]> {
  const keys: string[] = []
  for (const [key, bytes] of before) {
    if (Buffer.compare((await store.get(key)) ?? new Uint8Array(), bytes) !== 0) keys.push(key)
  }
  return keys
}

async function copyTo(objects: Objects, lake: MemoryLake): Promise<OtherLocation> {
  const store = new OtherLocation({ clock: lake.clock })
  for (const [key, bytes] of objects) await store.put(key, bytes)
  return store
}

function opened({ log, clock, exchanges }: MemoryLake, store: ObjectStore): MemoryLake {
  return memoryLake({ store, log, clock, exchanges })
}

/** Several files, compactions, history, a foreign engine's deletes, and side rows that wait to be published. */
async function busyLake(): Promise<MemoryLake> {
  const lake = memoryLake()
  await produceSimulated(lake, binance, { count: 40, invalid: 0.1, duplicates: 0.2 })
  await drain(lake, { limits: { maxRows: 15 } })
  const session = await (await lake.engine()).session()
  const policy = { smallFilesMax: 2, small_bytes: 2 ** 23, task_bytes: 2 ** 26, taskFiles: 200, taskRows: 500_000 }
  await compactSmallFiles(await lake.table(silverTable('binance')), session, policy)
  await session.close()
  // Of a row that is not there.
  await deleteRow(lake, GOLD_TABLE, 1_000_000)
  return lake
}

/** No path that a table's newest metadata leads to is in the old location. */
async function expectRelocated(lake: MemoryLake): Promise<void> {
  for (const name of await lake.catalog.list()) {
    const { catalog, store, clock, random } = lake
    const table = new Table(catalog, name, { store, clock, random })
    const version = await table.load()
    expect(version.metadata.location).toBe(`${NEW}/${name}`)
    const text = Buffer.from((await store.get(`${version.tableKey}/metadata/v${version.token}.metadata.json`)) ?? [])
    // The log of earlier metadata files ends in the one that was found.
    const at = text.toString().indexOf(`${OLD}/`)
    expect(at < 0 ? '' : text.toString().slice(at - 80, at + 80)).toBe('')
    for (const { list } of expiredFilesEntries(version.metadata, table.propertyPrefix)) {
      const paths = Buffer.from((await store.get(`${version.tableKey}/metadata/${list}`)) ?? []).toString()
      expect(paths.includes(`${OLD}/`), name).toBe(false)
    }
    for (const { manifest } of pendingEntries(version.metadata, table.propertyPrefix)) {
      expect(await store.get(manifest.replace('memory:///elsewhere/', ''))).toBeDefined()
    }
    for (const { snapshotId } of version.metadata.snapshots) {
      for (const planned of await planFiles(table, version, { snapshotId })) {
        for (const { file, key } of [planned, ...planned.deletes]) {
          expect(file.path.startsWith(`${NEW}/${name}/`), file.path).toBe(true)
          expect(await store.size_bytes(key), key).toBe(file.size_bytes)
          if (file.referencedDataFile !== undefined) expect(file.referencedDataFile).toContain(NEW)
        }
      }
    }
  }
  const session = await (await lake.engine()).session()
  const gold = await lake.table(GOLD_TABLE)
  const deletes = (await planFiles(gold.table, await gold.table.load())).flatMap((planned) => planned.deletes)
  expect(deletes).toHaveLength(1)
  for (const { key } of deletes) {
    const rows = await session.rows(`SELECT file_path FROM read_parquet(${quoteText(await lake.store.localPath(key))})`)
    expect(rows.map(({ file_path }) => String(file_path).startsWith(`${NEW}/`))).toEqual([true])
  }
  await session.close()
}

describe('a lake that was copied', () => {
  it('A10: reads its own files, refuses to commit, and is at home after maintain --relocate', async () => {
    const origin = await busyLake()
    const objects = await objectsOf(origin.store)
    const store = await copyTo(objects, origin)
    const lake = opened(origin, store)
    expect(await digests(lake)).toEqual(await digests(origin))
    await produceSimulated(lake, binance, { count: 20, seed: 2, startTime_ms: START_MS + 60_000 })
    await expect(drain(lake)).rejects.toMatchObject({
      code: 'table_moved',
      message: expect.stringContaining(OLD),
      hint: expect.stringContaining('maintain --relocate'),
    })
    expect(await changed(objects, store)).toEqual([])

    expect((await relocateLake(lake, true)).filter(({ from }) => from?.startsWith(OLD)).length).toBeGreaterThan(8)
    expect(await changed(objects, store)).toEqual([])
    await relocateLake(lake, false)
    await expectRelocated(lake)
    expect((await relocateLake(lake, false)).map(({ from }) => from)).toEqual(
      (await lake.catalog.list()).map(() => null),
    )
    expect(await changed(objects, origin.store)).toEqual([])

    const after = opened(origin, store)
    await drain(after, { limits: { maxRows: 20 } })
    await checkInvariants(after)
    const options = { fromLog: false, signal: new AbortController().signal, onCheck: () => undefined }
    const { checks } = await verifyLake(after, options)
    expect(checks.filter(({ outcome }) => outcome === 'failed')).toEqual([])
    await expectRelocated(after)
    expect(await changed(objects, origin.store)).toEqual([])
    for (const each of [origin, lake, after]) await each.close()
  })

  it('A1: a relocation that was killed at any moment is gone on with', async () => {
    const origin = await busyLake()
    const objects = await objectsOf(origin.store)
    let calls = 0
    const smooth = opened(
      origin,
      new FaultyStore(await copyTo(objects, origin), ({ index }) => {
        calls = index + 1
        return 'none'
      }),
    )
    await relocateLake(smooth, false)
    const every = Math.ceil(calls / Number(process.env.ASSAY_TEST_RUNS ?? 4))
    for (let failing = 3; failing < calls; failing += every) {
      const inner = await copyTo(objects, origin)
      const fault = failing % 2 === 0 ? 'error_before' : 'error_after'
      // From the fault on nothing works any more, as when the process is dead.
      const dying = opened(
        origin,
        new FaultyStore(inner, ({ index }) => (index < failing ? 'none' : index === failing ? fault : 'error_before')),
      )
      await expect(relocateLake(dying, false)).rejects.toBeInstanceOf(AssayError)
      const lake = opened(origin, inner)
      await relocateLake(lake, false)
      await expectRelocated(lake)
      expect(await digests(lake, (name) => name === GOLD_TABLE.name)).toEqual(
        await digests(origin, (name) => name === GOLD_TABLE.name),
      )
      for (const each of [dying, lake]) await each.close()
    }
    for (const each of [origin, smooth]) await each.close()
  })

  it('T2: side rows that wait in an outbox are published in the new location', async () => {
    const origin = memoryLake()
    await produceSimulated(origin, binance, { count: 30, duplicates: 0.3 })
    await drain(origin)
    const main = (await origin.table(GOLD_TABLE)).table
    const side = (await origin.table(DUPLICATES_TABLE)).table
    const base = await side.load()
    const [known] = await planFiles(side, base)
    if (!known) throw new Error('there are no duplicates')
    const key = `${base.tableKey}/data/waiting.parquet`
    await origin.store.put(key, (await origin.store.get(known.key)) ?? new Uint8Array())
    const manifest = await writePendingManifest(side, [{ ...known.file, path: origin.store.location(key) }])
    await commit(main, {
      prepare: (metadata, { sequenceNumber }) => {
        const entry = { table: side.name, manifest: manifest.path, length_bytes: manifest.length_bytes }
        const add = [{ ...entry, sequence: sequenceNumber }]
        const setProperties = pendingChange(metadata, 'assay.', { add, published: new Set() })
        return { kind: 'proceed', change: { operation: 'append', setProperties } }
      },
    })
    const lake = opened(origin, await copyTo(await objectsOf(origin.store), origin))
    await relocateLake(lake, false)
    const { metadata } = await (await lake.table(GOLD_TABLE)).table.load()
    const published = await publishPending(metadata, 'assay.', async () => (await lake.table(DUPLICATES_TABLE)).table)
    expect([...published].every((path) => path.startsWith(`${NEW}/gold_duplicates/metadata/`))).toBe(true)
    const duplicates = (await lake.table(DUPLICATES_TABLE)).table
    const paths = (await planFiles(duplicates, await duplicates.load())).map(({ file }) => file.path)
    expect(paths).toContain(`${NEW}/gold_duplicates/data/waiting.parquet`)
    for (const each of [origin, lake]) await each.close()
  })
})
