import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  collect,
  currentSnapshot,
  defaultMaintenance,
  type MaintenancePolicy,
  planFiles,
  type Snapshot,
  type TableMetadata,
  type TableVersion,
} from '../src/index.js'
import { append, livePaths, openWorld, putDataFile, replace, type World } from './support.js'

/** History as short as it gets, so that a few commits bring on every constellation. */
const SHORT: MaintenancePolicy = {
  ...defaultMaintenance,
  manifestsToMerge: 3,
  snapshotsToKeep: 2,
  snapshotsKept_ms: 0,
  snapshotsToExpire: 1,
}

type Step =
  | { readonly kind: 'append'; readonly files: number }
  | { readonly kind: 'replace'; readonly which: number }
  | { readonly kind: 'tag' | 'branch'; readonly name: string }
  | { readonly kind: 'untag'; readonly name: string }
  | { readonly kind: 'roll back' }

const name = fc.constantFrom('a', 'b', 'c')
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('append' as const), files: fc.nat(2) }) },
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('replace' as const), which: fc.nat() }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constantFrom('tag' as const, 'branch' as const), name }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('untag' as const), name }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('roll back' as const) }) },
)

/** The second tag alone still shows a file when the snapshot behind it, which is on main as well, expires. */
const TAGS_IN_A_ROW: Step[] = [
  { kind: 'append', files: 1 },
  { kind: 'tag', name: 'a' },
  { kind: 'append', files: 1 },
  { kind: 'tag', name: 'b' },
  { kind: 'append', files: 0 },
  { kind: 'replace', which: 2 ** 30 - 1 },
  ...Array.from({ length: 4 }, (): Step => ({ kind: 'append', files: 0 })),
]

/** Everything that a snapshot needs to be read: its list, its manifests, its files. */
async function namesOf({ table }: World, version: TableVersion, snapshot: Snapshot): Promise<readonly string[]> {
  const manifests = await table.manifests(version, snapshot)
  const files = await planFiles(table, version, { snapshotId: snapshot.snapshotId })
  return [snapshot.manifestList, ...manifests.map(({ path }) => path), ...files.map(({ file }) => file.path)]
}

async function changeRefs(world: World, change: (metadata: TableMetadata) => TableMetadata): Promise<void> {
  const base = await world.table.load()
  const outcome = await world.catalog.compareAndSwap('trades', base, change(base.metadata))
  expect(outcome.kind).toBe('committed')
}

async function take(world: World, one: Step): Promise<void> {
  const { table, clock } = world
  clock.advance(1)
  switch (one.kind) {
    case 'append':
      await append(table, await Promise.all(Array.from({ length: one.files }, () => putDataFile(table))))
      return
    case 'replace': {
      const live = await livePaths(table)
      const removed = live.filter((_, i) => ((one.which >> (i % 30)) & 1) === 1)
      await replace(table, removed, [await putDataFile(table)])
      return
    }
    case 'untag':
      await changeRefs(world, (metadata) => {
        const { [one.name]: _dropped, ...refs } = metadata.refs
        return { ...metadata, refs }
      })
      return
    case 'roll back':
      await changeRefs(world, (metadata) => {
        const to = currentSnapshot(metadata)?.parentId
        if (to === undefined || !metadata.snapshots.some(({ snapshotId }) => snapshotId === to)) return metadata
        return {
          ...metadata,
          currentSnapshotId: to,
          refs: { ...metadata.refs, main: { snapshotId: to, type: 'branch' } },
        }
      })
      return
    default:
      await changeRefs(world, (metadata) => {
        const snapshotId = metadata.currentSnapshotId
        if (snapshotId === undefined) return metadata
        const type = one.kind === 'tag' ? 'tag' : 'branch'
        return { ...metadata, refs: { ...metadata.refs, [one.name]: { snapshotId, type } } }
      })
  }
}

/** A commit a moment after the one before it; gives how many snapshots there are then. */
async function appendLater({ table, clock }: World): Promise<number> {
  clock.advance(1)
  return (await append(table, [])).version.metadata.snapshots.length
}

/** What the newest expiry listed as free. */
async function listed({ table, store }: World, { metadata }: TableVersion): Promise<readonly string[]> {
  const entries: { list: string }[] = JSON.parse(metadata.properties['assay.trash'] ?? '[]')
  const bytes = await store.get(`tables/test/trades/metadata/${entries.at(-1)?.list}`)
  expect(bytes, `the listing of ${table.name}`).toBeDefined()
  return (JSON.parse(Buffer.from(bytes ?? []).toString()) as { paths: string[] }).paths
}

