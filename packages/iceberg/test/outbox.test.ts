import { MemoryStore } from '@assay/object-store'
import { describe, expect, it } from 'vitest'
import type { ManifestRef } from '../src/commit/change.js'
import { openTable } from '../src/evolution/create-table.js'
import {
  type CommitOutcome,
  commit,
  createTable,
  type DataFile,
  type PendingEntry,
  pendingChange,
  pendingEntries,
  publish,
  publishedSequence,
  publishPending,
  removeOrphans,
  type Table,
  writePendingManifest,
} from '../src/index.js'
import { append, description, keys, livePaths, openWorld, putDataFile, replace, type World } from './support.js'

const PREFIX = 'assay.'

interface Tables extends World {
  readonly side: Table
}

async function tables(store = new MemoryStore(), seed = 1): Promise<Tables> {
  const world = await openWorld({ store, seed })
  return { ...world, side: await createTable(world.catalog, 'letters', description, world.table) }
}

/** A main commit of a batch with side rows, as a worker makes it. */
async function decide(
  main: Table,
  ref: ManifestRef,
  published: ReadonlySet<string> = new Set(),
): Promise<CommitOutcome> {
  return commit(main, {
    prepare: (base, next) => {
      const entry: PendingEntry = {
        table: 'letters',
        manifest: ref.path,
        length_bytes: ref.length_bytes,
        sequence: next.sequenceNumber,
      }
      return {
        kind: 'proceed',
        change: { operation: 'append', setProperties: pendingChange(base, PREFIX, { add: [entry], published }) },
      }
    },
  })
}

async function sideFiles({ side }: Tables, count = 1): Promise<readonly DataFile[]> {
  return Promise.all(Array.from({ length: count }, () => putDataFile(side)))
}

