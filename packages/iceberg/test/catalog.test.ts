import { type Clock, seededRandom } from '@assay/core'
import { type Fault, FaultyStore, MemoryStore, type StoreCall } from '@assay/object-store'
import { describe, expect, it } from 'vitest'
import { type CommitOutcome, commit, createTable, FileSystemCatalog, Table } from '../src/index.js'
import { catalogContract } from './catalog-contract.js'
import {
  append,
  description,
  keys,
  livePaths,
  olderThanGrace,
  openWorld,
  putDataFile,
  VirtualClock,
} from './support.js'

const META = 'tables/test/trades/metadata'

/** A clock of which neither the wall time nor the monotonic one goes on. */
const frozen: Clock = { now_ms: () => Date.UTC(2026, 0, 1), monotonic_ms: () => 0, sleep: async () => undefined }

/** A store whose calls fail as a function says, which may change. */
function faulty(inner: MemoryStore): { store: FaultyStore; plan: { of: (call: StoreCall) => Fault | Promise<Fault> } } {
  const plan = { of: (_: StoreCall): Fault | Promise<Fault> => 'none' }
  return { store: new FaultyStore(inner, (call) => plan.of(call)), plan }
}

let names = 0
catalogContract(
  'FileSystemCatalog',
  async () => {
    const clock = new VirtualClock()
    const store = new MemoryStore({ clock })
    let seed = 0
    return {
      clock,
      open: async () => {
        const random = seededRandom(++seed)
        return { catalog: new FileSystemCatalog(store, 'tables/test', { clock, random }), store, random }
      },
    }
  },
  () => `table_${++names}`,
)

describe('loading', () => {
  it('costs one miss when nothing changed', async () => {
    const clock = new VirtualClock()
    const seen: string[] = []
    const store = new FaultyStore(new MemoryStore({ clock }), ({ method, key }) => {
      seen.push(`${method} ${key.slice(META.length + 1)}`)
      return 'none'
    })
    const { table } = await openWorld({ store, clock })
    await append(table, [await putDataFile(table)])
    seen.length = 0
    await table.load()
    expect(seen).toEqual(['get v3.metadata.json'])
  })

  it.each([
    ['missing', undefined],
    ['stale', '1'],
    ['too high', '99'],
    ['no number', 'v4 or so'],
  ])('finds the newest version when the hint is %s', async (_, hint) => {
    const { store, clock, table } = await openWorld()
    for (let i = 0; i < 4; i += 1) await append(table, [await putDataFile(table)])
    if (hint === undefined) await store.delete(`${META}/version-hint.text`)
    else await store.put(`${META}/version-hint.text`, Buffer.from(hint))
    const other = new FileSystemCatalog(store, 'tables/test', { clock, random: seededRandom(2) })
    expect((await other.load('trades'))?.token).toBe('5')
    expect(await other.load('nothing')).toBeUndefined()
    expect(await other.list()).toEqual(['trades'])
  })

  it.each([
    ['slept', (clock: VirtualClock): Clock => clock],
    ['was suspended with its machine', (clock: VirtualClock): Clock => ({ ...frozen, now_ms: () => clock.now_ms() })],
    [
      'had its wall clock set back',
      (clock: VirtualClock): Clock => ({ ...frozen, monotonic_ms: () => clock.monotonic_ms() }),
    ],
  ])(
    'T10: a reader that %s does not take its old version for the newest when the next ones are gone',
    async (_, clockOf) => {
      const { store, clock, catalog, table } = await openWorld()
      const sleeper = new FileSystemCatalog(store, 'tables/test', { clock: clockOf(clock), random: seededRandom(2) })
      expect((await sleeper.load('trades'))?.token).toBe('1')
      for (let i = 0; i < 130; i += 1) await append(table, [])
      clock.advance(16 * 60_000)
      await append(table, [])
      await catalog.forgetVersions('trades', { keep: 100, isOld: olderThanGrace(clock) })
      expect(await store.get(`${META}/v2.metadata.json`)).toBeUndefined()
      expect((await sleeper.load('trades'))?.token).toBe('132')
    },
  )

  it('A9: versions whose time is over are forgotten but for a few, though younger ones follow them', async () => {
    const { store, clock, catalog, table } = await openWorld()
    for (let i = 0; i < 60; i += 1) await append(table, [])
    clock.advance(16 * 60_000)
    for (let i = 0; i < 100; i += 1) await append(table, [])
    await catalog.forgetVersions('trades', { keep: 1, isOld: olderThanGrace(clock) })
    const versions: number[] = []
    for await (const { key } of store.list(`${META}/v`)) versions.push(Number(/v(\d+)\./.exec(key)?.[1] ?? 0))
    const oldest = Math.min(...versions.filter((version) => version > 0))
    expect(oldest).toBeGreaterThan(61 - 16)
    expect(oldest).toBeLessThanOrEqual(62)
  })

  it('T10: a hint that was set back onto a version that does not count misleads nobody', async () => {
    const { store, clock, table } = await openWorld()
    const first = await store.get(`${META}/v1.metadata.json`)
    for (let i = 0; i < 130; i += 1) await append(table, [])
    clock.advance(16 * 60_000)
    await append(table, [])
    for (let v = 1; v <= 30; v += 1) await store.delete(`${META}/v${v}.metadata.json`)
    await store.put(`${META}/v20.metadata.json`, first ?? new Uint8Array())
    await store.put(`${META}/version-hint.text`, Buffer.from('20'))
    const other = new FileSystemCatalog(store, 'tables/test', { clock, random: seededRandom(2) })
    expect((await other.load('trades'))?.token).toBe('132')
  })

  it('reads a lake that was moved where it is, and commits nothing to it', async () => {
    const { store, clock, table } = await openWorld()
    const file = await putDataFile(table)
    await append(table, [file])
    const moved = new MemoryStore({ clock })
    for (const key of await keys(store, ''))
      await moved.put(`elsewhere/${key}`, (await store.get(key)) ?? new Uint8Array())
    const random = seededRandom(5)
    const catalog = new FileSystemCatalog(moved, 'elsewhere/tables/test', { clock, random })
    const there = new Table(catalog, 'trades', { store: moved, clock, random })
    expect(await livePaths(there)).toEqual([file.path])
    await expect(append(there, [await putDataFile(there)])).rejects.toMatchObject({ code: 'table_moved' })
    expect(await livePaths(there)).toEqual([file.path])
  })
})

