import { laneKey, OutageError, position, seededRandom } from '@assay/core'
import type { Session } from '@assay/engine'
import { FileSystemCatalog } from '@assay/iceberg'
import { MemoryStore } from '@assay/object-store'
import { describe, expect, it } from 'vitest'
import { VirtualClock } from '../../../tests/support/virtual-clock.js'
import {
  type Batch,
  type Checkpoint,
  CommitSignals,
  defineColumns,
  HandOver,
  LakeTable,
  type LaneRows,
  type StageOutcome,
  type TableDefinition,
  Worker,
  type WorkerEvent,
} from '../src/index.js'
import { moveLane } from './lane-table.js'

const COLUMNS = defineColumns([['offset', 'long']])
const definition = (name: string): TableDefinition => ({ name, columns: COLUMNS, partitionBy: [], orderBy: ['offset'] })
const MAIN = definition('main')
const SIDE = definition('side')
const ABOVE = definition('above')
const LANE = laneKey({ topic: 't', partition: 0 })
const NO_SESSION = {} as Session

/** What a turn of the stage does: a batch that moves the lane to a position, an outage, or nothing. */
type Turn =
  | {
      readonly to: number
      readonly rows?: 'main' | 'side' | 'none'
      readonly meanwhile?: (world: World) => Promise<void>
    }
  | 'outage'
  | 'idle'

interface World {
  readonly store: MemoryStore
  readonly clock: VirtualClock
  readonly main: LakeTable
  readonly side: LakeTable
  readonly above: LakeTable
  readonly handOver: HandOver
  readonly stop: AbortController
  readonly forgotten: () => number
}

interface Told extends World {
  readonly events: readonly WorkerEvent[]
}

function rowsOf(from: number, to: number): LaneRows {
  const offsets = BigInt64Array.from({ length: to - from }, (_, i) => BigInt(from + i))
  const columns = new Map([['offset', { type: 'BIGINT' as const, data: offsets }]])
  return {
    key: LANE,
    from: position(BigInt(from)),
    upper: position(BigInt(to)),
    columns,
    offsets,
    rows: Uint32Array.from(offsets.keys()),
  }
}

async function written(table: LakeTable, rows: LaneRows): Promise<Batch['files']> {
  const file = await table.write(NO_SESSION, [rows], {})
  return file ? [file] : []
}

/** A worker that lasts, through these turns; then it is stopped. */
async function run(turns: readonly Turn[], before?: (world: World) => Promise<void>): Promise<Told> {
  const clock = new VirtualClock()
  const random = seededRandom(1)
  const store = new MemoryStore()
  const catalog = new FileSystemCatalog(store, 'tables/test', { clock, random })
  const parts = { catalog, store, clock, random, signals: new CommitSignals() }
  const main = await LakeTable.open(MAIN, parts)
  const side = await LakeTable.open(SIDE, parts)
  const above = await LakeTable.open(ABOVE, parts)
  let forgotten = 0
  const stop = new AbortController()
  const handOver = new HandOver({ clock, bytesMax: 2 ** 20 })
  const world: World = { store, clock, main, side, above, handOver, stop, forgotten: () => forgotten }
  await before?.(world)
  const left = [...turns]
  const events: WorkerEvent[] = []
  const stage = {
    name: 'w',
    main: MAIN,
    sides: [SIDE],
    async run(basis: Checkpoint): Promise<StageOutcome> {
      const turn = left.shift()
      if (turn === undefined) stop.abort()
      if (turn === undefined || turn === 'idle') return { kind: 'idle' }
      if (turn === 'outage') throw new OutageError('store_away', 'the store is away')
      const at = Number(basis.lanes.get(LANE)?.position ?? 0n)
      const rows = rowsOf(at, turn.to)
      const kind = turn.rows ?? 'main'
      const batch: Batch = {
        kind: 'batch',
        files: kind === 'main' ? await written(main, rows) : [],
        sides: kind === 'none' ? [] : [{ table: SIDE, files: await written(side, rows) }],
        change: {
          basis,
          lanes: new Map([[LANE, { position: rows.upper, sequence: turn.to }]]),
          wholeCheckpoint: false,
        },
        rows: turn.to - at,
        more: true,
        counts: {},
        handOver: [rows],
        committed: () => undefined,
      }
      await turn.meanwhile?.(world)
      return batch
    },
    forget: () => {
      forgotten += 1
    },
    wait: async () => undefined,
  }
  const worker = new Worker({
    stage,
    main,
    sides: new Map([[SIDE.name, side]]),
    session: NO_SESSION,
    clock,
    random,
    interval_ms: 0,
    aligned: false,
    handOver,
    handsOver: true,
    upstreams: [ABOVE.name],
    onEvent: (event) => events.push(event),
  })
  await worker.run(stop.signal)
  return { ...world, events }
}

