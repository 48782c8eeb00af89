import { type LaneKey, laneKey, position } from '@assay/core'
import type { LaneStatus } from '@assay/event-log'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type Checkpoint, EMPTY_CHECKPOINT, type LaneCheckpoint } from '../src/checkpoint/checkpoint.js'
import { freeLaneId, generationName, matchLogLanes } from '../src/source/log-lanes.js'

const TOPIC = 'trades'

function status(partition: number, start: number, end: number, topicId = 'id'): LaneStatus {
  return { lane: { topic: TOPIC, partition }, topicId, start: position(start), end: position(end) }
}

function checkpointOf(lanes: Readonly<Record<string, number>>, topics: Checkpoint['topics']): Checkpoint {
  const entries = Object.entries(lanes).map(([key, at]): [LaneKey, LaneCheckpoint] => [
    key as LaneKey,
    { position: position(at), sequence: 0 },
  ])
  return { ...EMPTY_CHECKPOINT, topics, lanes: new Map(entries) }
}

const known = { [TOPIC]: { topicId: 'id', laneId: 1, logTopic: TOPIC } }

describe('lanes of the log beside what was read of them', () => {
  it('B3: a lane goes on only where its position lies within the log; one record that is missing is a gap', () => {
    const ends = fc.tuple(fc.nat(9), fc.nat(9)).map(([start, length]) => [start, start + length] as const)
    fc.assert(
      fc.property(fc.nat(20), ends, (at, [start, end]) => {
        const { lanes } = matchLogLanes([status(0, start, end)], checkpointOf({ [`${TOPIC}/0`]: at }, known))
        const lost = { reason: 'records_lost', from: BigInt(at), to: BigInt(start) }
        const truncated = { reason: 'log_truncated', from: BigInt(end), to: BigInt(at) }
        expect(lanes[0]?.stop).toEqual(at < start ? lost : at > end ? truncated : undefined)
        expect(lanes[0]?.position).toBe(BigInt(at))
      }),
    )
  })

  it('B3: a topic made again stops its lanes, also for the third and the tenth time', () => {
    for (let generation = 1; generation <= 12; generation += 1) {
      const names = Array.from({ length: generation }, (_, i) => generationName(TOPIC, i + 1))
      const topics = Object.fromEntries(
        names.map((name, i) => [name, { topicId: `id-${i + 1}`, laneId: i, logTopic: TOPIC }]),
      )
      const checkpoint = checkpointOf(Object.fromEntries(names.map((name) => [`${name}/0`, 5])), topics)
      const newest = laneKey({ topic: generationName(TOPIC, generation), partition: 0 })
      const same = matchLogLanes([status(0, 0, 9, `id-${generation}`)], checkpoint)
      expect(same).toMatchObject({ lanes: [{ key: newest, position: 5n }], newTopics: {} })
      expect(same.lanes[0]?.stop).toBeUndefined()
      for (const other of ['id-new', `id-${generation - 1}`]) {
        const again = matchLogLanes([status(0, 0, 9, other)], checkpoint)
        expect(again).toMatchObject({ lanes: [{ key: newest, stop: { reason: 'topic_recreated' } }], newTopics: {} })
      }
    }
  })

  it('lanes of one topic may be of different generations', () => {
    const topics = { ...known, [`${TOPIC}@2`]: { topicId: 'id-2', laneId: 2, logTopic: TOPIC } }
    const checkpoint = checkpointOf({ [`${TOPIC}/0`]: 5, [`${TOPIC}@2/0`]: 1, [`${TOPIC}/1`]: 5 }, topics)
    const { lanes } = matchLogLanes([status(0, 0, 9, 'id-2'), status(1, 0, 9, 'id-2')], checkpoint)
    expect(lanes).toMatchObject([
      { key: `${TOPIC}@2/0`, position: 1n },
      { key: `${TOPIC}/1`, position: 5n, stop: { reason: 'topic_recreated' } },
    ])
    expect(lanes[0]?.stop).toBeUndefined()
  })

  it('A5: a topic is noted once, with an id that no other has', () => {
    const { newTopics, lanes } = matchLogLanes([status(0, 0, 3), status(1, 0, 3)], EMPTY_CHECKPOINT)
    expect(newTopics).toEqual({ [TOPIC]: { topicId: 'id', laneId: freeLaneId(TOPIC, {}), logTopic: TOPIC } })
    expect(lanes.map(({ position: at, stop }) => [at, stop])).toEqual([
      [0n, undefined],
      [0n, undefined],
    ])
    const taken = Object.fromEntries(
      [0, 1, 2].map((i) => [`t${i}`, { topicId: 'x', laneId: freeLaneId(TOPIC, {}) + i, logTopic: 'x' }]),
    )
    expect(freeLaneId(TOPIC, taken)).toBe(freeLaneId(TOPIC, {}) + 3)
  })
})
