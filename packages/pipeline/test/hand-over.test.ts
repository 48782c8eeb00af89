import { type LaneKey, laneKey, position, type RowColumns } from '@assay/core'
import type { TableMetadata } from '@assay/iceberg'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { VirtualClock } from '../../../tests/support/virtual-clock.js'
import { HandOver } from '../src/hand-over/hand-over.js'
import type { LaneRows } from '../src/hand-over/lane-rows.js'

const TABLE = 'bronze'
const LANES = [0, 1, 2].map((partition) => laneKey({ topic: 't', partition }))

/** Snapshots one upon the other, with their operations; the last one is the table's head. */
function history(operations: readonly string[]): TableMetadata {
  const snapshots = operations.map((operation, i) => ({
    snapshotId: BigInt(i + 1),
    parentId: i === 0 ? undefined : BigInt(i),
    sequenceNumber: i + 1,
    summary: { operation },
  }))
  return { snapshots, currentSnapshotId: BigInt(operations.length) } as unknown as TableMetadata
}

/** Rows of a lane at these offsets; their column says which offset they are. */
function rowsOf(key: LaneKey, from: number, upper: number, offsets: readonly number[]): LaneRows {
  const data = BigInt64Array.from(offsets, BigInt)
  const columns: RowColumns = new Map([['offset', { type: 'BIGINT', data }]])
  const rows = Uint32Array.from(offsets, (_, i) => i)
  return { key, from: position(BigInt(from)), upper: position(BigInt(upper)), columns, offsets: data, rows }
}

function range(key: LaneKey, from: number, upper: number): Pick<LaneRows, 'key' | 'from' | 'upper'> {
  return { key, from: position(BigInt(from)), upper: position(BigInt(upper)) }
}

function offsetsIn(found: readonly LaneRows[]): number[] {
  return found.flatMap(({ rows, offsets }) => [...rows].map((row) => Number(offsets[row])))
}

function handOver(bytesMax = 1e9): { readonly clock: VirtualClock; readonly kept: HandOver } {
  const clock = new VirtualClock()
  return { clock, kept: new HandOver({ clock, bytesMax }) }
}

const [LANE] = LANES as [LaneKey]

