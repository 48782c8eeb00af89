import { type BytesColumn, type LaneKey, laneKey, position, type RowColumns, rowBytes } from '@assay/core'
import type { LanePlan, LaneRows, TableBatch } from '@assay/pipeline'
import { wireHeader } from '@assay/schema-registry'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { collectBronzeRows, cutToLookups } from '../src/silver/collect.js'

interface Row {
  readonly time: bigint | null
  readonly value: readonly number[] | null
  readonly headers: readonly number[] | null
}

const bytes = fc.option(fc.array(fc.nat(255), { maxLength: 3 }), { freq: 3 })
const row: fc.Arbitrary<Row> = fc.record({
  time: fc.option(fc.bigInt(0n, 99n), { freq: 3 }),
  value: bytes,
  headers: bytes,
})
/** Sets of columns, and of each row in them the lane that takes it; a negative number for none. */
const blocks = fc.array(fc.array(fc.tuple(row, fc.integer({ min: -1, max: 2 })), { maxLength: 8 }), { maxLength: 3 })

function blob(
  values: readonly (readonly number[] | null)[],
): RowColumns extends ReadonlyMap<string, infer C> ? C : never {
  const ends = values.map((_, i) => values.slice(0, i + 1).reduce((sum, one) => sum + (one?.length ?? 0), 0))
  return {
    type: 'BLOB',
    source: Uint8Array.from(values.flatMap((value) => value ?? [])),
    starts: Uint32Array.from(ends, (end, i) => end - (values[i]?.length ?? 0)),
    ends: Uint32Array.from(ends),
    ...(values.includes(null) && { nulls: Uint8Array.from(values, (value) => (value === null ? 1 : 0)) }),
  }
}

function columnsOf(rows: readonly Row[]): RowColumns {
  const times = rows.map(({ time }) => time)
  return new Map([
    [
      'kafka_timestamp',
      {
        type: 'TIMESTAMPTZ' as const,
        data: BigInt64Array.from(times, (time) => time ?? 0n),
        ...(times.includes(null) && { nulls: Uint8Array.from(times, (time) => (time === null ? 1 : 0)) }),
      },
    ],
    ['ingestion_timestamp', { type: 'CONSTANT' as const, of: 'TIMESTAMPTZ' as const, value: 7n }],
    ['raw_bytes', blob(rows.map(({ value }) => value))],
    ['headers', blob(rows.map(({ headers }) => headers))],
  ])
}

const keyOf = (lane: number): LaneKey => laneKey({ topic: 't', partition: lane })

function planOf(lanes: readonly number[], upper: number): LanePlan {
  const ranges = lanes.map((partition) => ({
    key: keyOf(partition),
    lane: { topic: 't', partition },
    from: position(0n),
    upper: position(BigInt(upper)),
    sequence: 0,
    upstream: position(BigInt(upper)),
  }))
  return { ranges, idle: [], afterSequence: 0, more: false }
}

function batchOf(plan: LanePlan, lanes: readonly LaneRows[]): TableBatch {
  return { plan, read: async () => ({ plan, lanes }) } as unknown as TableBatch
}

const valuesOf = (column: BytesColumn | undefined, count: number): (readonly number[] | null)[] =>
  Array.from({ length: count }, (_, i) => {
    const value = column && rowBytes(column, i)
    return value ? [...value] : null
  })

describe('what silver takes in of bronze', () => {
  it('S1: each lane’s rows in order, with their own bytes and times, however they lie in their columns', async () => {
    await fc.assert(
      fc.asyncProperty(blocks, async (all) => {
        const lanes = [2, 0, 1]
        const placed = lanes.flatMap((lane, rank) =>
          all.map((block, b) => ({ lane, rank, b, rows: block.flatMap(([, of], i) => (of === lane ? [i] : [])) })),
        )
        const columns = all.map((block) => columnsOf(block.map(([one]) => one)))
        const pieces = placed.map(({ lane, b, rows }): LaneRows => {
          const offsets = BigInt64Array.from(all[b] ?? [], (_, i) => BigInt(100 * b + i))
          const ends = { from: position(0n), upper: position(999n) }
          return { key: keyOf(lane), ...ends, columns: columns[b] as RowColumns, offsets, rows: Uint32Array.from(rows) }
        })
        const expected = placed.flatMap(({ rank, b, rows }) =>
          rows.map((i) => ({ rank, offset: BigInt(100 * b + i), row: all[b]?.[i]?.[0] as Row })),
        )
        const { rows } = await collectBronzeRows(batchOf(planOf(lanes, 999), pieces))
        expect(rows.count).toBe(expected.length)
        expect([...rows.ranks]).toEqual(expected.map(({ rank }) => rank))
        expect([...rows.offsets]).toEqual(expected.map(({ offset }) => offset))
        expect(Array.from(rows.kafka_us, (us, i) => (rows.kafkaNulls[i] === 1 ? null : us))).toEqual(
          expected.map(({ row: { time } }) => time),
        )
        expect([...rows.bronze_us]).toEqual(expected.map(() => 7n))
        expect(valuesOf(rows.raw, rows.count)).toEqual(expected.map(({ row: { value } }) => value))
        expect(valuesOf(rows.headers, rows.count)).toEqual(expected.map(({ row: { headers } }) => headers))
      }),
      { numRuns: 60 },
    )
  })

  it('S6: is cut before the row that would ask for one schema too many, in its lane and in those behind', async () => {
    const framed = (id: number): Row => ({ time: 0n, value: [...wireHeader(id)], headers: null })
    // Ids that come again, and records without one, ask for nothing more.
    const first = [...Array.from({ length: 600 }, (_, i) => framed(i + 1)), framed(1), { ...framed(1), value: null }]
    const second = [...Array.from({ length: 403 }, (_, i) => framed(i + 599))]
    const lanes = [first, second].map(
      (rows, lane): LaneRows => ({
        key: keyOf(lane),
        from: position(0n),
        upper: position(999n),
        columns: columnsOf(rows),
        offsets: BigInt64Array.from(rows, (_, i) => BigInt(i)),
        rows: Uint32Array.from(rows.keys()),
      }),
    )
    const plan = planOf([0, 1], 999)
    const { rows } = await collectBronzeRows(batchOf(plan, lanes))
    const cut = cutToLookups(rows, plan)
    expect(cut.rows.count).toBe(602 + 402)
    expect(cut.plan.ranges.map(({ upper }) => upper)).toEqual([999n, 402n])
    expect(cut.plan.more).toBe(true)
    const within = cutToLookups(cut.rows, plan)
    expect(within).toEqual({ rows: cut.rows, plan })
  })
})
