import { type LaneKey, position } from '@assay/core'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  CHECKPOINT_PROPERTY,
  type Checkpoint,
  EMPTY_CHECKPOINT,
  LANES_SUMMARY,
  type LaneCheckpoint,
  lanesJson,
  parseCheckpoint,
  serializeCheckpoint,
} from '../src/checkpoint/checkpoint.js'
import { applyChange, brokenDemand, type CheckpointChange } from '../src/checkpoint/demand.js'

const at = fc.bigInt({ min: 0n, max: 2n ** 63n - 1n }).map(position)
const lane = fc.record(
  {
    position: at,
    sequence: fc.nat(),
    written: fc.bigInt({ min: 0n, max: 2n ** 63n - 1n }),
    state: fc.record({ greatest_us: fc.nat().map(String), rules: fc.string() }),
    stop: fc.record({
      reason: fc.constantFrom(
        'records_lost' as const,
        'log_damaged' as const,
        'log_truncated' as const,
        'topic_recreated' as const,
      ),
      from: at,
      to: at,
    }),
  },
  { requiredKeys: ['position', 'sequence'], noNullPrototype: true },
)
const lanes = fc
  .array(fc.tuple(fc.constantFrom('a/0', 'a/1', 'a@2/0', 'b/7') as fc.Arbitrary<LaneKey>, lane), { maxLength: 4 })
  .map((entries) => new Map(entries))
const checkpoint: fc.Arbitrary<Checkpoint> = fc.record(
  {
    snapshot: fc.record({ id: fc.bigInt({ min: 1n, max: 2n ** 63n - 1n }), sequence: fc.nat() }),
    sources: fc.dictionary(fc.constantFrom('bronze_x', 'silver_x'), fc.uuid()),
    topics: fc.dictionary(
      fc.constantFrom('a', 'a@2', 'b'),
      fc.record({ topicId: fc.uuid(), laneId: fc.nat(2 ** 28 - 1), logTopic: fc.constantFrom('a', 'b') }),
    ),
    lanes,
    state: fc.record({ keys: fc.record({ path: fc.string(), sequence: fc.nat() }) }),
  },
  { requiredKeys: ['sources', 'topics', 'lanes'], noNullPrototype: true },
)

function change(basis: Checkpoint, moved: Checkpoint['lanes'], wholeCheckpoint: boolean): CheckpointChange {
  return { basis, lanes: moved, wholeCheckpoint }
}

