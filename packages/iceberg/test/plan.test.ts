import { describe, expect, it } from 'vitest'
import { manifestOf } from '../src/commit/rewrite.js'
import type { ManifestEntry } from '../src/format/manifest.js'
import {
  ancestry,
  collect,
  commit,
  currentSnapshot,
  type DataFile,
  planCompaction,
  planFiles,
  type Table,
  type TableMetadata,
  type TableVersion,
} from '../src/index.js'
import { append, commitList, livePaths, openWorld, putDataFile, replace, type World } from './support.js'

async function names(
  table: Table,
  version: TableVersion,
  options: Parameters<typeof planFiles>[2],
): Promise<readonly string[]> {
  return (await planFiles(table, version, options)).map(({ file }) => file.path).sort()
}

const paths = (...files: readonly DataFile[]): readonly string[] => files.map(({ path }) => path).sort()

describe('planning what is new', () => {
  it('T6, T7: goes by file sequence numbers, through compactions, merges and expiry', async () => {
    const { clock, table } = await openWorld()
    const [a, b, c] = [await putDataFile(table), await putDataFile(table), await putDataFile(table)]
    await append(table, [a])
    await append(table, [b])
    const seen = (await table.load()).metadata.lastSequenceNumber
    await append(table, [c])
    expect(await names(table, await table.load(), { afterFileSequence: seen })).toEqual(paths(c))
    const compacted = await putDataFile(table)
    await replace(table, [a.path, c.path], [compacted])
    expect(await names(table, await table.load(), { afterFileSequence: seen })).toEqual(paths(compacted))
    for (let i = 0; i < 150; i += 1) await append(table, [])
    for (let i = 0; i < 20; i += 1) await append(table, [await putDataFile(table)])
    clock.advance(11 * 60_000)
    const last = await append(table, [])
    expect(last.version.metadata.snapshots.length).toBe(100)
    expect(await names(table, last.version, { afterFileSequence: seen })).toHaveLength(21)
    expect(await names(table, last.version, { afterFileSequence: seen })).not.toContain(b.path)
  })

  it('skips manifests that are not newer, unread', async () => {
    const world = await openWorld()
    for (let i = 0; i < 5; i += 1) await append(world.table, [await putDataFile(world.table)])
    const cold = (await openWorld({ store: world.store, clock: world.clock, seed: 2 })).table
    const version = await cold.load()
    await cold.manifests(version, currentSnapshot(version.metadata))
    let gets = 0
    const get = world.store.get.bind(world.store)
    world.store.get = (key) => {
      gets += 1
      return get(key)
    }
    expect(await planFiles(cold, version, { afterFileSequence: 4 })).toHaveLength(1)
    expect(gets).toBe(1)
  })

  it('T7: an EXISTING file without a file sequence number is always planned', async () => {
    const { table } = await openWorld()
    const file = await putDataFile(table)
    await append(table, [file])
    const rewritten = await rewriteManifest(table, (entry) => ({
      ...entry,
      status: 'existing',
      sequenceNumber: 1,
      fileSequenceNumber: undefined,
    }))
    expect(await names(table, rewritten, { afterFileSequence: 1 })).toEqual(paths(file))
    expect((await planFiles(table, rewritten))[0]?.fileSequenceNumber).toBeUndefined()
    const explicit = await rewriteManifest(table, (entry) => ({
      ...entry,
      status: 'existing',
      sequenceNumber: 1,
      fileSequenceNumber: 1,
    }))
    expect(await names(table, explicit, { afterFileSequence: 1 })).toEqual([])
  })

  it('T17: a plan that a clean-up overtook ends in an error that says to plan again', async () => {
    const world = await openWorld()
    for (let i = 0; i < 30; i += 1) await append(world.table, [await putDataFile(world.table)])
    const reader = (await openWorld({ store: world.store, clock: world.clock, seed: 2 })).table
    const old = await reader.load()
    for (let i = 0; i < 150; i += 1) await append(world.table, [])
    world.clock.advance(11 * 60_000)
    await append(world.table, [])
    world.clock.advance(16 * 60_000)
    await collect(world.table)
    await expect(planFiles(reader, old)).rejects.toMatchObject({ code: 'snapshot_gone', retryable: true })
    expect(await livePaths(reader)).toHaveLength(30)
  })
})

