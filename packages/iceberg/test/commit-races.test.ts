import { AssayError, OutageError } from '@assay/core'
import { FaultyStore, MemoryStore } from '@assay/object-store'
import { describe, expect, it } from 'vitest'
import type { CommitRequest } from '../src/commit/change.js'
import {
  commit,
  currentSnapshot,
  type DataFile,
  type FileSystemCatalog,
  type Table,
  writePendingManifest,
} from '../src/index.js'
import { append, keys, livePaths, openWorld, putDataFile, type World } from './support.js'

const METADATA = 'tables/test/trades/metadata/'

type Swap = FileSystemCatalog['compareAndSwap']

/** Lets `outcome` stand in for the catalog's answer as often as it gives one. */
function answerSwaps(table: Table, outcome: (attempt: number) => Awaited<ReturnType<Swap>> | undefined): void {
  const swap = table.catalog.compareAndSwap.bind(table.catalog)
  let attempt = 0
  table.catalog.compareAndSwap = async (...args) => {
    attempt += 1
    return outcome(attempt) ?? swap(...args)
  }
}

function appending(files: readonly DataFile[]): CommitRequest {
  return { prepare: () => ({ kind: 'proceed', change: { operation: 'append', addFiles: files } }) }
}

/** Runs a commit that is going to fail; gives its error and the metadata files that it left behind. */
async function failed({ table, store }: World, request: CommitRequest): Promise<{ error: unknown; left: string[] }> {
  const before = new Set(await keys(store, METADATA))
  const error = await commit(table, request).then(
    () => undefined,
    (thrown: unknown) => thrown,
  )
  return { error, left: (await keys(store, METADATA)).filter((key) => !before.has(key)) }
}

