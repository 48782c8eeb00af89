import { type LaneKey, position } from '@assay/core'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type Checkpoint, EMPTY_CHECKPOINT, type LaneCheckpoint } from '../src/checkpoint/checkpoint.js'
import { cutPlan, lanesAfter, planLanes } from '../src/source/lane-plan.js'

function checkpointOf(
  lanes: Readonly<Record<string, readonly [position: number | bigint, sequence: number]>>,
): Checkpoint {
  const entries = Object.entries(lanes).map(([key, [at, sequence]]): [LaneKey, LaneCheckpoint] => [
    key as LaneKey,
    { position: position(at), sequence },
  ])
  return { ...EMPTY_CHECKPOINT, lanes: new Map(entries) }
}

const laneEnds = fc.dictionary(fc.constantFrom('a/0', 'a/1', 'a/2', 'b/0'), fc.tuple(fc.nat(30), fc.constant(0)))

describe('plans of lanes', () => {
  it('A3 S1: batches of any size, cut anywhere, take each offset of each lane exactly once', () => {
    const cuts = fc.infiniteStream(fc.tuple(fc.integer({ min: 1, max: 12 }), fc.nat(3), fc.nat(30)))
    fc.assert(
      fc.property(laneEnds, cuts, (ends, choices) => {
        const upstream = checkpointOf(ends)
        let own: Checkpoint = EMPTY_CHECKPOINT
        const taken = new Map<string, bigint[]>()
        for (let turn = 0; turn < 200; turn++) {
          const [maxRows, rank, offset] = choices.next().value as [number, number, number]
          const planned = planLanes(upstream, own, maxRows, turn)
          if (planned.ranges.length === 0) break
          const range = planned.ranges[rank]
          const inside = range && BigInt(offset) > range.from && BigInt(offset) < range.upper
          const plan = inside ? cutPlan(planned, rank, BigInt(offset)) : planned
          for (const { key, from, upper } of plan.ranges) {
            const offsets = taken.get(key) ?? []
            for (let at: bigint = from; at < upper; at++) offsets.push(at)
            taken.set(key, offsets)
          }
          own = { ...own, lanes: new Map([...own.lanes, ...lanesAfter(plan, own, 9, () => ({}))]) }
        }
        for (const [key, [end]] of Object.entries(ends)) {
          expect(taken.get(key) ?? []).toEqual(Array.from({ length: end }, (_, i) => BigInt(i)))
          if (end > 0) expect(own.lanes.get(key as LaneKey)).toMatchObject({ position: BigInt(end), sequence: 9 })
        }
      }),
    )
  })

  it('T4: files are looked for from the least sequence of the lanes that have something to read', () => {
    const upstream = checkpointOf({ 'a/0': [10, 0], 'a/1': [10, 0], 'a/2': [10, 0] })
    const own = checkpointOf({ 'a/0': [10, 8], 'a/1': [7, 6], 'a/2': [4, 3] })
    expect(planLanes(upstream, own, 100, 0)).toMatchObject({ afterSequence: 3, idle: ['a/0'] })
    const unread = checkpointOf({ 'a/0': [10, 8], 'a/1': [10, 8] })
    expect(planLanes(upstream, unread, 100, 0).afterSequence).toBe(0)
  })

  it('T5: a lane that a limit cuts short keeps its sequence, so that its files are planned again', () => {
    const upstream = checkpointOf({ 'a/0': [10, 0], 'a/1': [3, 0] })
    const own = checkpointOf({ 'a/0': [2, 5], 'a/1': [0, 5] })
    const after = lanesAfter(planLanes(upstream, own, 8, 0), own, 9, () => ({}))
    expect(after.get('a/0' as LaneKey)).toMatchObject({ position: 6n, sequence: 5 })
    expect(after.get('a/1' as LaneKey)).toMatchObject({ position: 3n, sequence: 9 })
  })

  it('A6: a cut leaves the lanes behind it untouched, and a cut at a lane’s first row takes nothing of it', () => {
    const upstream = checkpointOf({ 'a/0': [10, 0], 'a/1': [10, 0], 'a/2': [10, 0] })
    const plan = cutPlan(planLanes(upstream, EMPTY_CHECKPOINT, 100, 0), 1, 0n)
    expect(plan).toMatchObject({ more: true, ranges: [{ key: 'a/0', upper: 10n }] })
  })
})
