import { MemoryStore } from '@assay/object-store'
import { describe, expect, it } from 'vitest'
import { commit, currentSnapshot, planFiles, type Table } from '../src/index.js'
import { append, keys, livePaths, openWorld, putDataFile, replace } from './support.js'

const manifestFiles = async (table: Table): Promise<readonly string[]> =>
  (await keys(table.store, 'tables/test/trades/metadata/')).filter((key) => key.endsWith('-m0.avro'))

describe('appending', () => {
  it('adds files in a snapshot with the standard counts', async () => {
    const { table } = await openWorld()
    await append(table, [await putDataFile(table, { rows: 3, size_bytes: 100 })])
    const { snapshot, version } = await append(table, [
      await putDataFile(table, { rows: 4, size_bytes: 50, day: 20_001 }),
      await putDataFile(table, { rows: 5, size_bytes: 60, day: null }),
    ])
    expect(snapshot.summary).toMatchObject({
      operation: 'append',
      'engine-name': 'assay',
      'added-data-files': '2',
      'added-records': '9',
      'added-files-size': '110',
      'changed-partition-count': '2',
      'total-data-files': '3',
      'total-records': '12',
      'total-files-size': '210',
    })
    expect(snapshot.summary).not.toHaveProperty('deleted-data-files')
    expect(version.metadata.snapshotLog).toHaveLength(2)
    expect(version.metadata.metadataLog.map(({ file }) => file.split('/').at(-1))).toEqual([
      'v1.metadata.json',
      'v2.metadata.json',
    ])
    const planned = await planFiles(table, version)
    expect(planned.map(({ sequenceNumber, fileSequenceNumber }) => [sequenceNumber, fileSequenceNumber])).toEqual([
      [2, 2],
      [2, 2],
      [1, 1],
    ])
  })

  it('A1: rows and properties change together, and a commit without files makes a snapshot too', async () => {
    const { table } = await openWorld()
    const outcome = await commit(table, {
      prepare: (base, next) => ({
        kind: 'proceed',
        change: {
          operation: 'append',
          setProperties: { checkpoint: `${base.lastSequenceNumber}->${next.sequenceNumber}` },
          summary: { lane: '7' },
        },
      }),
    })
    if (outcome.kind !== 'committed') throw new Error(outcome.kind)
    expect(outcome.version.metadata.properties.checkpoint).toBe('0->1')
    expect(outcome.snapshot.summary.lane).toBe('7')
    await commit(table, {
      prepare: () => ({ kind: 'proceed', change: { operation: 'append', removeProperties: ['checkpoint'] } }),
    })
    expect((await table.load()).metadata.properties).not.toHaveProperty('checkpoint')
  })

  it('A2: a lost race costs new metadata only: the manifest of the added files is written once', async () => {
    const store = new MemoryStore()
    const { table } = await openWorld({ store })
    const other = (await openWorld({ store, seed: 2 })).table
    const file = await putDataFile(table)
    let calls = 0
    const put: string[] = []
    const original = store.put.bind(store)
    store.put = (key, bytes) => {
      if (key.endsWith('.avro')) put.push(key)
      return original(key, bytes)
    }
    await loseRace(table, other)
    const outcome = await commit(table, {
      prepare: (base, next) => {
        calls += 1
        expect(next.sequenceNumber).toBe(base.lastSequenceNumber + 1)
        return { kind: 'proceed', change: { operation: 'append', addFiles: [file] } }
      },
    })
    expect(outcome.kind).toBe('committed')
    expect(calls).toBe(2)
    const mine = put.filter((key) => key.endsWith('-m0.avro'))
    expect(mine).toHaveLength(2)
    const lists = (await keys(store, 'tables/test/trades/metadata/snap-')).length
    expect(lists).toBe(2)
    expect(put.filter((key) => key.includes('snap-'))).toHaveLength(3)
    expect(await livePaths(other)).toHaveLength(2)
  })

  it('refuses what `prepare` refuses, and takes back what it wrote', async () => {
    const { table } = await openWorld()
    const before = await keys(table.store, '')
    const outcome = await commit(table, { prepare: () => ({ kind: 'refuse', reason: 'position_moved', detail: 17 }) })
    expect(outcome).toMatchObject({ kind: 'refused', reason: 'position_moved', detail: 17, version: { token: '1' } })
    expect(await keys(table.store, '')).toEqual(before)
  })

  it('refuses files outside the table, and of another partition spec', async () => {
    const { table } = await openWorld()
    const file = await putDataFile(table)
    await expect(append(table, [{ ...file, path: '/etc/passwd' }])).rejects.toMatchObject({
      code: 'path_outside_table',
    })
    await expect(append(table, [{ ...file, specId: 3 }])).rejects.toMatchObject({ code: 'unknown_partition_spec' })
  })
})