/** A commit of another engine, which rewrites the newest manifest's entries as it likes. */
async function rewriteManifest(table: Table, change: (entry: ManifestEntry) => ManifestEntry): Promise<TableVersion> {
  const base = await table.load()
  const head = currentSnapshot(base.metadata)
  const list = await table.manifests(base, head)
  const first = list[0]
  if (!head || !first) throw new Error('an empty table')
  const attempt = { snapshotId: BigInt(table.random.id53()), sequenceNumber: base.metadata.lastSequenceNumber + 1 }
  const { entries } = await table.manifest(base, first)
  const made = manifestOf(table, base, 0, entries.map(change), attempt)
  await table.store.put(made.written.key, made.written.bytes)
  return commitList(table, base, [made.described], attempt)
}

describe('pruning', () => {
  const filled = async (): Promise<World & { readonly files: readonly DataFile[] }> => {
    const world = await openWorld()
    const files = [
      await putDataFile(world.table, { day: 1, from: 0n, to: 9n }),
      await putDataFile(world.table, { day: 2, from: 10n, to: 19n }),
      await putDataFile(world.table, { day: 2, from: 20n, to: 29n }),
      await putDataFile(world.table, { day: null, from: 30n, to: 39n }),
    ]
    for (const file of files) await append(world.table, [file])
    return { ...world, files }
  }

  it('by ranges of columns: bounds, partition values and manifests', async () => {
    const { table, files } = await filled()
    const version = await table.load()
    const at = (...wanted: number[]): readonly string[] => wanted.map((i) => files[i]?.path ?? '').sort()
    expect(await names(table, version, { ranges: [{ columnId: 2, from: 9n, to: 10n }] })).toEqual(at(0, 1))
    expect(await names(table, version, { ranges: [{ columnId: 2, from: 25n }] })).toEqual(at(2, 3))
    expect(await names(table, version, { ranges: [{ columnId: 1, from: 2, to: 2 }] })).toEqual(at(1, 2))
    expect(
      await names(table, version, {
        ranges: [
          { columnId: 1, to: 1 },
          { columnId: 2, from: 1n },
        ],
      }),
    ).toEqual(at(0))
    expect(await names(table, version, { partition: ({ day }) => day === null })).toEqual(at(3))
    expect(await names(table, version, { ranges: [{ columnId: 3, from: 1n }] })).toEqual(at(0, 1, 2, 3))
  })

  it('chooses an older snapshot, and refuses an unknown one', async () => {
    const { table, files } = await filled()
    const version = await table.load()
    const second = version.metadata.snapshots[1]
    if (!second) throw new Error('no second snapshot')
    expect(await names(table, version, { snapshotId: second.snapshotId })).toEqual(paths(...files.slice(0, 2)))
    await expect(planFiles(table, version, { snapshotId: 5n })).rejects.toMatchObject({ code: 'snapshot_unknown' })
  })
})

describe('delete files of other engines', () => {
  const withDeletes = async (
    content: DataFile['content'],
    bounds?: string,
  ): Promise<{ table: Table; files: readonly DataFile[]; version: TableVersion }> => {
    const { table } = await openWorld()
    const files = [await putDataFile(table), await putDataFile(table), await putDataFile(table, { day: 7 })]
    await append(table, files)
    const base = await table.load()
    const deletes: DataFile = {
      content,
      path: `${base.metadata.location}/data/deletes.parquet`,
      format: 'PARQUET',
      specId: 0,
      partition: [20_000],
      recordCount: 1,
      size_bytes: 9,
    }
    const path = files[0]?.path ?? ''
    const bytes = Buffer.from(path)
    const bounded =
      bounds === undefined
        ? deletes
        : { ...deletes, lowerBounds: new Map([[2_147_483_546, bytes]]), upperBounds: new Map([[2_147_483_546, bytes]]) }
    const attempt = { snapshotId: 99n, sequenceNumber: 2 }
    const made = manifestOf(
      table,
      base,
      0,
      [{ status: 'added', snapshotId: 99n, sequenceNumber: undefined, fileSequenceNumber: undefined, file: bounded }],
      attempt,
    )
    table.rememberManifest(made.written.path, made.written.manifest, 1)
    const list = await table.manifests(base, currentSnapshot(base.metadata))
    const version = await commitList(table, base, [...list, { ...made.described, content: 'deletes' }], attempt)
    return { table, files, version }
  }

  it('A4: position deletes come with the files of their partition', async () => {
    const { table, files, version } = await withDeletes('position_deletes')
    const planned = await planFiles(table, version)
    expect(
      planned
        .filter(({ deletes }) => deletes.length === 1)
        .map(({ file }) => file.path)
        .sort(),
    ).toEqual(paths(...files.slice(0, 2)))
    const later = await putDataFile(table)
    await append(table, [later])
    const after = await planFiles(table, await table.load())
    expect(after.find(({ file }) => file.path === later.path)?.deletes).toEqual([])
  })

  it('A4: and only of their path', async () => {
    const { table, files, version } = await withDeletes('position_deletes', 'path')
    const planned = await planFiles(table, version)
    expect(planned.filter(({ deletes }) => deletes.length === 1).map(({ file }) => file.path)).toEqual([files[0]?.path])
  })

  it('A4: a compaction that was planned before they came is refused', async () => {
    const { table, files } = await withDeletes('position_deletes')
    const change = {
      operation: 'replace' as const,
      removeFiles: [files[0]?.path ?? ''],
      addFiles: [await putDataFile(table)],
    }
    expect(
      await commit(table, { prepare: () => ({ kind: 'proceed', change: { ...change, plannedAt: 1 } }) }),
    ).toMatchObject({ kind: 'refused', reason: 'deletes_added' })
    expect(
      await commit(table, { prepare: () => ({ kind: 'proceed', change: { ...change, plannedAt: 2 } }) }),
    ).toMatchObject({ kind: 'committed' })
  })

  it('A4: equality deletes are refused', async () => {
    const { table, version } = await withDeletes('equality_deletes')
    await expect(planFiles(table, version)).rejects.toMatchObject({ code: 'equality_deletes_unsupported' })
  })
})