async function dataFiles({ store }: World): Promise<number> {
  let count = 0
  for await (const { key } of store.list('tables/test/')) if (key.endsWith('.parquet')) count += 1
  return count
}

async function standing({ main }: World): Promise<number> {
  return Number((await main.pin()).checkpoint.lanes.get(LANE)?.position ?? 0n)
}

/** How many rows of [0, to) are in memory for the layer below the table. */
async function handedOver({ handOver }: World, table: LakeTable, to: number): Promise<number> {
  const { version } = await table.pin()
  const range = { key: LANE, from: position(0n), upper: position(BigInt(to)) }
  return handOver.find(table.definition.name, version.metadata, range).reduce((sum, { rows }) => sum + rows.length, 0)
}

function kinds({ events }: Told): string[] {
  return events.map(({ kind }) => kind)
}

/** Another worker commits the same lane. */
async function another({ main, side }: World): Promise<void> {
  await moveLane(main, LANE, 9, new Map([[SIDE.name, side]]))
}

describe('a worker and its batches', () => {
  it('A11: a batch that is ready only after the signal is not committed, and none of its files stays', async () => {
    const told = await run([{ to: 3 }, { to: 5, meanwhile: async ({ stop }) => stop.abort() }])
    expect(kinds(told)).toEqual(['committed'])
    expect(await standing(told)).toBe(3)
    expect(await dataFiles(told)).toBe(2)
  })

  it('A1: positions that moved without rows wait ten seconds for company, those with rows of a side table alone do not', async () => {
    const told = await run([{ to: 3, rows: 'none' }, { to: 4, rows: 'side' }, 'idle'])
    expect(await standing(told)).toBe(4)
    expect(kinds(told)).toEqual(['committed'])
    const waited = await run([
      { to: 3, rows: 'none', meanwhile: async ({ clock }) => clock.advance(9_000) },
      { to: 3, rows: 'none', meanwhile: async ({ clock }) => clock.advance(1_001) },
    ])
    expect(kinds(waited)).toEqual(['committed'])
    expect(await standing(waited)).toBe(3)
  })

  it('A6: rows of the layer above are let go of by the commit that took them, and by no other', async () => {
    const keep = async ({ handOver, above }: World): Promise<void> => {
      handOver.keep(ABOVE.name, await moveLane(above, LANE, 4), [rowsOf(0, 4)])
    }
    const seen: number[] = []
    const look = async (world: World): Promise<void> => {
      seen.push(await handedOver(world, world.above, 4))
    }
    const told = await run(
      [
        { to: 2, meanwhile: look },
        { to: 4, meanwhile: look },
      ],
      keep,
    )
    expect([...seen, await handedOver(told, told.above, 4)]).toEqual([4, 4, 0])
    const refused = await run([{ to: 4, meanwhile: another }], keep)
    expect(kinds(refused)).toEqual(['refused'])
    expect(await handedOver(refused, refused.above, 4)).toBe(4)
  })

  it('T23: after an outage and after a refusal nothing is remembered: of the stage, and of the rows handed over', async () => {
    const good = await run([{ to: 3 }])
    expect([await handedOver(good, good.main, 3), good.forgotten()]).toEqual([3, 0])
    const outage = await run([{ to: 3 }, 'outage'])
    expect([await handedOver(outage, outage.main, 3), outage.forgotten()]).toEqual([0, 1])
    const refused = await run([{ to: 3 }, { to: 5, meanwhile: another }])
    expect(kinds(refused)).toEqual(['committed', 'refused'])
    expect([await handedOver(refused, refused.main, 3), refused.forgotten()]).toEqual([0, 1])
  })
})
