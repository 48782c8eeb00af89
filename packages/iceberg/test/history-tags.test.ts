import { describe, expect, it } from 'vitest'
import {
  collect,
  currentSnapshot,
  defaultMaintenance,
  keyOfPath,
  mainHistory,
  planFiles,
  taggedHistory,
} from '../src/index.js'
import { append, keys, livePaths, openWorld, putDataFile, replace, type World } from './support.js'

const HOUR_MS = 3_600_000
const maintenance = {
  ...defaultMaintenance,
  snapshotsToKeep: 4,
  snapshotsKept_ms: 0,
  snapshotsToExpire: 2,
  history: { tagEvery_ms: HOUR_MS, tagsToKeep: 5 },
}

/** As many commits a quarter of an hour apart, each of which replaces the file of the one before. */
async function quarters({ table, clock }: World, count: number): Promise<void> {
  for (let i = 0; i < count; i += 1) {
    await replace(table, await livePaths(table), [await putDataFile(table)])
    clock.advance(HOUR_MS / 4)
    await collect(table)
  }
}

describe('A9: history by tags', () => {
  it('keeps the state at each full hour, as many as the policy says, and nothing of the rest', async () => {
    const world = await openWorld({ maintenance })
    await quarters(world, 48)
    const { metadata } = await world.table.load()
    const tagged = taggedHistory(metadata)
    expect(tagged).toHaveLength(5)
    const hour = (time_ms: number): number => Math.floor(time_ms / HOUR_MS)
    const hours = tagged.map(({ snapshot }) => hour(snapshot.timestamp_ms))
    expect(hours).toEqual(hours.map((_, i) => hour(world.clock.now_ms()) - 6 + i))
    // Each is the last commit of its hour, and held until just before the next, which came at the full one.
    for (const { snapshot } of tagged) expect(snapshot.timestamp_ms % HOUR_MS).toBe((HOUR_MS * 3) / 4)
    for (const { name, snapshot } of tagged) {
      expect(name).toMatch(/^assay-history-2026-01-01T\d\d\.59Z-\d+$/)
      const version = await world.table.load()
      for (const { file } of await planFiles(world.table, version, { snapshotId: snapshot.snapshotId })) {
        expect(await world.store.size_bytes(keyOfPath(version, file.path)), name).toBeDefined()
      }
    }
    expect(mainHistory(metadata).length).toBeLessThanOrEqual(5 + 4 + 2)
    // A file a tag, those of the newest snapshots, and what waits for its grace time.
    expect((await keys(world.store, 'tables/test/trades/data/')).length).toBeLessThanOrEqual(5 + 4 + 2 + 4)
  })

  it('the first snapshot is kept at once, so that the reach begins with the table', async () => {
    const world = await openWorld({ maintenance })
    for (let i = 0; i < 12; i += 1) await append(world.table, [])
    const { metadata } = await world.table.load()
    expect(taggedHistory(metadata).map(({ snapshot }) => snapshot.sequenceNumber)).toEqual([1])
    expect(mainHistory(metadata).at(-1)?.parentId).toBeUndefined()
  })

  it('T26: a clock that leaps with each commit brings no flood, one that stands still no end of it', async () => {
    const world = await openWorld({ maintenance })
    for (let i = 0; i < 30; i += 1) {
      world.clock.jump(i * HOUR_MS)
      await append(world.table, [])
    }
    expect(taggedHistory((await world.table.load()).metadata)).toHaveLength(1)
    // The base is a day ahead now: by the wall clock no hour passes.
    world.clock.jump(0)
    for (let i = 0; i < 40; i += 1) {
      await append(world.table, [])
      world.clock.advance(HOUR_MS / 4)
    }
    expect(taggedHistory((await world.table.load()).metadata)).toHaveLength(5)
  })

  it('none are kept where the policy says so, and those of others stay', async () => {
    const world = await openWorld({ maintenance })
    await quarters(world, 12)
    const base = await world.table.load()
    const head = currentSnapshot(base.metadata)
    const refs = { ...base.metadata.refs, eod: { snapshotId: head?.snapshotId ?? 0n, type: 'tag' as const } }
    await world.catalog.compareAndSwap('trades', base, { ...base.metadata, refs })
    const without = await openWorld({
      store: world.store,
      clock: world.clock,
      seed: 2,
      maintenance: { ...maintenance, history: { tagEvery_ms: HOUR_MS, tagsToKeep: 0 } },
    })
    await quarters(without, 12)
    await quarters(without, 12)
    const { metadata } = await without.table.load()
    expect(Object.keys(metadata.refs).sort()).toEqual(['eod', 'main'])
    expect(metadata.snapshots.length).toBeLessThanOrEqual(4 + 2 + 1)
    expect((await keys(world.store, 'tables/test/trades/data/')).length).toBeLessThanOrEqual(12)
  })
})
