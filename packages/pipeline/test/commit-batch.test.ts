import { type LaneKey, laneKey, OutageError, position, seededRandom } from '@assay/core'
import type { Session } from '@assay/engine'
import { commit, FileSystemCatalog, pendingChange, pendingEntries, writePendingManifest } from '@assay/iceberg'
import { MemoryStore } from '@assay/object-store'
import { describe, expect, it } from 'vitest'
import { VirtualClock } from '../../../tests/support/virtual-clock.js'
import {
  type Batch,
  CHECKPOINT_PROPERTY,
  CommitSignals,
  commitBatch,
  defineColumns,
  LANES_SUMMARY,
  LakeTable,
  type SideFiles,
  type TableDefinition,
} from '../src/index.js'

const COLUMNS = defineColumns([['offset', 'long']])
const definition = (name: string): TableDefinition => ({ name, columns: COLUMNS, partitionBy: [], orderBy: ['offset'] })
const MAIN = definition('main')
const SIDES = ['letters', 'ledger'].map(definition)
const LANE = laneKey({ topic: 't', partition: 0 })
const OTHER = laneKey({ topic: 't', partition: 1 })
const NO_SESSION = {} as Session

interface World {
  readonly store: MemoryStore
  readonly clock: VirtualClock
  readonly signals: CommitSignals
  readonly main: LakeTable
  readonly sides: ReadonlyMap<string, LakeTable>
}

async function open(store = new MemoryStore(), seed = 1): Promise<World> {
  const clock = new VirtualClock()
  const random = seededRandom(seed)
  const signals = new CommitSignals()
  const catalog = new FileSystemCatalog(store, 'tables/test', { clock, random })
  const parts = { catalog, store, clock, random, signals }
  const main = await LakeTable.open(MAIN, parts)
  const sides = new Map<string, LakeTable>()
  for (const side of SIDES) sides.set(side.name, await LakeTable.open(side, parts))
  return { store, clock, signals, main, sides }
}

async function written(table: LakeTable, offsets: readonly number[]) {
  const columns = new Map([['offset', { type: 'BIGINT' as const, data: BigInt64Array.from(offsets, BigInt) }]])
  const file = await table.write(NO_SESSION, [{ columns, rows: Uint32Array.from(offsets.keys()) }], {})
  if (!file) throw new Error('no rows')
  return file
}

/** A batch that moves a lane to a position, with a row in the main table and one in each of these side tables. */
async function batchOf({ main, sides }: World, to: number, names: readonly string[] = [], lane = LANE): Promise<Batch> {
  const { checkpoint } = await main.pin()
  const others: SideFiles[] = []
  for (const name of names) {
    const side = sides.get(name) as LakeTable
    others.push({ table: side.definition, files: [await written(side, [to])] })
  }
  return {
    kind: 'batch',
    files: [await written(main, [to])],
    sides: others,
    change: {
      basis: checkpoint,
      lanes: new Map([[lane, { position: position(BigInt(to)), sequence: to }]]),
      wholeCheckpoint: false,
    },
    rows: 1,
    more: false,
    counts: {},
    committed: () => undefined,
  }
}

async function files(table: LakeTable): Promise<readonly string[]> {
  return (await table.files(await table.pin())).map(({ name }) => name)
}

async function dataKeys({ store }: World): Promise<string[]> {
  const found: string[] = []
  for await (const { key } of store.list('tables/test/')) if (key.endsWith('.parquet')) found.push(key)
  return found
}

async function pending({ main }: World): Promise<(readonly [table: string, sequence: number])[]> {
  const { version } = await main.pin()
  return pendingEntries(version.metadata, 'assay.').map(({ table, sequence }) => [table, sequence])
}

/** Another process' commit to the main table that waits to be published. */
async function pendingOfOthers({ main, sides }: World, offset: number): Promise<void> {
  const side = sides.get('letters') as LakeTable
  const manifest = await writePendingManifest(side.table, [await written(side, [offset])])
  await commit(main.table, {
    prepare: (base, next) => {
      const entry = { table: 'letters', manifest: manifest.path, length_bytes: manifest.length_bytes }
      const add = [{ ...entry, sequence: next.sequenceNumber }]
      const setProperties = pendingChange(base, 'assay.', { add, published: new Set() })
      return { kind: 'proceed', change: { operation: 'append', setProperties } }
    },
  })
}

