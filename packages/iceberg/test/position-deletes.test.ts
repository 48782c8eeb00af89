import { describe, expect, it } from 'vitest'
import { manifestOf } from '../src/commit/rewrite.js'
import { FILE_PATH_ID } from '../src/format/data-file.js'
import type { ManifestFile } from '../src/format/manifest-list.js'
import {
  commit,
  currentSnapshot,
  type DataFile,
  defaultMaintenance,
  planFiles,
  type Table,
  type TableVersion,
} from '../src/index.js'
import { PositionDeletes } from '../src/plan/position-deletes.js'
import { append, commitList, livePaths, openWorld, putDataFile, replace } from './support.js'

interface ForeignCommit {
  readonly data?: readonly DataFile[]
  readonly deletes?: readonly DataFile[]
  readonly summary?: Readonly<Record<string, string>>
}

/** Another engine's commit of data files and position deletes together, as an update writes them. */
async function foreignCommit(
  table: Table,
  { data = [], deletes = [], summary = {} }: ForeignCommit,
): Promise<TableVersion> {
  const base = await table.load()
  const attempt = { snapshotId: BigInt(table.random.id53()), sequenceNumber: base.metadata.lastSequenceNumber + 1 }
  const manifest = (files: readonly DataFile[], content: ManifestFile['content']): ManifestFile[] => {
    if (files.length === 0) return []
    const entries = files.map((file) => ({
      status: 'added' as const,
      snapshotId: attempt.snapshotId,
      sequenceNumber: undefined,
      fileSequenceNumber: undefined,
      file,
    }))
    const made = manifestOf(table, base, 0, entries, attempt)
    table.rememberManifest(made.written.path, made.written.manifest, 1)
    return [{ ...made.described, content }]
  }
  const before = await table.manifests(base, currentSnapshot(base.metadata))
  const list = [...manifest(deletes, 'deletes'), ...manifest(data, 'data'), ...before]
  return commitList(table, base, list, attempt, summary)
}

let made = 0

async function deleteFile(table: Table, day = 20_000): Promise<DataFile> {
  const { metadata } = await table.load()
  made += 1
  return {
    content: 'position_deletes',
    path: `${metadata.location}/data/deletes-${made}.parquet`,
    format: 'PARQUET',
    specId: 0,
    partition: [day],
    recordCount: 2,
    size_bytes: 9,
  }
}

async function deletesOf(table: Table): Promise<ReadonlyMap<string, number>> {
  const planned = await planFiles(table, await table.load())
  return new Map(planned.map(({ file, deletes }) => [file.path, deletes.length]))
}

describe('position deletes of other engines', () => {
  it('A4: apply to what came before them and with them, and to nothing that came after', async () => {
    const { table } = await openWorld()
    const [before, withThem, after] = [await putDataFile(table), await putDataFile(table), await putDataFile(table)]
    await append(table, [before])
    await foreignCommit(table, { data: [withThem], deletes: [await deleteFile(table)] })
    await append(table, [after])
    expect(await deletesOf(table)).toEqual(
      new Map([
        [after.path, 0],
        [withThem.path, 1],
        [before.path, 1],
      ]),
    )
    await foreignCommit(table, { deletes: [await deleteFile(table), await deleteFile(table, 7)] })
    expect([...(await deletesOf(table)).values()]).toEqual([1, 2, 2])
  })

  it('A4: are counted by files in every later commit, beside the rows of data files alone', async () => {
    const { table } = await openWorld()
    await append(table, [await putDataFile(table, { rows: 5 })])
    const deletes = [await deleteFile(table), await deleteFile(table)]
    await foreignCommit(table, {
      deletes,
      summary: { 'total-position-deletes': '4', 'total-equality-deletes': '0', 'total-files-size': '1018' },
    })
    for (const [rows, files] of [
      ['12', '2'],
      ['19', '3'],
    ] as const) {
      const { snapshot } = await append(table, [await putDataFile(table, { rows: 7 })])
      expect(snapshot.summary).toMatchObject({
        'total-data-files': files,
        'total-records': rows,
        'total-delete-files': '2',
        'total-position-deletes': '4',
        'total-equality-deletes': '0',
      })
    }
    const { snapshot } = await append((await openWorld({ seed: 9 })).table, [])
    expect(snapshot.summary).toMatchObject({ 'total-delete-files': '0', 'total-position-deletes': '0' })
  })

  it('A4: that come while a compaction is under way refuse it, and nothing of it stays', async () => {
    const { table, store } = await openWorld()
    const other = (await openWorld({ store, seed: 2 })).table
    const files = [await putDataFile(table), await putDataFile(table)]
    await append(table, files)
    const plannedAt = (await table.load()).metadata.lastSequenceNumber
    const compacted = await putDataFile(table, { rows: 20 })
    const compaction = (since: number) =>
      commit(table, {
        prepare: () => ({
          kind: 'proceed',
          change: {
            operation: 'replace',
            removeFiles: files.map(({ path }) => path),
            addFiles: [compacted],
            plannedAt: since,
          },
        }),
      })
    const swap = table.catalog.compareAndSwap.bind(table.catalog)
    table.catalog.compareAndSwap = async (...args) => {
      table.catalog.compareAndSwap = swap
      const deletes = await deleteFile(other)
      const { metadata } = await foreignCommit(other, { deletes: [deletes] })
      // This process reads the other's commit as it reads any.
      const head = currentSnapshot(metadata)
      if (head) table.rememberManifests(head.manifestList, await other.manifests(await other.load(), head), 1)
      return swap(...args)
    }
    expect(await compaction(plannedAt)).toMatchObject({ kind: 'refused', reason: 'deletes_added' })
    expect(await livePaths(other)).toEqual(files.map(({ path }) => path).sort())
    // Planned anew it has read the deletes, and they say nothing of what it wrote.
    const outcome = await compaction((await other.load()).metadata.lastSequenceNumber)
    expect(outcome.kind).toBe('committed')
    expect([...(await deletesOf(other))]).toEqual([[compacted.path, 0]])
  })
})

