import { readAvro, SchemaCache } from '@assay/avro'
import { MemoryStore } from '@assay/object-store'
import { describe, expect, it } from 'vitest'
import { manifestOf } from '../src/commit/rewrite.js'
import { fieldName } from '../src/format/avro-schemas.js'
import { liveFiles } from '../src/format/manifest-entries.js'
import type { ManifestFile } from '../src/format/manifest-list.js'
import {
  commit,
  currentSnapshot,
  type DataFile,
  defaultMaintenance,
  type MaintenancePolicy,
  planFiles,
  type Table,
} from '../src/index.js'
import { append, commitList, livePaths, openWorld, putDataFile, replace, type World } from './support.js'

async function manifestsOf(table: Table): Promise<readonly ManifestFile[]> {
  const version = await table.load()
  return table.manifests(version, currentSnapshot(version.metadata))
}

/** Live files of each manifest, in ascending order. */
async function sizes(table: Table): Promise<number[]> {
  return (await manifestsOf(table)).map(liveFiles).sort((a, b) => a - b)
}

function merging(manifestsToMerge: number, more: Partial<MaintenancePolicy> = {}): MaintenancePolicy {
  return { ...defaultMaintenance, manifestsToMerge, ...more }
}

function some(table: Table, count: number): Promise<DataFile[]> {
  return Promise.all(Array.from({ length: count }, () => putDataFile(table)))
}

/** A table with manifests of as many files, none merged yet, and the same opened under another policy. */
async function withManifests(
  counts: readonly number[],
  maintenance: MaintenancePolicy,
): Promise<World & { readonly files: readonly string[] }> {
  const store = new MemoryStore()
  const { table } = await openWorld({ store, maintenance: merging(1_000) })
  for (const count of counts) await append(table, await some(table, count))
  return { ...(await openWorld({ store, seed: 2, maintenance })), files: await livePaths(table) }
}

/** A foreign manifest that says it has so many files; only one is in it. */
async function claimed(
  { table }: World,
  counts: readonly number[],
  content: ManifestFile['content'] = 'data',
): Promise<void> {
  const base = await table.load()
  const attempt = { snapshotId: BigInt(table.random.id53()), sequenceNumber: base.metadata.lastSequenceNumber + 1 }
  const list: ManifestFile[] = []
  for (const count of counts) {
    const [file] = await some(table, 1)
    if (!file) throw new Error('no file')
    const entry = { status: 'added' as const, snapshotId: attempt.snapshotId, file }
    const entries = [{ ...entry, sequenceNumber: undefined, fileSequenceNumber: undefined }]
    const { described, written } = manifestOf(table, base, 0, entries, attempt)
    table.rememberManifest(written.path, written.manifest, 1)
    list.push({ ...described, content, addedFiles: count })
  }
  const before = await table.manifests(base, currentSnapshot(base.metadata))
  await commitList(table, base, [...list, ...before], attempt)
}

describe('A9: merging manifests', () => {
  it('A9: as many as the policy says, with the next commit, and no fewer', async () => {
    const { table } = await openWorld({ maintenance: merging(3) })
    const seen: number[][] = []
    for (let i = 0; i < 7; i += 1) {
      await append(table, await some(table, 1))
      seen.push(await sizes(table))
    }
    expect(seen).toEqual([[1], [1, 1], [1, 1, 1], [1, 3], [1, 1, 3], [1, 1, 1, 3], [1, 3, 3]])
  })

  it('A9: those of a class, which holds up to a power of the width', async () => {
    const { table, files } = await withManifests([8, 3, 5, 2, 9], merging(3))
    await append(table, [])
    expect(await sizes(table)).toEqual([2, 9, 16])
    expect(await livePaths(table)).toEqual(files)
    const world = await openWorld({ maintenance: merging(3) })
    // 3^5: its logarithm is a little less than 5, by the machine's.
    await claimed(world, [243, 243, 100])
    await append(world.table, [])
    expect(await sizes(world.table)).toEqual([100, 243, 243])
  })

  it('A9: of the lowest class first, one class a commit', async () => {
    const { table } = await withManifests([1, 1, 2, 2], merging(2))
    await append(table, [])
    expect(await sizes(table)).toEqual([2, 2, 2])
    const world = await openWorld({ maintenance: merging(2) })
    await claimed(world, [4, 4])
    await claimed(world, [1_024, 1_024])
    await append(world.table, [])
    expect(await sizes(world.table)).toEqual([2, 1_024, 1_024])
  })

  it('A9: none that has reached the greatest size', async () => {
    const { table } = await withManifests([3, 3, 2, 2], merging(2, { manifestFilesMax: 3 }))
    for (let i = 0; i < 3; i += 1) await append(table, [])
    expect(await sizes(table)).toEqual([3, 3, 4])
  })

  it('A9: at most 64 at once, however many another engine left', async () => {
    const world = await openWorld({ maintenance: merging(8) })
    const { table } = world
    await claimed(
      world,
      Array.from({ length: 70 }, () => 1),
    )
    const files = await livePaths(table)
    await append(table, [])
    expect(await sizes(table)).toEqual([1, 1, 1, 1, 1, 1, 64])
    expect(await livePaths(table)).toEqual(files)
  })

  it('A4: none of delete files', async () => {
    const world = await openWorld({ maintenance: merging(2) })
    await claimed(world, [1, 1], 'deletes')
    await append(world.table, [])
    expect((await manifestsOf(world.table)).map(({ content }) => content)).toEqual(['deletes', 'deletes'])
  })

  it('A4: each under its own partition spec', async () => {
    const { table, catalog } = await openWorld({ maintenance: merging(2) })
    const base = await table.load()
    const spec = { specId: 1, fields: [{ sourceId: 2, fieldId: 1001, name: 'bucket', transform: 'bucket[4]' }] }
    await catalog.compareAndSwap('trades', base, {
      ...base.metadata,
      lastPartitionId: 1001,
      partitionSpecs: [...base.metadata.partitionSpecs, spec],
    })
    const specs = [1, 0, 1, 0]
    for (const specId of specs) {
      const [file] = await some(table, 1)
      if (!file) throw new Error('no file')
      await append(table, [{ ...file, specId, partition: specId === 1 ? [3] : file.partition }])
    }
    for (let i = 0; i < 3; i += 1) await append(table, [])
    expect((await manifestsOf(table)).map((manifest) => [manifest.specId, liveFiles(manifest)]).sort()).toEqual([
      [0, 2],
      [1, 2],
    ])
    const planned = await planFiles(table, await table.load())
    expect(planned.map(({ file }) => [file.specId, file.partition[0]]).sort()).toEqual([
      [0, 20_000],
      [0, 20_000],
      [1, 3],
      [1, 3],
    ])
  })
})

