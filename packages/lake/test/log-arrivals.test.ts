import { position } from '@assay/core'
import { expect, test } from 'vitest'
import { LogArrivals } from '../src/log-arrivals.js'

const lane = { topic: 't', partition: 0 }

function arrivals() {
  let now_ms = 0
  const log = new LogArrivals({ now_ms: () => now_ms, monotonic_ms: () => 0, sleep: async () => undefined })
  const status = (end: number, topicId = 'a') => ({ lane, topicId, start: position(0n), end: position(BigInt(end)) })
  return {
    note(at_ms: number, end: number, topicId?: string) {
      now_ms = at_ms
      log.note([status(end, topicId)])
    },
    of: (offset: number, topicId?: string) => log.arrivalOf(status(0, topicId), position(BigInt(offset))),
  }
}

test('a record came when the end of its lane was first seen behind it, exactly so after the first look', () => {
  const { note, of } = arrivals()
  expect(of(0)).toBeUndefined()
  note(1_000, 5)
  note(2_000, 5)
  note(3_000, 8)
  note(4_000, 7)
  note(5_000, 9)
  expect([0, 4].map((offset) => of(offset))).toEqual(Array(2).fill({ at_ms: 1_000, isExact: false }))
  expect([5, 7].map((offset) => of(offset))).toEqual(Array(2).fill({ at_ms: 3_000, isExact: true }))
  expect(of(8)).toEqual({ at_ms: 5_000, isExact: true })
  expect(of(9)).toBeUndefined()
  note(6_000, 3, 'made again')
  expect(of(2, 'made again')).toEqual({ at_ms: 6_000, isExact: false })
  expect(of(0)).toEqual({ at_ms: 1_000, isExact: false })
})

test('A6: what is remembered is bounded; old times become earlier, never later, and the first stays', () => {
  const { note, of } = arrivals()
  for (let i = 1; i <= 5_000; i++) note(i * 10, i)
  expect(of(0)).toEqual({ at_ms: 10, isExact: false })
  expect(of(4_999)).toEqual({ at_ms: 50_000, isExact: true })
  let last_ms = 0
  const times = new Set<number>()
  for (let i = 1; i < 5_000; i++) {
    const found = of(i)
    if (!found?.isExact) throw new Error(`record ${i} is not known`)
    expect(found.at_ms).toBeLessThanOrEqual((i + 1) * 10)
    expect(found.at_ms).toBeGreaterThanOrEqual(last_ms)
    last_ms = found.at_ms
    times.add(found.at_ms)
  }
  expect(times.size).toBeLessThan(1_024)
})