describe('manifests without any live file', () => {
  it('A9: leave the list with the next commit, and are neither merged nor planned', async () => {
    const { table } = await openWorld({ maintenance: { ...defaultMaintenance, manifestsToMerge: 2 } })
    const first = await putDataFile(table)
    await append(table, [first])
    const emptied = await replace(table, [first.path], [])
    if (emptied.kind !== 'committed') throw new Error(emptied.kind)
    const [gone] = await table.manifests(emptied.version, emptied.snapshot)
    expect(gone).toMatchObject({ addedFiles: 0, existingFiles: 0, deletedFiles: 1 })
    expect(await planFiles(table, emptied.version)).toEqual([])
    // Those of an engine that leaves even emptier ones behind.
    const empty: ManifestFile[] = ['a', 'b', 'c'].map((name) => ({
      ...(gone as ManifestFile),
      path: `${emptied.version.metadata.location}/metadata/nowhere-${name}.avro`,
      deletedFiles: 0,
      deletedRows: 0,
    }))
    const attempt = { snapshotId: 77n, sequenceNumber: emptied.version.metadata.lastSequenceNumber + 1 }
    await commitList(table, emptied.version, [gone as ManifestFile, ...empty], attempt)
    expect(await planFiles(table, await table.load())).toEqual([])
    const next = await putDataFile(table)
    const { version, snapshot } = await append(table, [next])
    const listed = await table.manifests(version, snapshot)
    expect(listed.map(({ addedFiles, existingFiles }) => [addedFiles, existingFiles])).toEqual([[1, 0]])
    expect(await livePaths(table)).toEqual([next.path])
  })
})

function fileOf(more: Partial<DataFile>): DataFile {
  return {
    path: 'p',
    specId: 0,
    partition: [],
    recordCount: 1,
    size_bytes: 1,
    format: 'PARQUET',
    content: 'data',
    ...more,
  }
}

describe('which file a position-delete file is about', () => {
  const data = {
    status: 'added',
    snapshotId: 1n,
    sequenceNumber: 3,
    fileSequenceNumber: 3,
    file: fileOf({ path: 'b' }),
  } as const

  function applies(more: Partial<DataFile>, sequenceNumber = 3): boolean {
    const deletes = new PositionDeletes()
    deletes.add({ ...data, sequenceNumber, file: fileOf({ content: 'position_deletes', ...more }) })
    return deletes.of(data).length === 1
  }

  const bound = (path: string): ReadonlyMap<number, Uint8Array> => new Map([[FILE_PATH_ID, Buffer.from(path)]])

  it('A4: that which it names, or any within its bounds, which are included', () => {
    expect(applies({ referencedDataFile: 'b' })).toBe(true)
    expect(applies({ referencedDataFile: 'a' })).toBe(false)
    expect(applies({ referencedDataFile: 'a', lowerBounds: bound('b'), upperBounds: bound('b') })).toBe(false)
    for (const [lower, upper, isWithin] of [
      ['b', 'b', true],
      ['a', 'b', true],
      ['b', 'c', true],
      ['c', 'd', false],
      ['a', 'a', false],
    ] as const)
      expect([lower, upper, applies({ lowerBounds: bound(lower), upperBounds: bound(upper) })]).toEqual([
        lower,
        upper,
        isWithin,
      ])
    expect(applies({})).toBe(true)
  })

  it('A4: not older than it, the same commit’s included', () => {
    expect([2, 3, 4].map((sequence) => applies({}, sequence))).toEqual([false, true, true])
    expect(applies({ partition: [1n] })).toBe(false)
    expect(applies({ specId: 1 })).toBe(false)
  })
})