/** Lets another writer commit between this writer's load and its swap, once. */
async function loseRace(table: Table, other: Table): Promise<void> {
  const file = await putDataFile(other)
  const swap = table.catalog.compareAndSwap.bind(table.catalog)
  table.catalog.compareAndSwap = async (...args) => {
    table.catalog.compareAndSwap = swap
    await append(other, [file])
    return swap(...args)
  }
}

describe('replacing', () => {
  it('keeps the numbers of surviving and removed files', async () => {
    const { table } = await openWorld()
    const [a, b, c] = [await putDataFile(table), await putDataFile(table), await putDataFile(table)]
    const first = await append(table, [a, b])
    await append(table, [c])
    const compacted = await putDataFile(table, { rows: 20, size_bytes: 1_500 })
    const outcome = await replace(table, [a.path, c.path], [compacted])
    if (outcome.kind !== 'committed') throw new Error(outcome.kind)
    expect(outcome.snapshot.summary).toMatchObject({
      operation: 'replace',
      'deleted-data-files': '2',
      'deleted-records': '20',
      'removed-files-size': '2000',
      'total-data-files': '2',
      'total-records': '30',
      'total-files-size': '2500',
    })
    const planned = await planFiles(table, outcome.version)
    const survivor = planned.find(({ file }) => file.path === b.path)
    expect(survivor).toMatchObject({ sequenceNumber: 1, fileSequenceNumber: 1, snapshotId: first.snapshot.snapshotId })
    const deleted = []
    for (const manifest of await table.manifests(outcome.version, outcome.snapshot)) {
      for (const entry of (await table.manifest(outcome.version, manifest)).entries)
        if (entry.status === 'deleted') deleted.push(entry)
    }
    expect(
      deleted
        .map(({ file, sequenceNumber, fileSequenceNumber, snapshotId }) => [
          file.path,
          sequenceNumber,
          fileSequenceNumber,
          snapshotId,
        ])
        .sort(),
    ).toEqual(
      [
        [a.path, 1, 1, outcome.snapshot.snapshotId],
        [c.path, 2, 2, outcome.snapshot.snapshotId],
      ].sort(),
    )
  })

  it('A2: is refused when a file to remove is gone, on the first try or after a lost race', async () => {
    const store = new MemoryStore()
    const { table } = await openWorld({ store })
    const other = (await openWorld({ store, seed: 2 })).table
    const [a, b] = [await putDataFile(table), await putDataFile(table)]
    await append(table, [a, b])
    const swap = table.catalog.compareAndSwap.bind(table.catalog)
    table.catalog.compareAndSwap = async (...args) => {
      table.catalog.compareAndSwap = swap
      await replace(other, [a.path], [])
      return swap(...args)
    }
    const before = await manifestFiles(table)
    const outcome = await replace(table, [a.path, b.path], [await putDataFile(table)])
    expect(outcome).toMatchObject({ kind: 'refused', reason: 'removed_files_gone', detail: [a.path] })
    expect(await livePaths(table)).toEqual([b.path])
    expect((await manifestFiles(table)).length - before.length).toBe(1)
    expect(await replace(table, [a.path], [])).toMatchObject({ kind: 'refused', reason: 'removed_files_gone' })
  })
})

describe('maintenance in the commit', () => {
  it('A9: manifests stay few, and merging changes no number', async () => {
    const { table } = await openWorld()
    const numbers = new Map<string, number>()
    let most = 0
    for (let i = 1; i <= 150; i += 1) {
      const file = await putDataFile(table)
      numbers.set(file.path, i)
      const { version, snapshot } = await append(table, [file])
      most = Math.max(most, (await table.manifests(version, snapshot)).length)
    }
    expect(most).toBeLessThanOrEqual(32)
    for (const planned of await planFiles(table, await table.load())) {
      expect([planned.sequenceNumber, planned.fileSequenceNumber]).toEqual([
        numbers.get(planned.file.path),
        numbers.get(planned.file.path),
      ])
    }
    expect(await livePaths(table)).toEqual([...numbers.keys()].sort())
  })

  it('A9: snapshots past both limits expire in batches, heads of tags never', async () => {
    const { clock, table, catalog } = await openWorld()
    for (let i = 0; i < 5; i += 1) await append(table, [])
    const tagged = currentSnapshot((await table.load()).metadata)
    if (!tagged) throw new Error('no snapshot')
    const base = await table.load()
    const refs = { ...base.metadata.refs, keep: { snapshotId: tagged.snapshotId, type: 'tag' as const } }
    await catalog.compareAndSwap('trades', base, { ...base.metadata, refs })
    for (let i = 0; i < 200; i += 1) await append(table, [])
    expect((await table.load()).metadata.snapshots).toHaveLength(205)
    clock.advance(10 * 60_000 + 1)
    const { version } = await append(table, [])
    expect(version.metadata.snapshots).toHaveLength(101)
    expect(version.metadata.snapshots.some(({ snapshotId }) => snapshotId === tagged.snapshotId)).toBe(true)
    expect(version.metadata.snapshotLog).toHaveLength(100)
    expect(version.metadata.metadataLog).toHaveLength(100)
  })
})