describe('checkpoints', () => {
  it('A1: come back from the table property as they were', () => {
    fc.assert(
      fc.property(checkpoint, (one) => {
        const back = parseCheckpoint(serializeCheckpoint(one), 't')
        const byKey = (lanes: Checkpoint['lanes']) => Object.fromEntries(lanes)
        expect({ ...back, lanes: byKey(back.lanes) }).toEqual({ ...one, lanes: byKey(one.lanes) })
      }),
    )
  })

  it('A1: a property that is no checkpoint is refused, its absence is the beginning', () => {
    expect(parseCheckpoint(undefined, 't')).toEqual({ sources: {}, topics: {}, lanes: new Map() })
    const good = JSON.parse(serializeCheckpoint(EMPTY_CHECKPOINT)) as Record<string, unknown>
    const bad = [
      '',
      '{}',
      'null',
      JSON.stringify({ ...good, format: 2 }),
      JSON.stringify({ ...good, lanes: { 'a/0': { position: '-1', sequence: 0 } } }),
      JSON.stringify({ ...good, lanes: { 'a/0': { position: 1, sequence: 0 } } }),
      JSON.stringify({ ...good, lanes: { 'a/0': { position: '9223372036854775808', sequence: 0 } } }),
      JSON.stringify({ ...good, lanes: { 'a/0': { position: '0x5', sequence: 0 } } }),
      JSON.stringify({ ...good, lanes: { 'a/0': { position: ' 5 ', sequence: 0 } } }),
      JSON.stringify({ ...good, lanes: { 'a/0': { position: '1', sequence: -1 } } }),
      JSON.stringify({ ...good, lanes: { 'a/0': { position: '1', sequence: 0, epoch: -1 } } }),
      JSON.stringify({ ...good, lanes: { 'a/0': { position: '1', sequence: 0, stop: { reason: 'x', from: '1' } } } }),
      JSON.stringify({
        ...good,
        lanes: { 'a/0': { position: '1', sequence: 0, stop: { reason: 5, from: '1', to: '2' } } },
      }),
      JSON.stringify({ ...good, topics: { a: { topicId: 'i', laneId: 2 ** 28, logTopic: 'a' } } }),
      JSON.stringify({ ...good, topics: { a: { topicId: 'i', laneId: -1, logTopic: 'a' } } }),
      JSON.stringify({ ...good, snapshot: { id: '1', sequence: -1 } }),
      JSON.stringify({ ...good, snapshot: { id: '0x1', sequence: 1 } }),
    ]
    for (const text of bad) {
      const error = { code: 'bad_checkpoint', hint: expect.stringContaining(CHECKPOINT_PROPERTY) }
      expect(() => parseCheckpoint(text, 'the_table')).toThrow(expect.objectContaining(error))
      expect(() => parseCheckpoint(text, 'the_table')).toThrow('the_table')
    }
  })

  it('A10: the names under which tables of every version have them are these', () => {
    expect([CHECKPOINT_PROPERTY, LANES_SUMMARY]).toEqual(['assay.checkpoint', 'assay.lanes'])
  })

  it('A1: numbers at their limits are read', () => {
    const lane = { position: position(0), sequence: 0, epoch: 0, written: 0n }
    const topic = (laneId: number) => ({ topicId: 'i', laneId, logTopic: 'a' })
    const one: Checkpoint = {
      snapshot: { id: 1n, sequence: 0 },
      sources: {},
      topics: { a: topic(0), b: topic(2 ** 28 - 1) },
      lanes: new Map([['a/0' as LaneKey, lane]]),
    }
    expect(parseCheckpoint(serializeCheckpoint(one), 't')).toEqual(one)
  })

  it('A1: a snapshot’s summary has the lanes with their numbers as text, in the order of their keys', () => {
    const lane = (n: number) => ({ position: position(n), sequence: n, state: { x: n } })
    const lanes = new Map<LaneKey, LaneCheckpoint>([
      ['a/1' as LaneKey, { ...lane(2), written: 4n }],
      ['b/0' as LaneKey, lane(1)],
      ['a/0' as LaneKey, lane(3)],
    ])
    expect(lanesJson(lanes)).toBe(
      '{"a/0":{"x":3,"position":"3","sequence":3},"a/1":{"x":2,"position":"2","sequence":2,"written":"4"},' +
        '"b/0":{"x":1,"position":"1","sequence":1}}',
    )
  })
})

describe('members of a checkpoint that a newer version wrote', () => {
  // A negative zero has no text of its own in JSON.
  const json = fc.jsonValue().map((value) => JSON.parse(JSON.stringify(value)) as unknown)
  const unknown = fc.dictionary(fc.stringMatching(/^x_[a-z]{1,5}$/), json, { maxKeys: 3 })
  type Raw = Record<string, unknown>
  const members = (value: unknown): Raw => value as Raw

  it('A10: T30: are kept and demanded by every commit, at every level, and the format stays 1', () => {
    fc.assert(
      fc.property(
        checkpoint,
        fc.array(unknown, { minLength: 5, maxLength: 5 }),
        (one, [top, lane, stop, topic, keys]) => {
          const raw = JSON.parse(serializeCheckpoint(one)) as Raw
          Object.assign(raw, top)
          for (const each of Object.values(members(raw.lanes))) {
            Object.assign(members(each), lane)
            const { stop: stopped } = members(each)
            if (stopped) Object.assign(members(stopped), stop, { reason: 'unheard_of' })
          }
          for (const each of Object.values(members(raw.topics))) Object.assign(members(each), topic)
          if (raw.keys) Object.assign(members(raw.keys), keys)
          const basis = parseCheckpoint(JSON.stringify(raw), 't')
          expect(JSON.parse(serializeCheckpoint(basis))).toEqual({ ...raw, format: 1 })
          // A worker of this version knows of a lane what it has worked out, no more.
          const moved = new Map([...basis.lanes].map(([key, { position: at }]) => [key, { position: at, sequence: 7 }]))
          const after = applyChange(basis, change(basis, moved, false), { id: 5n, sequence: 5 })
          const written = JSON.parse(serializeCheckpoint(after)) as Raw
          expect(written).toMatchObject(top as Raw)
          for (const each of Object.values(members(written.lanes))) expect(each).toMatchObject(lane as Raw)
          expect(written.topics).toEqual(raw.topics)
          expect(written.keys).toEqual(raw.keys)
        },
      ),
    )
  })

  it('A10: A2: a batch is refused when one of them has changed', () => {
    const of = (lane: Raw, top: Raw = {}): Checkpoint =>
      parseCheckpoint(
        JSON.stringify({
          format: 1,
          sources: {},
          topics: {},
          lanes: { 'a/0': { position: '5', sequence: 1, ...lane } },
          ...top,
        }),
        't',
      )
    const moved = new Map([['a/0' as LaneKey, { position: position(9), sequence: 2 }]])
    const basis = of({ x_window: 1 })
    expect(brokenDemand(change(basis, moved, false), of({ x_window: 1 }))).toBeUndefined()
    expect(brokenDemand(change(basis, moved, false), of({ x_window: 2 }))).toBe('a/0')
    expect(brokenDemand(change(basis, moved, false), of({ x_window: 1 }, { x_top: 1 }))).toBeUndefined()
    expect(brokenDemand(change(basis, moved, true), of({ x_window: 1 }, { x_top: 1 }))).toBe('state')
  })
})