describe('creating', () => {
  it('is open-or-create, whatever columns are to be added, and refuses columns of other types', async () => {
    const { catalog, table } = await openWorld()
    await append(table, [await putDataFile(table)])
    const again = await createTable(catalog, 'trades', description, table)
    expect(await livePaths(again)).toHaveLength(1)
    const fewer = { ...description, fields: description.fields.slice(0, 2) }
    await expect(createTable(catalog, 'trades', fewer, table)).resolves.toBeDefined()
    const more = {
      fields: [...description.fields, { id: 9, name: 'x', required: false, type: 'long' as const }],
      partitionBy: [],
    }
    const { metadata } = await (await createTable(catalog, 'trades', more, table)).load()
    expect(metadata).toBe((await table.load()).metadata)
    const other = { ...description, fields: [{ id: 1, name: 'day', required: false, type: 'string' as const }] }
    await expect(createTable(catalog, 'trades', other, table)).rejects.toMatchObject({ code: 'table_incompatible' })
    await expect(createTable(catalog, '../trades', description, table)).rejects.toMatchObject({
      code: 'bad_table_name',
    })
  })

  it('has one winner among many', async () => {
    const clock = new VirtualClock()
    const store = new MemoryStore({ clock })
    const worlds = await Promise.all(Array.from({ length: 8 }, (_, seed) => openWorld({ store, clock, seed })))
    const uuids = await Promise.all(worlds.map(async ({ table }) => (await table.load()).metadata.tableUuid))
    expect(new Set(uuids).size).toBe(1)
  })
})