describe('committing a batch', () => {
  it('A1: rows, checkpoint and what the side tables are to take change in one commit, which says what moved', async () => {
    const world = await open()
    await commitBatch(world.main, world.sides, await batchOf(world, 3, [], OTHER))
    const before = (await world.main.pin()).sequence
    const batch = await batchOf(world, 5, ['letters', 'ledger'])
    const outcome = await commitBatch(world.main, world.sides, batch)
    const { version, checkpoint, sequence } = await world.main.pin()
    expect(sequence).toBe(before + 1)
    const snapshot = version.metadata.snapshots.at(-1)
    expect(outcome).toEqual({ kind: 'committed', snapshot: { id: snapshot?.snapshotId, sequence } })
    expect(checkpoint.snapshot).toEqual({ id: snapshot?.snapshotId, sequence })
    expect([...checkpoint.lanes].map(([lane, at]) => [lane, at.position])).toEqual([
      [LANE, 5n],
      [OTHER, 3n],
    ])
    expect(JSON.parse(snapshot?.summary[LANES_SUMMARY] ?? '')).toEqual({ [LANE]: { position: '5', sequence: 5 } })
    expect(snapshot?.summary.operation).toBe('append')
    expect(await files(world.main)).toHaveLength(2)
    expect(await pending(world)).toEqual([
      ['letters', sequence],
      ['ledger', sequence],
    ])
    // The next commit publishes them, and lets go of them.
    await commitBatch(world.main, world.sides, await batchOf(world, 6))
    expect(await pending(world)).toEqual([])
    for (const [i, side] of [...world.sides.values()].entries()) {
      expect(await files(side)).toEqual(batch.sides[i]?.files.map(({ path }) => path))
    }
  })

  it('A5: who waits for the table in this process is woken', async () => {
    const world = await open()
    const batch = await batchOf(world, 1)
    let isWoken = false
    const waits = world.signals
      .wait(MAIN.name, world.signals.count(MAIN.name), new Promise(() => undefined))
      .then(() => {
        isWoken = true
      })
    await commitBatch(world.main, world.sides, batch)
    await waits
    expect(isWoken).toBe(true)
  })

  it('A2: a batch on what has changed is refused, by the name of what changed, and its files go', async () => {
    const world = await open()
    const stale = await batchOf(world, 5, ['letters', 'ledger'])
    await commitBatch(world.main, world.sides, await batchOf(world, 3))
    const kept = (await files(world.main)).length
    expect(await commitBatch(world.main, world.sides, stale)).toEqual({
      kind: 'refused',
      reason: `${LANE} was changed by another worker`,
    })
    expect(await dataKeys(world)).toHaveLength(kept)
    expect((await world.main.pin()).checkpoint.lanes.get(LANE)?.position).toBe(3n)
  })

  it('T9: nothing is committed to a table that was rolled back behind its checkpoint', async () => {
    const world = await open()
    for (const to of [1, 2]) await commitBatch(world.main, world.sides, await batchOf(world, to))
    const base = (await world.main.pin()).version
    const [first] = base.metadata.snapshots
    const snapshotId = first?.snapshotId ?? 0n
    const back = { currentSnapshotId: snapshotId, refs: { main: { snapshotId, type: 'branch' as const } } }
    await world.main.table.catalog.compareAndSwap(MAIN.name, base, { ...base.metadata, ...back })
    const batch = await batchOf(world, 3)
    const before = await dataKeys(world)
    expect(await commitBatch(world.main, world.sides, batch)).toEqual({ kind: 'refused', reason: 'rolled_back' })
    expect(before.length - (await dataKeys(world)).length).toBe(1)
  })

  it('A8: an outage during the commit takes no file: the batch may have been committed', async () => {
    const world = await open()
    const batch = await batchOf(world, 1, ['letters'])
    const before = await dataKeys(world)
    world.main.table.catalog.compareAndSwap = () => Promise.reject(new OutageError('away', 'no answer'))
    await expect(commitBatch(world.main, world.sides, batch)).rejects.toMatchObject({ code: 'away' })
    expect(await dataKeys(world)).toEqual(before)
  })

  it('A2: a base that was cleaned up meanwhile is told as a refusal', async () => {
    const world = await open()
    const batch = await batchOf(world, 1)
    const gone = { kind: 'base_expired' as const, reason: 'version 1 has been cleaned up' }
    world.main.table.catalog.compareAndSwap = async () => gone
    expect(await commitBatch(world.main, world.sides, batch)).toEqual({ kind: 'refused', reason: gone.reason })
  })

  it('A4: rows for a side table that is not open are a defect', async () => {
    const world = await open()
    const batch = await batchOf(world, 1, ['ledger'])
    await expect(commitBatch(world.main, new Map(), batch)).rejects.toThrow(/ledger/)
  })
})