describe('ancestry', () => {
  const chain = async (): Promise<{ world: World; states: { snapshotId: bigint; sequenceNumber: number }[] }> => {
    const world = await openWorld()
    const states = []
    for (let i = 0; i < 4; i += 1) states.push((await append(world.table, [])).snapshot)
    return { world, states }
  }

  const rolledBack = (metadata: TableMetadata, to: bigint): TableMetadata => ({
    ...metadata,
    currentSnapshotId: to,
    refs: { main: { snapshotId: to, type: 'branch' } },
  })

  it('T9: tells our own head, an ancestor, and a rollback while we ran or were down', async () => {
    const { world, states } = await chain()
    const version = await world.table.load()
    const [, second, third, fourth] = states
    if (!second || !third || !fourth) throw new Error('too short')
    expect(ancestry(version.metadata, fourth)).toBe('same')
    expect(ancestry(version.metadata, second)).toBe('ancestor')
    const back = rolledBack(version.metadata, second.snapshotId)
    expect(ancestry(back, fourth)).toBe('rolled_back')
    const swapped = await world.catalog.compareAndSwap('trades', version, back)
    expect(swapped.kind).toBe('committed')
    for (let i = 0; i < 5; i += 1) await append(world.table, [])
    const { metadata } = await world.table.load()
    expect(ancestry(metadata, fourth)).toBe('rolled_back')
    expect(ancestry(metadata, third)).toBe('rolled_back')
    expect(ancestry(metadata, second)).toBe('ancestor')
    expect(ancestry({ ...metadata, currentSnapshotId: undefined }, second)).toBe('rolled_back')
  })

  it('T9: compacted twice and expired to one snapshot is no rollback, but unknown', async () => {
    const { world, states } = await chain()
    const { metadata } = await world.table.load()
    const head = metadata.snapshots.at(-1)
    if (!head) throw new Error('no head')
    const onlyHead = { ...metadata, snapshots: [head] }
    expect(ancestry(onlyHead, states[1] ?? head)).toBe('unknown')
    expect(ancestry(onlyHead, states[2] ?? head)).toBe('ancestor')
  })
})

describe('planning compactions', () => {
  it('A9: partitions with many small files, bounded tasks, the small ones first', async () => {
    const { table } = await openWorld()
    const small = await Promise.all(
      Array.from({ length: 40 }, (_, i) => putDataFile(table, { day: 1, size_bytes: 1_000 + i })),
    )
    const few = await Promise.all(Array.from({ length: 30 }, () => putDataFile(table, { day: 2 })))
    const big = await Promise.all(
      Array.from({ length: 40 }, () => putDataFile(table, { day: 3, size_bytes: 9 * 1024 * 1024 })),
    )
    const grown = await putDataFile(table, { day: 1, size_bytes: 7 * 1024 * 1024 })
    await append(table, [...small, ...few, ...big, grown])
    const tasks = await planCompaction(table, await table.load())
    expect(tasks.map(({ partition, rows, plannedAt }) => [partition, rows, plannedAt])).toEqual([[[1], 400, 1]])
    expect(tasks[0]?.files.map(({ file }) => file.path).sort()).toEqual(paths(...small))
    const bounded = await planCompaction(table, await table.load(), {
      smallFilesMax: 4,
      small_bytes: 2_000,
      task_bytes: 10_200,
      taskFiles: 200,
      taskRows: 1_000_000,
    })
    expect(bounded.every(({ bytes }) => bytes <= 10_200)).toBe(true)
    expect(bounded.length).toBeGreaterThan(3)
  })
})
