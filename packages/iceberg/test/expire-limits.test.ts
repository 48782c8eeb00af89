import { FaultyStore, MemoryStore } from '@assay/object-store'
import { describe, expect, it } from 'vitest'
import type { SnapshotRef } from '../src/format/metadata.js'
import {
  commit,
  defaultMaintenance,
  expirable,
  type MaintenancePolicy,
  type Snapshot,
  type Table,
} from '../src/index.js'
import { append, openWorld, putDataFile, VirtualClock } from './support.js'

const SHORT: MaintenancePolicy = {
  ...defaultMaintenance,
  snapshotsToKeep: 2,
  snapshotsKept_ms: 0,
  snapshotsToExpire: 1,
}
const HOUR_MS = 3_600_000

async function setRefs(table: Table, refs: Readonly<Record<string, SnapshotRef>>): Promise<void> {
  const base = await table.load()
  const metadata = { ...base.metadata, refs: { ...base.metadata.refs, ...refs } }
  expect((await table.catalog.compareAndSwap(table.name, base, metadata)).kind).toBe('committed')
}

/** As many commits a second apart, and their snapshots. */
async function commits(table: Table, clock: VirtualClock, count: number): Promise<Snapshot[]> {
  const made: Snapshot[] = []
  for (let i = 0; i < count; i += 1) {
    clock.advance(1_000)
    made.push((await append(table, [])).snapshot)
  }
  return made
}

/** Which of these snapshots the table still has. */
async function left(table: Table, snapshots: readonly Snapshot[]): Promise<number[]> {
  const there = new Set((await table.load()).metadata.snapshots.map(({ snapshotId }) => snapshotId))
  return snapshots.flatMap(({ snapshotId }, i) => (there.has(snapshotId) ? [i] : []))
}

describe('A9: what expires', () => {
  it('A4: nothing of a table whose files are not to be deleted', async () => {
    const { table, clock } = await openWorld({ maintenance: SHORT })
    await commit(table, {
      prepare: () => ({ kind: 'proceed', change: { operation: 'append', setProperties: { 'gc.enabled': 'false' } } }),
    })
    await commits(table, clock, 6)
    const version = await table.load()
    expect(version.metadata.snapshots).toHaveLength(7)
    expect(expirable(table, version)).toEqual([])
  })

  it('A9: beyond five times those to keep, however young', async () => {
    const { table, clock } = await openWorld({ maintenance: { ...SHORT, snapshotsKept_ms: HOUR_MS } })
    const counts: number[] = []
    for (let i = 0; i < 13; i += 1) {
      await commits(table, clock, 1)
      counts.push((await table.load()).metadata.snapshots.length)
    }
    expect(counts).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 10, 10, 10])
  })

  it.each<[what: string, name: string, type: SnapshotRef['type'], extra: SnapshotRef['extra'], kept: number[]]>([
    ['the head of a branch that says nothing', 'b', 'branch', undefined, [3]],
    ['of a branch as many as it says', 'b', 'branch', { 'min-snapshots-to-keep': 2 }, [2, 3]],
    [
      'of a branch those younger than it says, by its last change',
      'b',
      'branch',
      { 'max-snapshot-age-ms': 2_000 },
      [2, 3],
    ],
    ['of a branch both', 'b', 'branch', { 'min-snapshots-to-keep': 1, 'max-snapshot-age-ms': 2_001 }, [1, 2, 3]],
    ['the head of a branch that says what makes no sense', 'b', 'branch', { 'min-snapshots-to-keep': '3' }, [3]],
    ['the head of a branch that says less than nothing', 'b', 'branch', { 'min-snapshots-to-keep': -3 }, [3]],
    ['the head of a tag alone', 'b', 'tag', { 'min-snapshots-to-keep': 3 }, [3]],
    ['of main what the policy says, whatever it says itself', 'main', 'branch', { 'min-snapshots-to-keep': 9 }, [3]],
  ])('A4: all but %s', async (_what, name, type, extra, kept) => {
    const policy = { ...SHORT, snapshotsToExpire: 3 }
    const { table, clock } = await openWorld({ maintenance: policy })
    const made = await commits(table, clock, 4)
    const head = made[3] as Snapshot
    await setRefs(table, { [name]: { snapshotId: head.snapshotId, type, ...(extra && { extra }) } })
    const version = await table.load()
    // Its newest two, of which the head is one, are kept; the commit in hand would be the other.
    const old = new Set(expirable(table, version).map(({ snapshotId }) => snapshotId))
    const expected = kept.length === 1 ? kept : [0, 1, 2, 3]
    expect(made.flatMap(({ snapshotId }, i) => (old.has(snapshotId) ? [] : [i]))).toEqual(expected)
    const eager = await openWorld({ store: table.store, clock, seed: 2, maintenance: SHORT })
    const now = new Set(expirable(eager.table, version).map(({ snapshotId }) => snapshotId))
    expect(made.flatMap(({ snapshotId }, i) => (now.has(snapshotId) ? [] : [i]))).toEqual(kept)
  })

  it('A9: with a dropped tag goes its snapshot, at once, unless anything else still holds it', async () => {
    const { table, clock } = await openWorld({ maintenance: { ...SHORT, snapshotsToExpire: 6 } })
    const made = await commits(table, clock, 3)
    const [first, second, third] = made as [Snapshot, Snapshot, Snapshot]
    // Main goes on from the first: the other two are held by tags alone.
    await setRefs(table, {
      main: { snapshotId: first.snapshotId, type: 'branch' },
      a: { snapshotId: second.snapshotId, type: 'tag' },
      b: { snapshotId: third.snapshotId, type: 'tag' },
      c: { snapshotId: first.snapshotId, type: 'tag' },
    })
    const base = await table.load()
    const metadata = { ...base.metadata, currentSnapshotId: first.snapshotId }
    const version = { ...base, metadata }
    const freed = (...dropped: string[]): bigint[] =>
      expirable(table, version, dropped).map(({ snapshotId }) => snapshotId)
    expect(freed()).toEqual([])
    expect(freed('b')).toEqual([third.snapshotId])
    // What a tag holds it holds with its history.
    expect(freed('a')).toEqual([])
    expect(freed('a', 'b')).toEqual([second.snapshotId, third.snapshotId])
    expect(freed('c', 'nothing of that name')).toEqual([])
  })

  it('A8: an outage while it is found out what is free fails the commit', async () => {
    const clock = new VirtualClock()
    let isAway = false
    const store = new FaultyStore(new MemoryStore({ clock }), ({ method, key }) =>
      isAway && method === 'get' && key.endsWith('.avro') ? 'error_before' : 'none',
    )
    const { table } = await openWorld({ store, clock, maintenance: { ...SHORT, snapshotsToExpire: 9 } })
    for (let i = 0; i < 3; i += 1) {
      clock.advance(1_000)
      await append(table, [await putDataFile(table)])
    }
    const cold = (await openWorld({ store, clock, seed: 2, maintenance: SHORT })).table
    const version = await cold.load()
    await cold.manifests(version, version.metadata.snapshots.at(-1))
    clock.advance(1_000)
    isAway = true
    await expect(append(cold, [])).rejects.toMatchObject({ code: 'injected_fault' })
    isAway = false
    expect(await left(cold, version.metadata.snapshots)).toEqual([0, 1, 2])
  })
})