describe('what others left to be published', () => {
  it('T2: is published first, also where it was committed after the outbox was looked at', async () => {
    const world = await open()
    const batch = await batchOf(world, 5)
    await pendingOfOthers(world, 1)
    const outcome = await commitBatch(world.main, world.sides, batch, new Set())
    expect(outcome.kind).toBe('committed')
    expect(await files(world.sides.get('letters') as LakeTable)).toHaveLength(1)
    expect(await pending(world)).toEqual([])
  })

  it('T2: is not looked for again where that was done a moment ago', async () => {
    const world = await open()
    const batch = await batchOf(world, 5)
    let pins = 0
    const pin = world.main.pin.bind(world.main)
    world.main.pin = () => {
      pins += 1
      return pin()
    }
    await commitBatch(world.main, world.sides, batch, new Set())
    expect(pins).toBe(0)
    await commitBatch(world.main, world.sides, { ...(await batchOf(world, 6)) })
    // For the batch itself, and for the outbox.
    expect(pins).toBe(2)
  })

  it('T18: ends in a refusal when it never comes to an end', async () => {
    const world = await open()
    const batch = await batchOf(world, 5)
    let published = 0
    const pin = world.main.pin.bind(world.main)
    world.main.pin = async () => {
      const pinned = await pin()
      published += 1
      await pendingOfOthers(world, published)
      return pinned
    }
    const before = (await files(world.main)).length
    await pendingOfOthers(world, 0)
    expect(await commitBatch(world.main, world.sides, batch, new Set())).toEqual({
      kind: 'refused',
      reason: 'pending_entries',
    })
    expect(published).toBeGreaterThanOrEqual(19)
    expect(published).toBeLessThanOrEqual(21)
    world.main.pin = pin
    expect(await files(world.main)).toHaveLength(before)
    expect((await world.main.pin()).checkpoint.lanes.size).toBe(0)
  })

  it('T23: a main table whose sequence numbers were set back goes on above what its side tables have taken', async () => {
    const world = await open()
    const side = world.sides.get('letters') as LakeTable
    const { uuid } = await world.main.pin()
    const published = JSON.stringify({ [uuid]: 50, another: 99 })
    await commit(side.table, {
      prepare: () => ({
        kind: 'proceed',
        change: { operation: 'append', setProperties: { 'assay.published': published } },
      }),
    })
    const batch = await batchOf(world, 5, ['ledger', 'letters'])
    const outcome = await commitBatch(world.main, world.sides, batch)
    expect(outcome).toMatchObject({ kind: 'committed', snapshot: { sequence: 51 } })
    await commitBatch(world.main, world.sides, await batchOf(world, 6))
    expect(await files(side)).toHaveLength(1)
    expect((await world.main.pin()).version.metadata.properties[CHECKPOINT_PROPERTY]).toContain('"sequence":52')
  })
})

const lanes: readonly LaneKey[] = [LANE, OTHER]
it('A2: batches of two workers on lanes of their own are both committed', async () => {
  const world = await open()
  const batches = await Promise.all(lanes.map((lane, i) => batchOf(world, i + 1, [], lane)))
  for (const batch of batches) expect((await commitBatch(world.main, world.sides, batch)).kind).toBe('committed')
  const { checkpoint } = await world.main.pin()
  expect(lanes.map((lane) => checkpoint.lanes.get(lane)?.position)).toEqual([1n, 2n])
})