describe('what a commit demands', () => {
  const key = 'a/0' as LaneKey
  const other = 'a/1' as LaneKey
  const laneAt = (n: number) => ({ position: position(n), sequence: 0 })
  const basis: Checkpoint = {
    ...EMPTY_CHECKPOINT,
    lanes: new Map([
      [key, laneAt(5)],
      [other, laneAt(5)],
    ]),
  }
  const moved = new Map([[key, laneAt(9)]])

  it('A2: its own lanes as they were, and with decisions across lanes all of them', () => {
    const mine = { ...basis, lanes: new Map([...basis.lanes, [key, laneAt(6)]]) }
    const theirs = { ...basis, lanes: new Map([...basis.lanes, [other, laneAt(6)]]) }
    const added = { ...basis, lanes: new Map([...basis.lanes, ['a/2' as LaneKey, laneAt(1)]]) }
    expect(brokenDemand(change(basis, moved, false), basis)).toBeUndefined()
    expect(brokenDemand(change(basis, moved, false), mine)).toBe(key)
    expect(brokenDemand(change(basis, moved, false), theirs)).toBeUndefined()
    expect(brokenDemand(change(basis, moved, true), theirs)).toBe(other)
    expect(brokenDemand(change(basis, moved, true), added)).toBe('a/2')
  })

  it('B3: the topics as they were, where a batch says something of them', () => {
    const topic = { topicId: 'i', laneId: 1, logTopic: 'a' }
    const named = { ...change(basis, moved, false), topics: { a: topic } }
    const theirs = { ...basis, topics: { a: { ...topic, laneId: 2 } } }
    expect(brokenDemand(named, basis)).toBeUndefined()
    expect(brokenDemand(named, theirs)).toBe('topics')
    expect(brokenDemand(change(basis, moved, false), theirs)).toBeUndefined()
    expect(applyChange(basis, named, { id: 1n, sequence: 2 }).topics).toEqual({ a: topic })
  })

  it('B3: a lane that stopped or was released meanwhile is another', () => {
    const stop = { reason: 'records_lost', from: position(5), to: position(7) }
    const stopped = (one: typeof stop | undefined): Checkpoint => ({
      ...basis,
      lanes: new Map([[key, { ...laneAt(5), ...(one && { stop: one }) }]]),
    })
    const demand = (before: typeof stop | undefined, now: typeof stop | undefined) =>
      brokenDemand(change(stopped(before), moved, false), stopped(now))
    expect(demand(stop, { ...stop })).toBeUndefined()
    expect(demand(undefined, stop)).toBe(key)
    expect(demand(stop, undefined)).toBe(key)
    expect(demand(stop, { ...stop, reason: 'log_damaged' })).toBe(key)
    expect(demand(stop, { ...stop, to: position(8) })).toBe(key)
  })

  it('A2: a lane that came or went meanwhile is another; one that is new on both sides is not', () => {
    const empty = { ...basis, lanes: new Map() }
    expect([...applyChange(empty, change(empty, moved, false), { id: 1n, sequence: 2 }).lanes]).toEqual([...moved])
    expect(brokenDemand(change(empty, moved, false), basis)).toBe(key)
    expect(brokenDemand(change(basis, moved, false), empty)).toBe(key)
    expect(brokenDemand(change(empty, moved, false), empty)).toBeUndefined()
    expect(brokenDemand(change(basis, moved, true), empty)).toBe(key)
    expect(brokenDemand(change(empty, new Map(), true), basis)).toBe(key)
  })

  it('A1: a table without state of its own gets none by a commit; sources are added', () => {
    const after = applyChange(
      { ...basis, sources: { a: 'u' } },
      { ...change(basis, moved, false), sources: { b: 'v' } },
      { id: 1n, sequence: 2 },
    )
    expect(after).toEqual({
      snapshot: { id: 1n, sequence: 2 },
      sources: { a: 'u', b: 'v' },
      topics: {},
      lanes: new Map([
        [key, laneAt(9)],
        [other, laneAt(5)],
      ]),
    })
    expect(Object.keys(after)).not.toContain('state')
  })

  it('A2: the state of a lane counts as well as its position', () => {
    for (const state of [{ greatest_us: '1' }, { rules: 'r' }]) {
      const theirs = { ...basis, lanes: new Map([...basis.lanes, [key, { ...laneAt(5), state }]]) }
      expect(brokenDemand(change(basis, moved, false), theirs)).toBe(key)
    }
  })

  it('A2: the table’s own state, where decisions cross lanes, but for what its definition only notes', () => {
    const closed = { ...basis, state: { keys: 1, window: 1 } }
    const moved_ = change({ ...basis, state: { keys: 0, window: 1 } }, moved, true)
    expect(brokenDemand(moved_, closed)).toBe('state')
    expect(brokenDemand(moved_, closed, ['keys'])).toBeUndefined()
    expect(brokenDemand(moved_, { ...closed, state: { keys: 1, window: 2 } }, ['keys'])).toBe('state')
  })

  it('A2: a member that a batch sets replaces the old one, and one that it takes out is gone', () => {
    const lane = { ...laneAt(5), state: { open: 1, newer: 2 } }
    const start = { ...basis, state: { keys: 1, newer: 2 }, lanes: new Map([[key, lane]]) }
    const next = new Map([[key, { ...laneAt(9), state: { open: undefined, closed: 3 } }]])
    const after = applyChange(start, { ...change(start, next, false), state: { keys: 2 } }, { id: 1n, sequence: 2 })
    const back = parseCheckpoint(serializeCheckpoint(after), 't')
    expect(back.state).toEqual({ keys: 2, newer: 2 })
    expect(back.lanes.get(key)?.state).toEqual({ newer: 2, closed: 3 })
  })

  it('A2: a batch that met a new topic demands the topics as it found them, others do not', () => {
    const topic = (id: string, laneId: number) => ({ topicId: id, laneId, logTopic: 'a' })
    const start = { ...basis, topics: { a: topic('1', 1) } }
    const meets: CheckpointChange = { ...change(start, moved, false), topics: { b: topic('2', 2) } }
    // Ids of lanes are given out by looking at all topics: two that were given out at once could be the same.
    const movedOn = [
      { ...start, topics: { ...start.topics, c: topic('3', 2) } },
      { ...start, topics: { ...start.topics, b: topic('2', 2) } },
      { ...start, topics: { a: topic('9', 1) } },
      { ...start, topics: {} },
    ]
    expect(brokenDemand(meets, start)).toBeUndefined()
    for (const current of movedOn) {
      expect(brokenDemand(meets, current)).toBe('topics')
      expect(brokenDemand(change(start, moved, false), current)).toBeUndefined()
      expect(applyChange(current, change(start, moved, false), { id: 1n, sequence: 2 }).topics).toEqual(current.topics)
    }
    const lanesMoved = { ...start, lanes: new Map([...start.lanes, [other, laneAt(8)]]) }
    expect(brokenDemand(meets, lanesMoved)).toBeUndefined()
    expect(applyChange(lanesMoved, meets, { id: 1n, sequence: 2 })).toMatchObject({
      topics: { a: topic('1', 1), b: topic('2', 2) },
    })
  })

  it('A2: others’ lanes stay as they came to be meanwhile', () => {
    const theirs = { ...basis, lanes: new Map([...basis.lanes, [other, laneAt(7)]]) }
    const after = applyChange(theirs, change(basis, moved, false), { id: 1n, sequence: 2 })
    expect([...after.lanes].map(([name, { position: n }]) => [name, n])).toEqual([
      [key, 9n],
      [other, 7n],
    ])
  })
})