describe('S1: rows handed over to the layer below', () => {
  it('S1: what is found is what was committed, without holes, whatever is asked for', () => {
    const steps = fc.array(
      fc.record({ lane: fc.nat(2), span: fc.integer({ min: 1, max: 6 }), isKept: fc.boolean(), take: fc.nat(8) }),
      { maxLength: 40 },
    )
    fc.assert(
      fc.property(steps, (all) => {
        const { kept } = handOver()
        const ends = [0, 0, 0]
        const read = [0, 0, 0]
        const inMemory = new Set<string>()
        all.forEach(({ lane, span, isKept, take }, step) => {
          const key = LANES[lane] as LaneKey
          const from = ends[lane] as number
          ends[lane] = from + span
          // Every third offset holds no row.
          const offsets = Array.from({ length: span }, (_, i) => from + i).filter((offset) => offset % 3 !== 2)
          if (isKept) kept.keep(TABLE, BigInt(step + 1), [rowsOf(key, from, from + span, offsets)])
          for (let at = from; isKept && at < from + span; at++) inMemory.add(`${lane}/${at}`)
          const start = read[lane] as number
          const upper = Math.min(ends[lane] as number, start + take)
          if (upper <= start) return
          const found = kept.find(
            TABLE,
            history(Array.from({ length: step + 1 }, () => 'append')),
            range(key, start, upper),
          )
          const end = Number(found.at(-1)?.upper ?? start)
          let covered = start
          while (covered < upper && inMemory.has(`${lane}/${covered}`)) covered++
          expect(end).toBe(covered)
          const expected = Array.from({ length: covered - start }, (_, i) => start + i).filter((o) => o % 3 !== 2)
          expect(offsetsIn(found)).toEqual(expected)
          read[lane] = upper
        })
      }),
    )
  })

  it('T23: rows are not believed once their commit is no longer in the history, or rows were changed after it', () => {
    const found = (operations: readonly string[], snapshot: bigint): number[] => {
      const { kept } = handOver()
      kept.keep(TABLE, snapshot, [rowsOf(LANE, 0, 2, [0, 1])])
      return offsetsIn(kept.find(TABLE, history(operations), range(LANE, 0, 2)))
    }
    expect(found(['append'], 1n)).toEqual([0, 1])
    expect(found(['append', 'append', 'replace'], 1n)).toEqual([0, 1])
    expect(found(['append', 'delete'], 1n)).toEqual([])
    expect(found(['append', 'overwrite', 'append'], 1n)).toEqual([])
    expect(found(['append', 'delete', 'append'], 3n)).toEqual([0, 1])
    expect(found(['append', 'append'], 9n)).toEqual([])
  })

  it('T23: one commit that is not believed takes all rows of the table with it', () => {
    const { kept } = handOver()
    kept.keep(TABLE, 9n, [rowsOf(LANE, 0, 2, [0, 1])])
    kept.keep(TABLE, 1n, [rowsOf(LANE, 2, 4, [2, 3])])
    expect(kept.find(TABLE, history(['append']), range(LANE, 0, 4))).toEqual([])
    expect(kept.find(TABLE, history(['append']), range(LANE, 2, 4))).toEqual([])
  })

  it('A6: more than its share is not kept, and what was read makes room', () => {
    const { kept } = handOver(1)
    const all = history(['append', 'append', 'append'])
    kept.keep(TABLE, 1n, [rowsOf(LANE, 0, 2, [0, 1])])
    kept.keep(TABLE, 2n, [rowsOf(LANE, 2, 4, [2, 3])])
    expect(offsetsIn(kept.find(TABLE, all, range(LANE, 0, 4)))).toEqual([0, 1])
    expect(kept.find(TABLE, all, range(LANE, 2, 4))).toEqual([])
    kept.keep(TABLE, 3n, [rowsOf(LANE, 4, 5, [4])])
    expect(offsetsIn(kept.find(TABLE, all, range(LANE, 4, 5)))).toEqual([4])
  })

  it('A6: rows of a lane that is read by another process by now are let go of', async () => {
    const { kept, clock } = handOver(1)
    kept.keep(TABLE, 1n, [rowsOf(LANE, 0, 2, [0, 1])])
    await clock.sleep(61_000)
    const other = LANES[1] as LaneKey
    kept.keep(TABLE, 2n, [rowsOf(other, 0, 1, [0])])
    expect(offsetsIn(kept.find(TABLE, history(['append', 'append']), range(other, 0, 1)))).toEqual([0])
  })

  it('A6: a full table waits until its rows are taken, but no longer than twenty seconds', async () => {
    const { kept, clock } = handOver(1)
    const signal = new AbortController().signal
    await kept.room(TABLE, signal)
    kept.keep(TABLE, 1n, [rowsOf(LANE, 0, 2, [0, 1])])
    const began_ms = clock.monotonic_ms()
    await kept.room(TABLE, signal)
    expect(clock.monotonic_ms() - began_ms).toBe(20_000)
    kept.keep(TABLE, 2n, [])
    const waits = kept.room(TABLE, signal)
    kept.find(TABLE, history(['append']), range(LANE, 2, 3))
    await waits
    expect(clock.monotonic_ms() - began_ms).toBeLessThan(40_000)
  })

  it('A6: a commit of more than the share is let go of by the commit of the layer below, not by its next batch', async () => {
    const { kept, clock } = handOver(1)
    const began_ms = clock.monotonic_ms()
    kept.keep(TABLE, 1n, [rowsOf(LANE, 0, 2, [0, 1])])
    expect(offsetsIn(kept.find(TABLE, history(['append']), range(LANE, 0, 2)))).toEqual([0, 1])
    const waits = kept.room(TABLE, new AbortController().signal)
    kept.release(TABLE, new Map([[LANE, { position: 2n }]]))
    await waits
    expect(clock.monotonic_ms() - began_ms).toBeLessThan(20_000)
    expect(kept.find(TABLE, history(['append']), range(LANE, 0, 2))).toEqual([])
  })

  it('S1: after a failure nothing of the table is handed over', () => {
    const { kept } = handOver()
    kept.keep(TABLE, 1n, [rowsOf(LANE, 0, 2, [0, 1])])
    kept.forget(TABLE)
    expect(kept.find(TABLE, history(['append']), range(LANE, 0, 2))).toEqual([])
  })
})