describe('A2: races of commits', () => {
  it('A2: 200 are lost before one gives up, which is said to be worth another try and leaves nothing', async () => {
    const world = await openWorld()
    const file = await putDataFile(world.table)
    let lost = 0
    answerSwaps(world.table, () => {
      lost += 1
      return { kind: 'conflict' }
    })
    const { error, left } = await failed(world, appending([file]))
    expect(error).toMatchObject({ code: 'commit_contention', retryable: true, hint: expect.stringMatching(/writers/) })
    expect(lost).toBe(200)
    expect(left).toEqual([])
  })

  it('A2: the second try comes at once, later ones after waits that grow to a third of a second and no further', async () => {
    const { table, clock } = await openWorld()
    const began_ms = clock.monotonic_ms()
    const waited_ms: number[] = []
    answerSwaps(table, (attempt) => {
      waited_ms.push(clock.monotonic_ms() - began_ms)
      return attempt < 12 ? { kind: 'conflict' } : undefined
    })
    expect((await commit(table, appending([]))).kind).toBe('committed')
    const waits = waited_ms.slice(1).map((at_ms, i) => at_ms - (waited_ms[i] ?? 0))
    expect(waits[0]).toBe(0)
    for (const [i, most_ms] of [20, 40, 80, 160, 160, 160, 160].entries()) {
      expect(waits[i + 1]).toBeGreaterThanOrEqual(most_ms / 2)
      expect(waits[i + 1]).toBeLessThanOrEqual(most_ms)
    }
  })

  it('A2: the first try is made on what was seen a moment ago, each other one on the newest version', async () => {
    const { table } = await openWorld()
    const asked: string[] = []
    const [recent, load] = [table.recent.bind(table), table.load.bind(table)]
    table.load = () => {
      asked.push('newest')
      return load()
    }
    table.recent = () => {
      asked.push('recent')
      return recent()
    }
    await load()
    answerSwaps(table, (attempt) => (attempt < 3 ? { kind: 'conflict' } : undefined))
    await commit(table, appending([]))
    // A table that remembers nothing asks for the newest in any case.
    expect(asked).toEqual(['recent', 'newest', 'newest', 'newest'])
  })

  it('A2: what a later try adds other than the first is what is committed, and nothing of the first stays', async () => {
    const cases: (readonly [first: readonly number[], second: readonly number[]])[] = [
      [[0, 1], [0]],
      [[0], [0, 1]],
      [
        [0, 1],
        [0, 2],
      ],
      [[0], []],
      [[], [0]],
      [
        [0, 1],
        [1, 0],
      ],
    ]
    for (const [first, second] of cases) {
      const { table, store } = await openWorld()
      const files = await Promise.all([0, 1, 2].map(() => putDataFile(table)))
      const before = await putDataFile(table)
      await append(table, [before])
      const chosen = [first, second].map((which) => which.map((i) => files[i] as DataFile))
      answerSwaps(table, (attempt) => (attempt === 1 ? { kind: 'conflict' } : undefined))
      let tried = 0
      const outcome = await commit(table, {
        prepare: () => ({ kind: 'proceed', change: { operation: 'append', addFiles: chosen[tried++] ?? [] } }),
      })
      expect(outcome.kind).toBe('committed')
      expect(await livePaths(table)).toEqual([before, ...(chosen[1] ?? [])].map(({ path }) => path).sort())
      const version = await table.load()
      const named = await table.manifests(version, currentSnapshot(version.metadata))
      const manifests = (await keys(store, METADATA)).filter((key) => key.endsWith('-m0.avro'))
      expect(manifests).toEqual(named.map(({ path }) => path.replace('memory:///', '')).sort())
      const { snapshotId } = currentSnapshot(version.metadata) ?? {}
      for (const { path, specId, addedSnapshotId } of named) {
        const { entries } = await table.manifest(version, { path, specId })
        expect(entries.map((entry) => entry.snapshotId)).toEqual(entries.map(() => addedSnapshotId))
      }
      expect(named.filter(({ addedSnapshotId }) => addedSnapshotId === snapshotId)).toHaveLength(
        Math.min(1, chosen[1]?.length ?? 0),
      )
    }
  })

  it('A2: files are the same as before by their paths, though the list is made anew: their manifest is written once', async () => {
    const { table, store } = await openWorld()
    const file = await putDataFile(table)
    const put: string[] = []
    const original = store.put.bind(store)
    store.put = (key, bytes) => {
      put.push(key)
      return original(key, bytes)
    }
    answerSwaps(table, (attempt) => (attempt < 3 ? { kind: 'conflict' } : undefined))
    await commit(table, {
      prepare: () => ({ kind: 'proceed', change: { operation: 'append', addFiles: [{ ...file }] } }),
    })
    expect(put.filter((key) => key.endsWith('-m0.avro'))).toHaveLength(1)
  })

  it('A2: a base that was cleaned up ends the commit without another try, and what it wrote is taken back', async () => {
    const world = await openWorld()
    const file = await putDataFile(world.table)
    const before = await keys(world.store, '')
    answerSwaps(world.table, () => ({ kind: 'base_expired', reason: 'gone' }))
    expect(await commit(world.table, appending([file]))).toEqual({ kind: 'base_expired', reason: 'gone' })
    expect(await keys(world.store, '')).toEqual(before)
  })
})