describe('A9: the lists of expired files', () => {
  interface Listed {
    readonly list: string
    readonly elapsed_ms?: number
  }

  async function entries(table: Table): Promise<readonly Listed[]> {
    return JSON.parse((await table.load()).metadata.properties['assay.trash'] ?? '[]')
  }

  async function setEntries(table: Table, listed: readonly Listed[]): Promise<void> {
    const text = JSON.stringify(listed.map((one) => ({ since_ms: 0, sequence: 1, ...one })))
    await commit(table, {
      prepare: () => ({ kind: 'proceed', change: { operation: 'append', setProperties: { 'assay.trash': text } } }),
    })
  }

  it('T17: one without a time is given one by the next commit, and waits from then on', async () => {
    const { table, clock } = await openWorld()
    await commits(table, clock, 1)
    await setEntries(table, [{ list: 'a', elapsed_ms: HOUR_MS }, { list: 'b' }])
    clock.advance(HOUR_MS)
    await append(table, [])
    const [timed, untimed] = await entries(table)
    expect([timed?.list, timed?.elapsed_ms, untimed?.list]).toEqual(['a', HOUR_MS, 'b'])
    expect(untimed?.elapsed_ms).toBeGreaterThanOrEqual(HOUR_MS)
    expect(await entries(table)).toHaveLength(2)
  })

  it('A9: an expiry drops those that are done with: their time is over and their list is gone', async () => {
    const { table, clock } = await openWorld({ maintenance: { ...SHORT, snapshotsToExpire: 3 } })
    await commits(table, clock, 1)
    clock.advance(HOUR_MS)
    await append(table, [])
    await table.store.put('tables/test/trades/metadata/due and there', Buffer.from('{"paths":[]}'))
    await setEntries(table, [
      { list: 'due and there', elapsed_ms: 0 },
      { list: 'due and gone', elapsed_ms: 0 },
      { list: 'not due and gone', elapsed_ms: HOUR_MS },
    ])
    // Nothing expires yet, so that the lists stay as they are.
    expect(await entries(table)).toHaveLength(3)
    await commits(table, clock, 2)
    const lists = (await entries(table)).map(({ list }) => list)
    expect(lists.slice(0, -1)).toEqual(['due and there', 'not due and gone'])
    expect(lists.at(-1)).toMatch(/^trash-/)
  })

  it('A9: of more than two hundred the oldest give way', async () => {
    const { table, clock } = await openWorld({ maintenance: { ...SHORT, snapshotsToExpire: 2 } })
    await commits(table, clock, 1)
    await setEntries(
      table,
      Array.from({ length: 205 }, (_, i) => ({ list: `list-${i}`, elapsed_ms: 0 })),
    )
    await commits(table, clock, 2)
    const lists = (await entries(table)).map(({ list }) => list)
    expect(lists).toHaveLength(200)
    expect(lists[0]).toBe('list-6')
  })

  it('A4: a list that is none ends the commit with what is wrong in it', async () => {
    const { table } = await openWorld()
    for (const [text, member] of [
      ['{}', /expired files/],
      ['[1]', /expired files/],
      ['[{"list":1,"since_ms":0,"sequence":1}]', /list/],
      ['[{"list":"a","since_ms":"0","sequence":1}]', /since_ms/],
      ['[{"list":"a","since_ms":0,"sequence":null}]', /sequence/],
      ['[{"list":"a","since_ms":0,"sequence":1,"elapsed_ms":"x"}]', /elapsed_ms/],
    ] as const) {
      const base = await table.load()
      const properties = { ...base.metadata.properties, 'assay.trash': text }
      await table.catalog.compareAndSwap(table.name, base, { ...base.metadata, properties })
      await expect(append(table, [])).rejects.toMatchObject({ message: expect.stringMatching(member) })
    }
  })
})