describe('committing to a version', () => {
  it('stops while the catalog is paused, and leaves nothing behind', async () => {
    const { store, catalog, table } = await openWorld()
    const file = await putDataFile(table)
    const before = await keys(store, META)
    await catalog.pause('spark is at it')
    await expect(append(table, [file])).rejects.toMatchObject({ code: 'paused', retryable: true })
    expect(await keys(store, META)).toEqual(before)
    await catalog.resume()
    await append(table, [file])
    expect(await livePaths(table)).toEqual([file.path])
  })

  it('T10: a writer frozen before its put learns that its commit does not count', async () => {
    const clock = new VirtualClock()
    const inner = new MemoryStore({ clock })
    const awake = await openWorld({ store: inner, clock })
    const { store, plan } = faulty(inner)
    const frozen = (await openWorld({ store, clock, seed: 2 })).table
    for (let i = 0; i < 3; i += 1) await append(awake.table, [await putDataFile(awake.table)])
    const lost = await putDataFile(frozen)
    plan.of = async ({ method, key }): Promise<Fault> => {
      if (method === 'putIfAbsent' && key === `${META}/v5.metadata.json`) {
        plan.of = () => 'none'
        for (let i = 0; i < 140; i += 1) await append(awake.table, [])
        clock.advance(16 * 60_000)
        await append(awake.table, [])
        await awake.catalog.forgetVersions('trades', { keep: 100, isOld: olderThanGrace(clock) })
      }
      return 'none'
    }
    const outcome = await commit(frozen, {
      prepare: () => ({ kind: 'proceed', change: { operation: 'append', addFiles: [lost] } }),
    })
    expect(outcome.kind).toBe('base_expired')
    expect(await inner.get(`${META}/v5.metadata.json`)).toBeUndefined()
    expect(await livePaths(frozen)).not.toContain(lost.path)
    expect((await frozen.load()).token).toBe((await awake.table.load()).token)
    await append(frozen, [lost])
    expect(await livePaths(awake.table)).toContain(lost.path)
  })

  it('T10 A8: a writer frozen after its put learns that it is committed, though its base is gone', async () => {
    const clock = new VirtualClock()
    const inner = new MemoryStore({ clock })
    const awake = await openWorld({ store: inner, clock })
    const { store, plan } = faulty(inner)
    const frozen = (await openWorld({ store, clock, seed: 2 })).table
    const file = await putDataFile(frozen)
    plan.of = async ({ method, key }): Promise<Fault> => {
      if (method !== 'get' || key !== `${META}/v1.metadata.json` || !(await inner.get(`${META}/v2.metadata.json`)))
        return 'none'
      plan.of = () => 'none'
      await append(awake.table, [])
      clock.advance(16 * 60_000)
      await append(awake.table, [])
      await awake.catalog.forgetVersions('trades', { keep: 1, isOld: olderThanGrace(clock) })
      expect(await inner.size_bytes(key)).toBeUndefined()
      return 'none'
    }
    expect((await append(frozen, [file])).version.token).toBe('2')
    expect(await livePaths(awake.table)).toEqual([file.path])
  })

  it('A1 B2: a commit counts although the disk has damaged its base meanwhile: others may have seen it', async () => {
    const inner = new MemoryStore()
    const awake = await openWorld({ store: inner })
    const { store, plan } = faulty(inner)
    const writer = (await openWorld({ store, seed: 2 })).table
    const file = await putDataFile(writer)
    plan.of = async ({ method, key }): Promise<Fault> => {
      if (method !== 'get' || key !== `${META}/v1.metadata.json` || !(await inner.get(`${META}/v2.metadata.json`)))
        return 'none'
      plan.of = () => 'none'
      expect(await livePaths(awake.table)).toEqual([file.path])
      const whole = (await inner.get(key)) as Uint8Array
      await inner.put(key, whole.subarray(0, whole.length / 2))
      return 'none'
    }
    expect((await append(writer, [file])).version.token).toBe('2')
    expect(await livePaths(awake.table)).toEqual([file.path])
  })

  it('A1: who made a table leaves it alone when others have committed to it before he is done', async () => {
    const clock = new VirtualClock()
    const inner = new MemoryStore({ clock })
    const { store, plan } = faulty(inner)
    let path = ''
    plan.of = async ({ method }): Promise<Fault> => {
      if (method !== 'list' || (await inner.size_bytes(`${META}/v1.metadata.json`)) === undefined) return 'none'
      plan.of = () => 'none'
      const other = (await openWorld({ store: inner, clock, seed: 2 })).table
      path = (await append(other, [await putDataFile(other)])).snapshot.manifestList
      return 'none'
    }
    const { table } = await openWorld({ store, clock })
    const { metadata, token } = await table.load()
    expect([token, metadata.snapshots.map(({ manifestList }) => manifestList)]).toEqual(['2', [path]])
    expect(await inner.size_bytes(`${META}/v1.metadata.json`)).toBeGreaterThan(0)
  })

  it('A1: a table whose newest version is cleaned up between listing and reading is still there', async () => {
    const clock = new VirtualClock()
    const inner = new MemoryStore({ clock })
    const awake = await openWorld({ store: inner, clock })
    const { store, plan } = faulty(inner)
    clock.advance(20 * 60_000)
    let reads = 0
    plan.of = async ({ method, key }): Promise<Fault> => {
      if (method !== 'get' || key !== `${META}/v1.metadata.json` || ++reads < 2) return 'none'
      plan.of = () => 'none'
      for (let i = 0; i < 3; i += 1) await append(awake.table, [])
      clock.advance(20 * 60_000)
      await append(awake.table, [])
      await awake.catalog.forgetVersions('trades', { keep: 1, isOld: olderThanGrace(clock) })
      expect(await inner.size_bytes(key)).toBeUndefined()
      return 'none'
    }
    const found = await new FileSystemCatalog(store, 'tables/test', { clock, random: seededRandom(3) }).load('trades')
    expect(found?.token).toBe('5')
  })

  const ambiguous = async (
    during: (world: { inner: MemoryStore; clock: VirtualClock; other: Table; putNumber: number }) => Promise<Fault>,
  ): Promise<{ outcome: CommitOutcome; table: Table; path: string }> => {
    const clock = new VirtualClock()
    const inner = new MemoryStore({ clock })
    const other = (await openWorld({ store: inner, clock })).table
    const { store, plan } = faulty(inner)
    const { table } = await openWorld({ store, clock, seed: 2 })
    const file = await putDataFile(table)
    let putNumber = 0
    plan.of = ({ method, key }) => {
      if (method !== 'putIfAbsent' || key !== `${META}/v2.metadata.json`) return 'none'
      putNumber += 1
      return during({ inner, clock, other, putNumber })
    }
    const outcome = await commit(table, {
      prepare: () => ({ kind: 'proceed', change: { operation: 'append', addFiles: [file] } }),
    })
    return { outcome, table, path: file.path }
  }

  it('A8: a put whose response is lost is recognised as ours', async () => {
    const { outcome, table, path } = await ambiguous(async () => 'error_after')
    expect(outcome.kind).toBe('committed')
    expect((await table.load()).token).toBe('2')
    expect(await livePaths(table)).toEqual([path])
  })

  it('A8: a put that never arrived is repeated', async () => {
    const { outcome, table, path } = await ambiguous(async ({ putNumber }) =>
      putNumber === 1 ? 'error_before' : 'none',
    )
    expect(outcome.kind).toBe('committed')
    expect(await livePaths(table)).toEqual([path])
  })

  it('A8: a put that failed while another one committed is a conflict, and retried', async () => {
    const { outcome, table, path } = await ambiguous(async ({ other, putNumber }) => {
      if (putNumber === 1) await append(other, [await putDataFile(other)])
      return 'error_before'
    })
    expect(outcome).toMatchObject({ kind: 'committed', version: { token: '3' } })
    expect(await livePaths(table)).toHaveLength(2)
    expect(await livePaths(table)).toContain(path)
  })

  it('A8: an outcome that cannot be found out is an outage, and nothing is deleted', async () => {
    const clock = new VirtualClock()
    const inner = new MemoryStore({ clock })
    const { store, plan } = faulty(inner)
    const { table } = await openWorld({ store, clock })
    const file = await putDataFile(table)
    let down = false
    const deleted: string[] = []
    plan.of = ({ method, key }) => {
      if (method === 'delete') deleted.push(key)
      if (down) return 'error_before'
      down = method === 'putIfAbsent'
      return down ? 'error_after' : 'none'
    }
    await expect(append(table, [file])).rejects.toMatchObject({
      code: 'commit_outcome_unknown',
      retryable: true,
      message: expect.stringMatching(/took place: .+ \[injected_fault\]$/),
    })
    expect(deleted).toEqual([])
    plan.of = () => 'none'
    expect(await livePaths(table)).toEqual([file.path])
  })

  it('T20: a lost response is recognised although another writer has committed on top', async () => {
    const clock = new VirtualClock()
    const inner = new MemoryStore({ clock })
    const other = (await openWorld({ store: inner, clock })).table
    const { store, plan } = faulty(inner)
    const { table } = await openWorld({ store, clock, seed: 2 })
    const file = await putDataFile(table)
    let put = false
    plan.of = async ({ method, key }): Promise<Fault> => {
      if (method === 'putIfAbsent') {
        put = true
        return 'error_after'
      }
      if (put && key === `${META}/v2.metadata.json`) {
        put = false
        await append(other, [await putDataFile(other)])
      }
      return 'none'
    }
    expect((await append(table, [file])).version.token).toBe('2')
    expect(await livePaths(table)).toHaveLength(2)
  })

  it('T20: so it is when the version has been cleaned up meanwhile', async () => {
    const clock = new VirtualClock()
    const inner = new MemoryStore({ clock })
    const other = await openWorld({ store: inner, clock })
    const { store, plan } = faulty(inner)
    const { table } = await openWorld({ store, clock, seed: 2 })
    const file = await putDataFile(table)
    let put = false
    plan.of = async ({ method, key }): Promise<Fault> => {
      if (method === 'putIfAbsent' && !put) {
        put = true
        return 'error_after'
      }
      if (put && method === 'get' && key === `${META}/v2.metadata.json`) {
        plan.of = () => 'none'
        for (let i = 0; i < 120; i += 1) await append(other.table, [])
        clock.advance(16 * 60_000)
        await append(other.table, [])
        await other.catalog.forgetVersions('trades', { keep: 100, isOld: olderThanGrace(clock) })
      }
      return 'none'
    }
    const outcome = await commit(table, {
      prepare: () => ({ kind: 'proceed', change: { operation: 'append', addFiles: [file] } }),
    })
    expect(outcome.kind).toBe('committed')
    expect(await livePaths(other.table)).toEqual([file.path])
    expect((await table.load()).token).toBe((await other.table.load()).token)
  })
})