describe('the outbox', () => {
  it('T2: what was decided is published by whoever finds it, as it was written', async () => {
    const world = await tables()
    const files = await sideFiles(world, 2)
    const ref = await writePendingManifest(world.side, files)
    await decide(world.table, ref)
    expect(await livePaths(world.side)).toEqual([])

    const successor = await tables(world.store as MemoryStore, 9)
    const { metadata } = await successor.table.load()
    expect(pendingEntries(metadata, PREFIX)).toHaveLength(1)
    const done = await publishPending(metadata, PREFIX, () => successor.side)
    expect(done).toEqual(new Set([ref.path]))
    expect(await livePaths(successor.side)).toEqual(files.map(({ path }) => path).sort())
    const version = await successor.side.load()
    const manifests = await successor.side.manifests(version, version.metadata.snapshots.at(-1))
    expect(manifests.map(({ path, length_bytes }) => [path, length_bytes])).toEqual([[ref.path, ref.length_bytes]])
    expect(manifests[0]?.addedSnapshotId).toBe(version.metadata.currentSnapshotId)
    expect(publishedSequence(version.metadata, metadata.tableUuid, PREFIX)).toBe(1)
  })

  it('T3: racing publishers publish once', async () => {
    const world = await tables()
    const rivals = await Promise.all([2, 3, 4, 5].map((seed) => tables(world.store as MemoryStore, seed)))
    for (let i = 0; i < 3; i += 1)
      await decide(world.table, await writePendingManifest(world.side, await sideFiles(world)))
    const { metadata } = await world.table.load()
    await Promise.all(rivals.map(({ side }) => publishPending(metadata, PREFIX, () => side)))
    expect(await livePaths(world.side)).toHaveLength(3)
    expect((await world.side.load()).metadata.snapshots).toHaveLength(3)
  })

  it('T2: an entry is published once although it is found again after compacting and merging', async () => {
    const world = await tables()
    const [file] = await sideFiles(world)
    await decide(world.table, await writePendingManifest(world.side, file ? [file] : []))
    const { metadata } = await world.table.load()
    const [entry] = pendingEntries(metadata, PREFIX)
    if (!entry || !file) throw new Error('nothing pending')
    expect(await publish(world.side, metadata.tableUuid, entry)).toBe('published')
    await replace(world.side, [file.path], [await putDataFile(world.side)])
    expect(await publish(world.side, metadata.tableUuid, entry)).toBe('already')
    expect(await livePaths(world.side)).toHaveLength(1)
  })

  it('keeps the numbers of several main tables apart', async () => {
    const world = await tables()
    const ref = await writePendingManifest(world.side, await sideFiles(world))
    const other = await writePendingManifest(world.side, await sideFiles(world))
    const entry = (manifest: ManifestRef): PendingEntry => ({
      table: 'letters',
      manifest: manifest.path,
      length_bytes: manifest.length_bytes,
      sequence: 5,
    })
    expect(await publish(world.side, 'main-a', entry(ref))).toBe('published')
    expect(await publish(world.side, 'main-b', entry(other))).toBe('published')
    expect(await publish(world.side, 'main-b', entry(ref))).toBe('already')
    expect(await livePaths(world.side)).toHaveLength(2)
  })

  it('drops published entries with the next main commit, and no others', async () => {
    const world = await tables()
    const refs = [
      await writePendingManifest(world.side, await sideFiles(world)),
      await writePendingManifest(world.side, await sideFiles(world)),
    ]
    for (const ref of refs) await decide(world.table, ref)
    const third = await writePendingManifest(world.side, await sideFiles(world))
    await decide(world.table, third, new Set([refs[0]?.path ?? '']))
    const left = pendingEntries((await world.table.load()).metadata, PREFIX)
    expect(left.map(({ manifest, sequence }) => [manifest, sequence])).toEqual([
      [refs[1]?.path, 2],
      [third.path, 3],
    ])
  })

  it('T18: a side table that is gone is a clear error, the entry stays, and the outbox stops at its limit', async () => {
    const world = await tables()
    const ref = await writePendingManifest(world.side, await sideFiles(world))
    await decide(world.table, ref)
    for (const key of await keys(world.store, 'tables/test/letters/metadata/v')) await world.store.delete(key)
    const cold = await tableOnly(world)
    const { metadata } = await cold.table.load()
    const open = (name: string): Promise<Table> => openTable(cold.catalog, name, cold.table)
    await expect(publishPending(metadata, PREFIX, open)).rejects.toMatchObject({ code: 'table_not_found' })
    for (let i = 1; i < 100; i += 1) await decide(world.table, { ...ref, path: `${ref.path}${i}` })
    await expect(decide(world.table, ref)).rejects.toMatchObject({ code: 'outbox_full' })
    expect(pendingEntries((await world.table.load()).metadata, PREFIX)).toHaveLength(100)
  })

  it('says so when the manifest itself is missing', async () => {
    const world = await tables()
    const ref = await writePendingManifest(world.side, await sideFiles(world))
    await decide(world.table, ref)
    for (const key of await keys(world.store, 'tables/test/letters/metadata/'))
      if (key.endsWith('-m0.avro')) await world.store.delete(key)
    const cold = await tables(world.store as MemoryStore, 3)
    const { metadata } = await cold.table.load()
    await expect(publishPending(metadata, PREFIX, () => cold.side)).rejects.toMatchObject({
      code: 'pending_manifest_missing',
    })
  })

  it('pending files are safe from the search for orphans when they are named', async () => {
    const world = await openWorld()
    const side = await createTable(world.catalog, 'letters', description, world.table)
    const files = [await putDataFile(side)]
    const ref = await writePendingManifest(side, files)
    world.clock.advance(2 * 86_400_000)
    const pending = new Set([ref.path, ...files.map(({ path }) => path)])
    expect(await removeOrphans(side, { keep: pending })).toEqual([])
    const orphans = await removeOrphans(side, { keep: new Set(), dryRun: true })
    expect(orphans).toHaveLength(2)
    expect(await removeOrphans(side, { keep: new Set() })).toEqual(orphans)
    expect(await removeOrphans(side, { keep: new Set() })).toEqual([])
    await expect(removeOrphans(side, { keep: new Set(), olderThan_ms: 1_000 })).rejects.toMatchObject({
      code: 'orphans_too_young',
    })
  })

  it('refuses two manifests for one side table in one commit', async () => {
    const world = await tables()
    const entry: PendingEntry = { table: 'letters', manifest: 'a', length_bytes: 1, sequence: 1 }
    const { metadata } = await world.table.load()
    expect(() =>
      pendingChange(metadata, PREFIX, { add: [entry, { ...entry, manifest: 'b' }], published: new Set() }),
    ).toThrow(expect.objectContaining({ code: 'outbox_twice' }))
    await append(world.table, [])
  })
})

async function tableOnly(world: Tables): Promise<World> {
  return openWorld({ store: world.store, seed: 12 })
}
