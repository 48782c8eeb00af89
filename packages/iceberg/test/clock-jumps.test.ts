import { MemoryStore, type ObjectStore } from '@assay/object-store'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  collect,
  commit,
  currentSnapshot,
  defaultMaintenance,
  keyOfPath,
  type MaintenancePolicy,
  planFiles,
  removeOrphans,
  type TableMetadata,
  type TableNotice,
  type TableVersion,
} from '../src/index.js'
import { append, keys, livePaths, openWorld, putDataFile, replace, VirtualClock, type World } from './support.js'

const SECOND_MS = 1_000
const DAY_MS = 86_400_000
const YEAR_MS = 365 * DAY_MS

const SMALL: MaintenancePolicy = {
  ...defaultMaintenance,
  snapshotsToKeep: 4,
  snapshotsKept_ms: 10 * SECOND_MS,
  snapshotsToExpire: 2,
}

async function commits({ table, clock }: World, count: number, pace_ms = SECOND_MS): Promise<void> {
  for (let i = 0; i < count; i += 1) {
    await append(table, [])
    clock.advance(pace_ms)
  }
}

function times({ snapshots }: TableMetadata): number[] {
  return snapshots.map(({ timestamp_ms }) => timestamp_ms)
}

/** Every file that a version names must be there. */
async function expectWhole(world: World, version: TableVersion): Promise<void> {
  for (const { file } of await planFiles(world.table, version)) {
    expect(await world.store.size_bytes(keyOfPath(version, file.path)), file.path).toBeDefined()
  }
}

describe('T26: clocks that jump', () => {
  it.each([DAY_MS, YEAR_MS, -DAY_MS, -YEAR_MS])(
    'expiry goes on and times rise after one commit at %i ms',
    async (jump_ms) => {
      const world = await openWorld({ maintenance: SMALL })
      await commits(world, 20)
      world.clock.jump(jump_ms)
      await append(world.table, [])
      world.clock.jump(0)
      await commits(world, 60)
      const { metadata } = await world.table.load()
      expect(metadata.snapshots.length).toBeLessThanOrEqual(SMALL.snapshotsToKeep * 5 + SMALL.snapshotsToExpire)
      const rising = times(metadata)
      expect(rising).toEqual([...new Set(rising)].sort((a, b) => a - b))
      world.clock.advance(20 * 60_000)
      expect((await collect(world.table)).files.length).toBeGreaterThan(20)
    },
  )

  it('a base ahead of the clock is told once by each process', async () => {
    const clock = new VirtualClock()
    const store = new MemoryStore({ clock })
    const first = await openWorld({ clock, store })
    clock.jump(YEAR_MS)
    await append(first.table, [])
    clock.jump(0)
    const notices: TableNotice[] = []
    const { table } = await openWorld({ clock, store, seed: 2, onNotice: (notice) => notices.push(notice) })
    for (let i = 0; i < 3; i += 1) await append(table, [])
    expect(notices).toEqual([{ kind: 'ahead_of_clock', table: 'trades', ahead_ms: YEAR_MS }])
  })

  it('a clock that jumps ahead and returns makes nothing old: no file, no version, no orphan', async () => {
    for (const isSameProcess of [true, false]) {
      const world = await openWorld({ maintenance: { ...SMALL, snapshotsKept_ms: 0 } })
      const removed = await putDataFile(world.table)
      await append(world.table, [removed])
      const reader = await world.table.load()
      await replace(world.table, [removed.path], [await putDataFile(world.table)])
      await commits(world, 120)
      const inProgress = await putDataFile(world.table)
      world.clock.jump(DAY_MS + SECOND_MS)
      const cleaner = isSameProcess ? world : await openWorld({ store: world.store, clock: world.clock, seed: 3 })
      expect(await collect(cleaner.table)).toMatchObject({ files: [], metadataVersions: [] })
      expect(await removeOrphans(cleaner.table, { keep: new Set() })).toEqual([])
      world.clock.jump(0)
      await expectWhole(world, reader)
      await append(world.table, [inProgress])
      await expectWhole(world, await world.table.load())
      // The files become old by the time that really passes.
      world.clock.advance(16 * 60_000)
      expect((await collect(world.table)).files.length).toBeGreaterThan(100)
      expect(await livePaths(world.table)).toHaveLength(2)
    }
  })

  it('T17: whatever clocks do, no file goes within fifteen minutes of its expiry, and all go in the end', async () => {
    const step = fc.oneof(
      { weight: 6, arbitrary: fc.record({ kind: fc.constant('commit' as const), who: fc.nat(1) }) },
      { weight: 3, arbitrary: fc.record({ kind: fc.constant('compact' as const), who: fc.nat(1) }) },
      {
        weight: 3,
        arbitrary: fc.record({ kind: fc.constant('wait' as const), ms: fc.integer({ min: 1, max: 240_000 }) }),
      },
      {
        weight: 2,
        arbitrary: fc.record({
          kind: fc.constant('jump' as const),
          who: fc.nat(1),
          ms: fc.constantFrom(DAY_MS, -DAY_MS, YEAR_MS, 3_600_000, -30_000),
        }),
      },
      { weight: 3, arbitrary: fc.record({ kind: fc.constant('collect' as const), who: fc.nat(1) }) },
    )
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 80 }), async (steps) => {
        // Two processes with clocks of their own that know one true time.
        const clocks = [new VirtualClock(), new VirtualClock()] as const
        const store: ObjectStore = new MemoryStore({ clock: clocks[0] })
        const worlds = [
          await openWorld({ store, clock: clocks[0], maintenance: SMALL, seed: 1 }),
          await openWorld({ store, clock: clocks[1], maintenance: SMALL, seed: 2 }),
        ] as const
        let true_ms = 0
        const removed = new Map<string, number>()
        const of = (who: number): World => (who === 0 ? worlds[0] : worlds[1])
        for (const one of steps) {
          if (one.kind === 'wait') {
            true_ms += one.ms
            for (const clock of clocks) clock.advance(one.ms)
          } else if (one.kind === 'jump') {
            clocks[one.who === 0 ? 0 : 1].jump(one.ms)
          } else if (one.kind === 'collect') {
            for (const key of (await collect(of(one.who).table)).files) {
              const since_ms = removed.get(key)
              if (since_ms !== undefined) expect(true_ms - since_ms, key).toBeGreaterThanOrEqual(15 * 60_000 - JUMPS_MS)
            }
          } else {
            const { table } = of(one.who)
            const before = await livePaths(table)
            const file = await putDataFile(table)
            if (one.kind === 'compact' && before.length > 0) {
              await replace(table, before, [file])
              const version = await table.load()
              for (const path of before) removed.set(keyOfPath(version, path), true_ms)
            } else await append(table, [file])
          }
          await expectWhole(worlds[0], await worlds[0].table.load())
        }
        for (const clock of clocks) clock.jump(0)
        for (let round = 0; round < 3; round += 1) {
          for (let i = 0; i < 24; i += 1) await append(worlds[0].table, [])
          for (const clock of clocks) clock.advance(20 * 60_000)
          await append(worlds[0].table, [])
          await collect(worlds[0].table)
        }
        expect(await keys(store, 'tables/test/trades/data/')).toHaveLength((await livePaths(worlds[0].table)).length)
        expect((await worlds[0].table.load()).metadata.snapshots.length).toBeLessThanOrEqual(24)
      }),
      { numRuns: Number(process.env.ASSAY_TEST_RUNS ?? 8) },
    )
  })
})