describe('A9: what an expiry sets free', () => {
  it('A4 A9: is what the expired snapshots name and no other one does, whatever tags, branches and rollbacks there are', async () => {
    let expiries = 0
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 6, maxLength: 24 }), async (steps) => {
        const world = await openWorld({ maintenance: SHORT })
        for (const one of steps) {
          const before = await world.table.load()
          const names = new Map<bigint, readonly string[]>()
          for (const each of before.metadata.snapshots) names.set(each.snapshotId, await namesOf(world, before, each))
          await take(world, one)
          const after = await world.table.load()
          const left = new Set(after.metadata.snapshots.map(({ snapshotId }) => snapshotId))
          const expired = [...names.keys()].filter((id) => !left.has(id))
          if (expired.length === 0) continue
          expiries += 1
          const kept = new Set<string>()
          for (const each of after.metadata.snapshots)
            for (const path of await namesOf(world, after, each)) kept.add(path)
          const free = new Set(expired.flatMap((id) => names.get(id) ?? []).filter((path) => !kept.has(path)))
          expect(new Set(await listed(world, after))).toEqual(free)
        }
      }),
      { numRuns: 25, examples: [[TAGS_IN_A_ROW]] },
    )
    expect(expiries).toBeGreaterThan(25)
  })

  it('A9: starts when as many are old as the policy says, neither one sooner nor one later', async () => {
    const policy = { ...SHORT, snapshotsToKeep: 3, snapshotsToExpire: 4 }
    const world = await openWorld({ maintenance: policy })
    const counts: number[] = []
    for (let i = 0; i < 12; i += 1) counts.push(await appendLater(world))
    // With the seventh commit four are beyond the newest three.
    expect(counts).toEqual([1, 2, 3, 4, 5, 6, 3, 4, 5, 6, 3, 4])
  })

  it('A9: is old once more time has passed than the policy keeps, by the table’s own time', async () => {
    const { table, clock } = await openWorld({ maintenance: { ...SHORT, snapshotsKept_ms: 1_000 } })
    await append(table, [])
    clock.advance(500)
    await append(table, [])
    clock.advance(500)
    expect((await append(table, [])).version.metadata.snapshots).toHaveLength(3)
    clock.advance(1)
    expect((await append(table, [])).version.metadata.snapshots).toHaveLength(3)
  })

  it.each([
    [3_900, true],
    [4_100, false],
  ])('A4: a branch keeps its snapshots for as long as it says: %i ms behind its head', async (wait_ms, isKept) => {
    const world = await openWorld({ maintenance: SHORT })
    await append(world.table, [])
    world.clock.advance(1_000)
    await append(world.table, [])
    const [parent, head] = (await world.table.load()).metadata.snapshots
    await changeRefs(world, (metadata) => ({
      ...metadata,
      refs: {
        ...metadata.refs,
        audit: { snapshotId: head?.snapshotId ?? 0n, type: 'branch', extra: { 'max-snapshot-age-ms': 5_000 } },
      },
    }))
    world.clock.advance(wait_ms)
    for (let i = 0; i < 3; i += 1) await appendLater(world)
    const left = (await world.table.load()).metadata.snapshots.map(({ snapshotId }) => snapshotId)
    expect(left).toContain(head?.snapshotId)
    expect(left.includes(parent?.snapshotId ?? 0n)).toBe(isKept)
  })

  it('A4: goes on past a snapshot that another engine has half cleaned up', async () => {
    const world = await openWorld({ maintenance: SHORT })
    await append(world.table, [await putDataFile(world.table)])
    await append(world.table, [])
    const [first] = (await world.table.load()).metadata.snapshots
    await world.store.delete((first?.manifestList ?? '').replace('memory:///', ''))
    const cold = await openWorld({ store: world.store, clock: world.clock, seed: 2, maintenance: SHORT })
    for (let i = 0; i < 3; i += 1) await appendLater(cold)
    expect((await cold.table.load()).metadata.snapshots).toHaveLength(2)
    world.clock.advance(60 * 60_000)
    await collect(cold.table)
    expect(await livePaths(cold.table)).toHaveLength(1)
  })
})
