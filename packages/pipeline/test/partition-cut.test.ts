import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { cutToPartitions } from '../src/source/partition-cut.js'

const partition = fc.integer({ min: -5, max: 20 })
const lanesOf = (maxRows: number) =>
  fc.array(
    fc.array(partition, { maxLength: maxRows }).map((rows) => Int32Array.from(rows)),
    { maxLength: 8 },
  )
const limit = fc.integer({ min: 1, max: 12 })

describe('batches cut to a set of partitions', () => {
  it('A6: at most the limit, and each lane up to its own first row outside of the set', () => {
    fc.assert(
      fc.property(lanesOf(40), limit, fc.nat(20), (lanes, maxPartitions, first) => {
        const { partitions, counts } = cutToPartitions(lanes, maxPartitions, first)
        expect(partitions.size).toBeLessThanOrEqual(maxPartitions)
        const taken = new Set<number>()
        for (const [i, rows] of lanes.entries()) {
          const count = counts[i] as number
          for (const one of rows.subarray(0, count)) taken.add(one)
          if (count < rows.length) expect(partitions.has(rows[count] as number)).toBe(false)
        }
        expect(taken).toEqual(new Set(partitions))
        if (counts.some((count, i) => count < (lanes[i] as Int32Array).length))
          expect(partitions.size).toBe(maxPartitions)
      }),
    )
  })

  it('A6: with no more partitions than the limit, all rows are taken', () => {
    fc.assert(
      fc.property(lanesOf(40), fc.nat(20), (lanes, first) => {
        const all = new Set(lanes.flatMap((rows) => [...rows]))
        const { partitions, counts } = cutToPartitions(lanes, Math.max(1, all.size), first)
        expect(counts).toEqual(lanes.map((rows) => rows.length))
        expect(new Set(partitions)).toEqual(all)
      }),
    )
  })

  it('A3 S1: every lane moves, those beyond the limit in turn, and each row is taken once and in order', () => {
    fc.assert(
      fc.property(lanesOf(15), limit, fc.nat(20), (lanes, maxPartitions, turn) => {
        const taken: number[][] = lanes.map(() => [])
        const waited = lanes.map(() => 0)
        for (let batch = 0; taken.some((rows, i) => rows.length < (lanes[i] as Int32Array).length); batch++) {
          const left = lanes.map((rows, i) => rows.subarray((taken[i] as number[]).length))
          const { counts } = cutToPartitions(left, maxPartitions, turn + batch)
          for (const [i, rows] of left.entries()) {
            const count = counts[i] as number
            taken[i]?.push(...rows.subarray(0, count))
            waited[i] = count > 0 || rows.length === 0 ? 0 : (waited[i] as number) + 1
            expect(waited[i]).toBeLessThan(Math.max(1, lanes.length))
            if (lanes.length <= maxPartitions) expect(waited[i]).toBe(0)
          }
        }
        expect(taken).toEqual(lanes.map((rows) => [...rows]))
      }),
    )
  })

  it('A6: a lane that is days behind, or ahead, leaves the others their rows, and has its own hours written', () => {
    const near = Array.from({ length: 6 }, () =>
      Int32Array.from({ length: 300 }, (_, i) => 1_000 + Math.floor(i / 100)),
    )
    const behind = Int32Array.from({ length: 300 }, (_, i) => Math.floor(i / 3))
    const ahead = Int32Array.from({ length: 300 }, (_, i) => 5_000 + i)
    const { partitions, counts } = cutToPartitions([behind, ...near, ahead], 16, 0)
    expect(counts.slice(1, 7)).toEqual([300, 300, 300, 300, 300, 300])
    expect(partitions.size).toBe(16)
    // What is left goes to the older hours.
    expect([counts[0], counts[7]]).toEqual([36, 1])
  })

  it('A6: the partition that most lanes need comes first', () => {
    const lanes = [Int32Array.of(0, 7), Int32Array.of(0, 9, 9), Int32Array.of(0, 9)]
    expect(cutToPartitions(lanes, 2, 0)).toEqual({ partitions: new Set([0, 9]), counts: [1, 3, 2] })
  })

  it('A6: of those that as many lanes need the least comes first', () => {
    for (const lanes of [
      [Int32Array.of(0, 9), Int32Array.of(0, 7)],
      [Int32Array.of(0, 7), Int32Array.of(0, 9)],
    ])
      expect(cutToPartitions(lanes, 2, 0).partitions).toEqual(new Set([0, 7]))
  })

  it('A6: no lanes, and lanes without rows, need no partition', () => {
    expect(cutToPartitions([], 4, 3)).toEqual({ partitions: new Set(), counts: [] })
    expect(cutToPartitions([new Int32Array()], 4, 3)).toEqual({ partitions: new Set(), counts: [0] })
  })

  it('A6: each row is looked at once, however many partitions are added one after another', () => {
    const rows = Int32Array.from({ length: 300_000 }, (_, i) => Math.floor(i / 10))
    const { counts } = cutToPartitions([rows, rows], 20_000, 0)
    expect(counts).toEqual([200_000, 200_000])
  })
})
