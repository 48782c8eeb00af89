import { type LaneKey, position } from '@assay/core'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type Checkpoint, EMPTY_CHECKPOINT, type LaneCheckpoint } from '../src/checkpoint/checkpoint.js'
import { cutLanes, cutPlan, lanesAfter, planLanes } from '../src/source/lane-plan.js'

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
    const inside = cutPlan(planLanes(upstream, EMPTY_CHECKPOINT, 100, 0), 1, 4n)
    expect(inside).toMatchObject({ more: true, ranges: [{ upper: 10n }, { key: 'a/1', from: 0n, upper: 4n }] })
    expect(inside.ranges).toHaveLength(2)
  })

  it('A3 S1: lanes cut each at its own offset take each offset of each lane exactly once', () => {
    const cuts = fc.infiniteStream(fc.tuple(fc.integer({ min: 1, max: 12 }), fc.array(fc.option(fc.nat(30)))))
    fc.assert(
      fc.property(laneEnds, cuts, (ends, choices) => {
        const upstream = checkpointOf(ends)
        let own: Checkpoint = EMPTY_CHECKPOINT
        const taken = new Map<string, bigint[]>()
        for (let turn = 0; ; turn++) {
          const [maxRows, offsets] = choices.next().value as [number, (number | null)[]]
          const planned = planLanes(upstream, own, maxRows, turn)
          if (planned.ranges.length === 0) break
          const uppers = offsets.map((offset) => (offset === null || turn > 50 ? undefined : BigInt(offset)))
          const plan = cutLanes(planned, uppers)
          for (const { key, from, upper } of plan.ranges) {
            expect(upper).toBeGreaterThan(from)
            const of = taken.get(key) ?? []
            for (let at: bigint = from; at < upper; at++) of.push(at)
            taken.set(key, of)
          }
          own = { ...own, lanes: new Map([...own.lanes, ...lanesAfter(plan, own, 9, () => ({}))]) }
          const isLeft = [...upstream.lanes].some(([key, to]) => (own.lanes.get(key)?.position ?? 0n) < to.position)
          expect(plan.more).toBe(isLeft)
        }
        for (const [key, [end]] of Object.entries(ends)) {
          expect(taken.get(key) ?? []).toEqual(Array.from({ length: end }, (_, i) => BigInt(i)))
          if (end > 0) expect(own.lanes.get(key as LaneKey)).toMatchObject({ position: BigInt(end), sequence: 9 })
        }
      }),
    )
  })

  it('A6: a lane cut at its first row leaves the plan, one cut behind its last row stays whole', () => {
    const upstream = checkpointOf({ 'a/0': [10, 0], 'a/1': [10, 0], 'a/2': [10, 0] })
    const plan = planLanes(upstream, EMPTY_CHECKPOINT, 100, 0)
    expect(cutLanes(plan, [0n, 4n, undefined])).toMatchObject({
      more: true,
      ranges: [
        { key: 'a/1', from: 0n, upper: 4n, upstream: 10n },
        { key: 'a/2', from: 0n, upper: 10n },
      ],
    })
    expect(cutLanes(plan, [0n, 4n]).ranges).toHaveLength(2)
    expect(cutLanes(plan, [10n, undefined, 12n])).toEqual(plan)
  })

  it('A6: a batch has 32 lanes at most, begins with another each turn, and says that more wait', () => {
    const keys = Array.from({ length: 40 }, (_, i) => `a/${i}`)
    const upstream = checkpointOf(Object.fromEntries(keys.map((key) => [key, [10, 0]])))
    for (const turn of [0, 1, 39, 40, 87]) {
      const { ranges, more } = planLanes(upstream, EMPTY_CHECKPOINT, 1000, turn)
      const expected = Array.from({ length: 32 }, (_, i) => keys[(turn + i) % 40])
      expect({ keys: ranges.map(({ key }) => key), more }).toEqual({ keys: expected, more: true })
    }
  })

  it('A6: the rows of a batch are shared evenly, one for each lane at least', () => {
    const upstream = checkpointOf({ 'a/0': [12, 0], 'a/1': [30, 0], 'a/2': [2, 0] })
    const own = checkpointOf({ 'a/0': [2, 5], 'a/1': [10, 6], 'a/2': [2, 7] })
    const uppers = (maxRows: number) => {
      const { ranges, more } = planLanes(upstream, own, maxRows, 0)
      return { uppers: ranges.map(({ upper }) => upper), more }
    }
    expect(uppers(9)).toEqual({ uppers: [6n, 14n], more: true })
    expect(uppers(1)).toEqual({ uppers: [3n, 11n], more: true })
    expect(uppers(20)).toEqual({ uppers: [12n, 20n], more: true })
    expect(uppers(40)).toEqual({ uppers: [12n, 30n], more: false })
    expect(planLanes(upstream, own, 40, 0).ranges[1]).toEqual({
      key: 'a/1',
      lane: { topic: 'a', partition: 1 },
      from: 10n,
      upper: 30n,
      upstream: 30n,
      sequence: 6,
    })
  })

  it('T4: a lane that is new has all files before it; with nothing to read nothing is left behind', () => {
    const upstream = checkpointOf({ 'a/0': [10, 0], 'a/1': [10, 0], 'a/2': [0, 0] })
    const own = checkpointOf({ 'a/0': [4, 8] })
    expect(planLanes(upstream, own, 100, 0)).toMatchObject({ afterSequence: 0, idle: ['a/2'], more: false })
    const none = planLanes(checkpointOf({}), own, 100, 3)
    expect(none).toEqual({ ranges: [], idle: [], afterSequence: 0, more: false })
  })

  it('T5: a lane at rest takes the sequence of what was read, and is left alone when it has it', () => {
    const upstream = checkpointOf({ 'a/0': [10, 0], 'a/1': [10, 0], 'a/2': [0, 0], 'a/3': [10, 0] })
    const own = checkpointOf({ 'a/0': [10, 8], 'a/1': [10, 9], 'a/3': [12, 7] })
    const after = lanesAfter(planLanes(upstream, own, 100, 0), own, 9, () => ({ written: 1n }))
    expect([...after]).toEqual([
      ['a/0', { position: 10n, sequence: 9 }],
      ['a/3', { position: 12n, sequence: 9 }],
    ])
  })

  it('A2: what is known of a lane stays, but for what the batch says anew', () => {
    const key = 'a/0' as LaneKey
    const known = { position: position(2), sequence: 5, written: 1n, epoch: 4, state: { x: 1 } }
    const own: Checkpoint = { ...EMPTY_CHECKPOINT, lanes: new Map([[key, known]]) }
    const plan = planLanes(checkpointOf({ 'a/0': [10, 0] }), own, 100, 0)
    const after = lanesAfter(plan, own, 9, (lane) => (lane === key ? { written: 9n } : {}))
    expect(after.get(key)).toEqual({ ...known, position: 10n, sequence: 9, written: 9n })
  })
})
