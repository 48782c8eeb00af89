import { FaultyStore, MemoryStore } from '@assay/object-store'
import { describe, expect, it } from 'vitest'
import { collect, currentSnapshot, planFiles, removeOrphans, type Table } from '../src/index.js'
import { append, keys, livePaths, openWorld, putDataFile, replace, VirtualClock, type World } from './support.js'

const DATA = 'tables/test/trades/data/'

/** A table in which a file was compacted away and all snapshots that show it have just expired. */
async function compacted(store?: FaultyStore, clock?: VirtualClock): Promise<World & { removed: string }> {
  const world = await openWorld({ ...(store ? { store } : {}), ...(clock ? { clock } : {}) })
  const { table } = world
  const removed = await putDataFile(table)
  await append(table, [removed])
  await replace(table, [removed.path], [await putDataFile(table)])
  for (let i = 0; i < 130; i += 1) await append(table, [])
  world.clock.advance(10 * 60_000 + 1)
  await append(table, [])
  return { ...world, removed: removed.path }
}

async function dataFiles({ store }: World): Promise<number> {
  return (await keys(store, DATA)).length
}

describe('A9: the clean-up', () => {
  it('T17: leaves files to readers for the grace time, then deletes them', async () => {
    const world = await compacted()
    const named = new Set<string>()
    const version = await world.table.load()
    for (const snapshot of version.metadata.snapshots) {
      named.add(snapshot.manifestList)
      for (const { path } of await world.table.manifests(version, snapshot)) named.add(path)
    }
    const [list] = await keys(world.store, 'tables/test/trades/metadata/trash-')
    const listed: { paths: string[] } = JSON.parse(Buffer.from((await world.store.get(list ?? '')) ?? []).toString())
    expect(listed.paths).toContain(world.removed)
    expect(listed.paths.filter((path) => named.has(path))).toEqual([])
    expect((await collect(world.table)).files).toEqual([])
    world.clock.advance(14 * 60_000)
    expect(await collect(world.table)).toMatchObject({ files: [], waiting: 1 })
    expect(await dataFiles(world)).toBe(2)
    world.clock.advance(2 * 60_000)
    const { files, waiting } = await collect(world.table)
    expect(waiting).toBe(0)
    expect(files.filter((key) => key.startsWith(DATA))).toHaveLength(1)
    expect(await dataFiles(world)).toBe(1)
    expect((await collect(world.table)).files).toEqual([])
    expect(await livePaths(world.table)).toHaveLength(1)
  })

  it('deletes metadata of old versions, oldest first, none younger than fifteen minutes, not the newest hundred', async () => {
    const { table, clock, store } = await openWorld()
    for (let i = 0; i < 200; i += 1) await append(table, [])
    expect((await collect(table)).metadataVersions).toEqual([])
    clock.advance(15 * 60_000)
    expect((await collect(table)).metadataVersions).toEqual([])
    clock.advance(60_000)
    const { metadataVersions } = await collect(table)
    const numbers = metadataVersions.map((key) => Number(/v(\d+)\.metadata/.exec(key)?.[1]))
    expect(numbers).toEqual(Array.from({ length: 100 }, (_, i) => i + 1))
    expect(await keys(store, 'tables/test/trades/metadata/v')).toHaveLength(101 + 1)
    const { metadata } = await table.load()
    for (const { file } of metadata.metadataLog) expect(await store.get(file.replace('memory:///', ''))).toBeDefined()
  })

  it('never deletes a file that the table names again', async () => {
    const world = await compacted()
    const { table, removed } = world
    const version = await table.load()
    const first = (await planFiles(table, version))[0]?.file
    if (!first) throw new Error('no file')
    await append(table, [{ ...first, path: removed }])
    world.clock.advance(16 * 60_000)
    await collect(table)
    expect(await dataFiles(world)).toBe(2)
  })

  it('never deletes what a tag still shows', async () => {
    const world = await openWorld()
    const { table, catalog, clock } = world
    const removed = await putDataFile(table)
    await append(table, [removed])
    const base = await table.load()
    const tagged = currentSnapshot(base.metadata)
    if (!tagged) throw new Error('no snapshot')
    const refs = { ...base.metadata.refs, eod: { snapshotId: tagged.snapshotId, type: 'tag' as const } }
    await catalog.compareAndSwap('trades', base, { ...base.metadata, refs })
    await append(table, [])
    await replace(table, [removed.path], [])
    for (let i = 0; i < 130; i += 1) await append(table, [])
    clock.advance(10 * 60_000 + 1)
    await append(table, [])
    clock.advance(16 * 60_000)
    expect((await collect(table)).files.length).toBeGreaterThan(30)
    const version = await table.load()
    expect((await planFiles(table, version, { snapshotId: tagged.snapshotId })).map(({ file }) => file.path)).toEqual([
      removed.path,
    ])
    expect(await dataFiles(world)).toBe(1)
  })

  it('never deletes what another engine has brought back: a snapshot, its list, its manifests, its files', async () => {
    const world = await openWorld()
    const { table, catalog, clock, store } = world
    const removed = await putDataFile(table)
    await append(table, [removed])
    const shown = currentSnapshot((await table.load()).metadata)
    if (!shown) throw new Error('no snapshot')
    await replace(table, [removed.path], [])
    for (let i = 0; i < 130; i += 1) await append(table, [])
    clock.advance(10 * 60_000 + 1)
    await append(table, [])
    const base = await table.load()
    expect(base.metadata.snapshots).not.toContainEqual(shown)
    const refs = { ...base.metadata.refs, back: { snapshotId: shown.snapshotId, type: 'tag' as const } }
    await catalog.compareAndSwap('trades', base, {
      ...base.metadata,
      snapshots: [shown, ...base.metadata.snapshots],
      refs,
    })
    await append(table, [])
    clock.advance(16 * 60_000)
    expect((await collect(table)).files.length).toBeGreaterThan(20)
    const cold = (await openWorld({ store, clock, seed: 5 })).table
    const version = await cold.load()
    const files = await planFiles(cold, version, { snapshotId: shown.snapshotId })
    expect(files.map(({ file }) => file.path)).toEqual([removed.path])
  })

  it('goes on after being killed half-way, and its list is dropped by a later commit', async () => {
    const clock = new VirtualClock()
    const inner = new MemoryStore({ clock })
    let deletions = Number.POSITIVE_INFINITY
    const store = new FaultyStore(inner, ({ method }) => {
      if (method !== 'delete') return 'none'
      deletions -= 1
      return deletions < 0 ? 'error_before' : 'none'
    })
    const world = await compacted(store, clock)
    clock.advance(16 * 60_000)
    deletions = 10
    await expect(collect(world.table)).rejects.toMatchObject({ code: 'injected_fault' })
    deletions = Number.POSITIVE_INFINITY
    expect((await collect(world.table)).files.length).toBeGreaterThan(20)
    expect(await dataFiles(world)).toBe(1)
    const before = await expiredFiles(world.table)
    for (let i = 0; i < 200; i += 1) await append(world.table, [])
    clock.advance(10 * 60_000 + 1)
    await append(world.table, [])
    const after = await expiredFiles(world.table)
    expect(before).toHaveLength(1)
    expect(after).not.toContainEqual(before[0])
  })

  it('T17: takes orphans a day after they were written, none sooner, and none that is named or kept', async () => {
    const world = await openWorld()
    const { table, clock, store } = world
    const HOUR_MS = 3_600_000
    await append(table, [await putDataFile(table)])
    const [old, kept] = [await putDataFile(table), await putDataFile(table)]
    clock.advance(2 * HOUR_MS)
    const young = await putDataFile(table)
    const keep = new Set([kept.path])
    const keyOf = ({ path }: { readonly path: string }): string => path.replace('memory:///', '')
    const search = async (more: Partial<Parameters<typeof removeOrphans>[1]> = {}): Promise<string[]> =>
      (await removeOrphans(table, { keep, ...more })).map(({ key }) => key)
    clock.advance(22 * HOUR_MS)
    await append(table, [])
    expect(await search()).toEqual([])
    clock.advance(1)
    await append(table, [])
    expect(await search({ dryRun: true })).toEqual([keyOf(old)])
    expect(await search({ olderThan_ms: 21 * HOUR_MS, dryRun: true })).toEqual([keyOf(old), keyOf(young)].sort())
    expect(await search({ seenBefore: new Set() })).toEqual([])
    expect(await search({ seenBefore: new Set([keyOf(old)]) })).toEqual([keyOf(old)])
    expect(await store.size_bytes(keyOf(old))).toBeUndefined()
    for (const file of [kept, young]) expect(await store.size_bytes(keyOf(file))).toBeDefined()
    expect(await livePaths(table)).toHaveLength(1)
    await expect(search({ olderThan_ms: 15 * 60_000 - 1 })).rejects.toMatchObject({ code: 'orphans_too_young' })
  })

  it.each(['statistics', 'partition-statistics'])('takes no file that %s name for an orphan', async (member) => {
    const { table, catalog, clock, store } = await openWorld()
    await append(table, [])
    const key = 'tables/test/trades/metadata/1.stats'
    await store.put(key, Buffer.from('made by another engine'))
    const search = () => removeOrphans(table, { keep: new Set(), dryRun: true })
    clock.advance(25 * 3_600_000)
    await append(table, [])
    expect(await search()).toMatchObject([{ key }])
    const base = await table.load()
    const { snapshotId } = currentSnapshot(base.metadata) ?? {}
    const extra = {
      ...base.metadata.extra,
      [member]: [{ 'snapshot-id': snapshotId, 'statistics-path': `memory:///${key}` }],
    }
    await catalog.compareAndSwap('trades', base, { ...base.metadata, extra } as typeof base.metadata)
    expect(await search()).toEqual([])
  })

  it('does not search for orphans when a snapshot cannot be read', async () => {
    const world = await openWorld()
    await append(world.table, [await putDataFile(world.table)])
    const { metadata } = await world.table.load()
    for (const { manifestList } of metadata.snapshots) await world.store.delete(manifestList.replace('memory:///', ''))
    world.clock.advance(3 * 86_400_000)
    const cold = (await openWorld({ store: world.store, clock: world.clock, seed: 5 })).table
    await expect(removeOrphans(cold, { keep: new Set() })).rejects.toMatchObject({ code: 'snapshot_gone' })
    expect(await dataFiles(world)).toBe(1)
  })
})

async function expiredFiles(table: Table): Promise<readonly unknown[]> {
  return JSON.parse((await table.load()).metadata.properties['assay.trash'] ?? '[]')
}
