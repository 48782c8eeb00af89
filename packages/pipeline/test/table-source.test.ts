import { type LaneKey, laneKey, position, type RowColumn } from '@assay/core'
import { describe, expect, it } from 'vitest'
import { openSession } from '../../../tests/support/open-session.js'
import { VirtualClock } from '../../../tests/support/virtual-clock.js'
import { EMPTY_CHECKPOINT, HandOver, type LakeTable, planTableBatch, replayLane } from '../src/index.js'
import { columnsOf, commitRows, openTable, type Row, TABLE } from './lane-table.js'

const [ZERO, ONE] = [0, 1].map((partition) => laneKey({ topic: 't', partition })) as [LaneKey, LaneKey]
const REPLAYS = replayLane(TABLE)
const COLUMNS = TABLE.columns.map(({ name }) => name)

const session = await openSession()

/** Offsets [from, upper) of a lane that a commit brought, of which every third has no row. */
interface Part {
  readonly lane: LaneKey
  readonly from: number
  readonly upper: number
}

function rowsOf({ lane, from, upper }: Part): Row[] {
  const offsets = Array.from({ length: upper - from }, (_, i) => from + i).filter((offset) => offset % 3 !== 2)
  // A replayed row's own offset lies anywhere.
  if (lane === REPLAYS) return offsets.map((replay) => ({ partition: 0, offset: 7 - (replay % 5), replay }))
  return offsets.map((offset) => ({ partition: lane === ZERO ? 0 : 1, offset }))
}

/** The topic in each row's own byte. */
function ownTexts(count: number): RowColumn {
  const starts = Uint32Array.from({ length: count }, (_, i) => i)
  return { type: 'VARCHAR', source: Buffer.from('t'.repeat(count)), starts, ends: starts.map((at) => at + 1) }
}

/** Each commit with some parts, in one file; those of the numbers given are handed over, too. */
async function filled(commits: readonly (readonly Part[])[], handedOver: readonly number[]) {
  const table = await openTable(TABLE)
  const handOver = new HandOver({ clock: new VirtualClock(), bytesMax: 1e9 })
  for (const [number, parts] of commits.entries()) {
    const rows = parts.flatMap(rowsOf)
    const lanes = new Map(parts.map(({ lane, upper }) => [lane, { position: position(BigInt(upper)), sequence: 0 }]))
    const snapshotId = await commitRows(table, session, rows, lanes)
    if (!handedOver.includes(number)) continue
    const columns = new Map(columnsOf(rows)).set('topic', ownTexts(rows.length))
    const offsets = BigInt64Array.from(rows, ({ offset, replay }) => BigInt(replay ?? offset))
    let at = 0
    handOver.keep(
      TABLE.name,
      snapshotId,
      parts.map((part) => {
        const { length } = rowsOf(part)
        const indices = Uint32Array.from({ length }, (_, i) => at + i)
        at += length
        const ends = { from: position(BigInt(part.from)), upper: position(BigInt(part.upper)) }
        return { key: part.lane, ...ends, columns, offsets, rows: indices }
      }),
    )
  }
  return { table, handOver }
}

/** Reads batch after batch from these positions on; gives the offsets of each lane's rows in the order in which they came. */
async function readAll(
  table: LakeTable,
  start: Readonly<Record<LaneKey, number>>,
  options: { readonly maxRows: number; readonly maxBytes: number; readonly handOver?: HandOver },
): Promise<ReadonlyMap<LaneKey, number[]>> {
  const lanes = new Map(
    Object.entries(start).map(([key, at]) => [key as LaneKey, { position: position(BigInt(at)), sequence: 0 }]),
  )
  const found = new Map<LaneKey, number[]>()
  for (let turn = 0; turn < 100; turn++) {
    const own = { ...EMPTY_CHECKPOINT, lanes }
    const batch = await planTableBatch(session, table, own, { ...options, columns: COLUMNS, turn, adopt: false })
    if (batch.plan.ranges.length === 0) return found
    const { plan, lanes: read } = await batch.read()
    for (const { key, rows, offsets } of read) {
      const some = Array.from(rows, (row) => Number(offsets[row]))
      found.set(key, [...(found.get(key) ?? []), ...some])
    }
    for (const { key, upper } of plan.ranges) lanes.set(key, { position: upper, sequence: 0 })
  }
  throw new Error('the batches have no end')
}

const COMMITS: readonly (readonly Part[])[] = [
  [
    { lane: ZERO, from: 0, upper: 4 },
    { lane: ONE, from: 0, upper: 2 },
  ],
  [
    { lane: ZERO, from: 4, upper: 5 },
    { lane: REPLAYS, from: 0, upper: 4 },
  ],
  [
    { lane: ONE, from: 2, upper: 8 },
    { lane: ZERO, from: 5, upper: 10 },
  ],
  [
    { lane: REPLAYS, from: 4, upper: 5 },
    { lane: ZERO, from: 10, upper: 11 },
  ],
]
const ENDS: Readonly<Record<LaneKey, number>> = { [ZERO]: 11, [ONE]: 8, [REPLAYS]: 5 }