describe('what a failed commit leaves behind', () => {
  it.each([
    ['paused', new AssayError('paused', 'an operator has paused the commits', { retryable: true })],
    ['table_moved', new AssayError('table_moved', 'moved')],
  ])('A8: nothing where it surely was not made: %s', async (_code, thrown) => {
    const world = await openWorld()
    const file = await putDataFile(world.table)
    world.table.catalog.compareAndSwap = () => Promise.reject(thrown)
    expect(await failed(world, appending([file]))).toEqual({ error: thrown, left: [] })
  })

  it.each([
    ['an outage', new OutageError('commit_outcome_unknown', 'no answer')],
    ['another error', new AssayError('corrupt_metadata', 'not ours to judge')],
    ['a defect', new Error('paused')],
  ])('A8: all of it where it may have been made: %s', async (_what, thrown) => {
    const world = await openWorld()
    const file = await putDataFile(world.table)
    world.table.catalog.compareAndSwap = () => Promise.reject(thrown)
    const { error, left } = await failed(world, appending([file]))
    expect(error).toBe(thrown)
    expect(left.map((key) => key.replace(/^.*\/(snap-)?.*?(-m0)?\.avro$/, '$1$2')).sort()).toEqual(['-m0', 'snap-'])
  })

  it('A8: what an outage keeps from being deleted is left to the search for orphans; any other error is told', async () => {
    for (const [thrown, outcome] of [
      [new OutageError('store_away', 'away'), { kind: 'base_expired' }],
      [new AssayError('store_denied', 'denied'), { code: 'store_denied' }],
    ] as const) {
      const { table, store } = await openWorld()
      const file = await putDataFile(table)
      answerSwaps(table, () => ({ kind: 'base_expired', reason: 'gone' }))
      store.delete = () => Promise.reject(thrown)
      const ended = await commit(table, appending([file])).catch((error: unknown) => error)
      expect(ended).toMatchObject(outcome)
    }
  })

  it('A1: no commit names a metadata file that could not be put', async () => {
    for (const kind of ['-m0.avro', 'snap-']) {
      let isAway = false
      const store = new FaultyStore(new MemoryStore(), ({ method, key }) =>
        isAway && method === 'put' && key.includes(kind) ? 'error_before' : 'none',
      )
      const { table } = await openWorld({ store })
      const file = await putDataFile(table)
      isAway = true
      await expect(append(table, [file])).rejects.toMatchObject({ code: 'injected_fault' })
      expect((await table.load()).metadata.snapshots).toEqual([])
    }
  })
})

describe('what is refused', () => {
  it('A2: one file twice, files of several specs, a spec and a snapshot id that are not to be used', async () => {
    const { table } = await openWorld()
    const [one, other] = [await putDataFile(table), await putDataFile(table)]
    await expect(append(table, [one, { ...other, path: one.path }])).rejects.toMatchObject({ code: 'file_added_twice' })
    const again = { retryable: true, hint: expect.stringMatching(/load the table again/) }
    await expect(append(table, [one, { ...other, specId: 1 }])).rejects.toMatchObject({
      code: 'mixed_partition_specs',
      ...again,
    })
    await expect(append(table, [{ ...one, specId: 1 }])).rejects.toMatchObject({
      code: 'unknown_partition_spec',
      ...again,
    })
    const { snapshot } = await append(table, [one])
    await append(table, [])
    for (const snapshotId of [snapshot.snapshotId]) {
      await expect(commit(table, { ...appending([other]), snapshotId })).rejects.toMatchObject({
        code: 'snapshot_exists',
      })
    }
    expect(await livePaths(table)).toEqual([one.path])
  })

  it('A3: a manifest in which any line is not of a file to be added by this snapshot', async () => {
    const { table } = await openWorld()
    const files = [await putDataFile(table), await putDataFile(table)]
    const { path, length_bytes } = await writePendingManifest(table, files)
    const version = await table.load()
    const { specId, entries } = await table.manifest(version, { path, specId: 0 })
    const [good, last] = entries
    if (!good || !last) throw new Error('no entries')
    const snapshotId = good.snapshotId as bigint
    const given = () =>
      commit(table, {
        snapshotId,
        prepare: () => ({ kind: 'proceed', change: { operation: 'append', addManifest: { path, length_bytes } } }),
      })
    for (const wrong of [
      { ...last, status: 'existing' as const },
      { ...last, status: 'deleted' as const },
      { ...last, snapshotId: snapshotId + 1n },
      { ...last, sequenceNumber: 1 },
    ]) {
      table.rememberManifest(path, { specId, entries: [good, wrong] }, length_bytes)
      await expect(given()).rejects.toMatchObject({ code: 'manifest_not_fresh' })
    }
    table.rememberManifest(path, { specId, entries }, length_bytes)
    expect((await given()).kind).toBe('committed')
    expect(await livePaths(table)).toEqual(files.map((file) => file.path).sort())
  })
})