describe('taking files out', () => {
  it('A9: rewrites the manifests that hold one, and leaves the others as they are', async () => {
    const { table } = await openWorld()
    const files = await some(table, 3)
    for (const file of files) await append(table, [file, ...(await some(table, 1))])
    const before = (await manifestsOf(table)).map(({ path }) => path)
    await replace(table, [files[1]?.path ?? ''], [])
    const after = (await manifestsOf(table)).map(({ path }) => path)
    expect(after.filter((path) => before.includes(path))).toEqual([before[0], before[2]])
    // What is left of the removed file is a line that says so, and no reason to write its manifest once more.
    await replace(table, [files[0]?.path ?? ''], [])
    expect((await manifestsOf(table))[1]?.path).toBe(after[1])
  })

  it('A9: young manifests are searched first, and no more than it takes', async () => {
    const store = new MemoryStore()
    const { table } = await openWorld({ store })
    const files = await some(table, 6)
    for (const file of files) await append(table, [file])
    const cold = (await openWorld({ store, seed: 2 })).table
    const read: string[] = []
    const get = store.get.bind(store)
    store.get = (key) => {
      if (key.endsWith('-m0.avro')) read.push(key)
      return get(key)
    }
    await replace(cold, [files[4]?.path ?? ''], [])
    expect(read).toHaveLength(2)
  })

  it('A4: is refused for delete files that came since the plan, not for data files', async () => {
    const world = await openWorld()
    const { table } = world
    const files = await some(table, 2)
    for (const file of files) await append(table, [file])
    const removing = (path: string | undefined) =>
      commit(table, {
        prepare: () => ({
          kind: 'proceed',
          change: { operation: 'replace', removeFiles: [path ?? ''], plannedAt: 1 },
        }),
      })
    expect((await removing(files[0]?.path)).kind).toBe('committed')
    await claimed(world, [1], 'deletes')
    expect(await removing(files[1]?.path)).toMatchObject({ kind: 'refused', reason: 'deletes_added' })
  })
})

describe('a snapshot', () => {
  it('A12: its manifest list says whose it is', async () => {
    const { table, store } = await openWorld()
    const first = await append(table, [])
    const { snapshot } = await append(table, [])
    const headerOf = async (list: string): Promise<ReadonlyMap<string, string>> => {
      const bytes = await store.get(list.replace('memory:///', ''))
      return readAvro(bytes ?? new Uint8Array(), new SchemaCache(fieldName)).header
    }
    const header = await headerOf(snapshot.manifestList)
    expect(header.get('snapshot-id')).toBe(String(snapshot.snapshotId))
    expect(header.get('parent-snapshot-id')).toBe(String(first.snapshot.snapshotId))
    expect(header.get('sequence-number')).toBe('2')
    expect((await headerOf(first.snapshot.manifestList)).get('parent-snapshot-id')).toBe('null')
  })

  it('T26: comes after each of its ancestors, whatever another engine says of the last change', async () => {
    const { table, catalog, clock } = await openWorld()
    clock.jump(60_000)
    const { snapshot } = await append(table, [])
    clock.jump(0)
    await append(table, [])
    const base = await table.load()
    await catalog.compareAndSwap('trades', base, { ...base.metadata, lastUpdated_ms: snapshot.timestamp_ms - 50_000 })
    expect((await append(table, [])).snapshot.timestamp_ms).toBe(snapshot.timestamp_ms + 2)
  })
})