function expectedFrom(start: Readonly<Record<LaneKey, number>>): ReadonlyMap<LaneKey, number[]> {
  const entries = [ZERO, ONE, REPLAYS].map((lane): [LaneKey, number[]] => {
    const from = start[lane] ?? 0
    const offsets = Array.from({ length: (ENDS[lane] ?? 0) - from }, (_, i) => from + i)
    return [lane, offsets.filter((offset) => offset % 3 !== 2)]
  })
  return new Map(entries.filter(([, offsets]) => offsets.length > 0))
}

const UNLIMITED = { maxRows: 1_000, maxBytes: 1e9 }

describe('S1: what is read of a table above', () => {
  it('S1 A3: each lane’s rows once and in order, from wherever it stands', async () => {
    const { table } = await filled(COMMITS, [])
    for (let at = 0; at <= 11; at++) {
      const start = { [ZERO]: at, [ONE]: Math.min(at, 8), [REPLAYS]: Math.min(at, 5) }
      expect([at, await readAll(table, start, UNLIMITED)]).toEqual([at, expectedFrom(start)])
    }
  })

  it.each([1, 2, 5])('S1 A6: in batches of %i rows', async (maxRows) => {
    const { table } = await filled(COMMITS, [])
    expect(await readAll(table, {}, { maxRows, maxBytes: 1e9 })).toEqual(expectedFrom({}))
  })

  it.each([
    [1, 2 ** 40, [0, 3, 4]],
    [2, 2 ** 27, [0, 1, 3, 5]],
    [1_000, 100_000, [0, 1_000, 2_000]],
  ])(
    'S1: a hole is stepped over in one batch, however wide (shares of %i, a hole of %i)',
    async (maxRows, hole, at) => {
      const { table } = await filled([], [])
      const offsets = [...at, ...at.map((offset) => offset + hole)]
      const end = { position: position(BigInt((offsets.at(-1) ?? 0) + 1 + hole)), sequence: 0 }
      await commitRows(
        table,
        session,
        offsets.map((offset) => ({ partition: 0, offset })),
        new Map([[ZERO, end]]),
      )
      let lane = { position: position(0n), sequence: 0 }
      const found: number[] = []
      let batches = 0
      while (lane.position < end.position && batches++ < 20) {
        const own = { ...EMPTY_CHECKPOINT, lanes: new Map([[ZERO, lane]]) }
        const options = { maxRows, maxBytes: 1e9, columns: COLUMNS, turn: 0, adopt: false }
        const { plan, lanes } = await (await planTableBatch(session, table, own, options)).read()
        for (const { rows, offsets: read } of lanes) for (const row of rows) found.push(Number(read[row]))
        lane = { position: plan.ranges[0]?.upper ?? end.position, sequence: 0 }
      }
      expect(found).toEqual(offsets)
      expect(batches).toBeLessThanOrEqual(2 * offsets.length + 2)
    },
  )

  it.each([
    [[0, 1, 2, 3], 1e9],
    [[0, 1, 2, 3], 1],
    [[0, 1], 1e9],
    [[2, 3], 1e9],
    [[0, 2], 1],
  ])('S1: the same where commits %j were handed over, with %d bytes a batch', async (handedOver, maxBytes) => {
    for (const at of [0, 3, 4, 5]) {
      const { table, handOver } = await filled(COMMITS, handedOver)
      const start = { [ZERO]: at, [ONE]: at, [REPLAYS]: at }
      const read = await readAll(table, start, { maxRows: 1_000, maxBytes, handOver })
      expect([at, read]).toEqual([at, expectedFrom(start)])
    }
  })

  it.each([
    [1, [3]],
    [3, [3]],
    [4, [3, 1]],
    [9, [3, 1, 3, 1]],
    [10, [3, 1, 3, 1, 2]],
    [14, [3, 1, 3, 1, 2, 4]],
  ])(
    'A6: of what was handed over, pieces with %d bytes in all, and the first one in any case',
    async (maxBytes, sizes) => {
      const { table, handOver } = await filled(COMMITS, [0, 1, 2, 3])
      const limits = { maxRows: 1_000, maxBytes, columns: ['topic'], turn: 0, adopt: false, handOver }
      const { lanes, plan } = await (await planTableBatch(session, table, EMPTY_CHECKPOINT, limits)).read()
      expect(lanes.map(({ rows }) => rows.length)).toEqual(sizes)
      expect(plan.more).toBe(true)
    },
  )
})