/**
 * Each leap of a clock to a time that none had reached yet makes a file look a minute older; three are tried, one is
 * allowed for.
 */
const JUMPS_MS = 2 * 60_000

describe('A4: refs of others', () => {
  async function tag(world: World, name: string, extra?: Readonly<Record<string, number>>): Promise<bigint> {
    const base = await world.table.load()
    const head = currentSnapshot(base.metadata)
    if (!head) throw new Error('no snapshot')
    const ref = {
      snapshotId: head.snapshotId,
      type: extra ? ('branch' as const) : ('tag' as const),
      ...(extra && { extra }),
    }
    await world.catalog.compareAndSwap('trades', base, {
      ...base.metadata,
      refs: { ...base.metadata.refs, [name]: ref },
    })
    return head.snapshotId
  }

  it('a file that only the second of two tagged snapshots in a row shows stays', async () => {
    const world = await openWorld({ maintenance: { ...SMALL, snapshotsKept_ms: 0 } })
    await append(world.table, [await putDataFile(world.table)])
    await tag(world, 'one')
    const removed = await putDataFile(world.table)
    await append(world.table, [removed])
    const second = await tag(world, 'two')
    await append(world.table, [])
    await replace(world.table, [removed.path], [])
    await commits(world, 20)
    world.clock.advance(20 * 60_000)
    expect((await collect(world.table)).files.length).toBeGreaterThan(10)
    const version = await world.table.load()
    const shown = await planFiles(world.table, version, { snapshotId: second })
    expect(shown.map(({ file }) => file.path)).toContain(removed.path)
    for (const { key } of shown) expect(await world.store.size_bytes(key)).toBeDefined()
  })

  it('a branch keeps as many of its snapshots as it says', async () => {
    const world = await openWorld({ maintenance: { ...SMALL, snapshotsKept_ms: 0 } })
    await commits(world, 3)
    const ids = (await world.table.load()).metadata.snapshots.map(({ snapshotId }) => snapshotId)
    await tag(world, 'audit', { 'min-snapshots-to-keep': 2 })
    await commits(world, 20)
    const { metadata } = await world.table.load()
    expect(metadata.snapshots.slice(0, 2).map(({ snapshotId }) => snapshotId)).toEqual(ids.slice(1))
    expect(metadata.refs.audit).toMatchObject({ snapshotId: ids[2], type: 'branch' })
  })

  it('is neither expired nor cleaned up where gc.enabled is off', async () => {
    const world = await openWorld({ maintenance: { ...SMALL, snapshotsKept_ms: 0 } })
    await commit(world.table, {
      prepare: () => ({ kind: 'proceed', change: { operation: 'append', setProperties: { 'gc.enabled': 'false' } } }),
    })
    await commits(world, 30)
    world.clock.advance(DAY_MS)
    expect(await collect(world.table)).toMatchObject({ files: [] })
    expect((await world.table.load()).metadata.snapshots).toHaveLength(31)
  })
})
