import { expect, test } from 'vitest'
import { RepeatLimit } from '../src/index.js'

const MINUTE_MS = 60_000

test('a state that lasts is told when it begins, changes, and after pauses that grow from a minute to an hour', () => {
  let now_ms = 1_000
  const limit = new RepeatLimit({ now_ms: () => 0, monotonic_ms: () => now_ms, sleep: async () => undefined })
  const told = (what: string, minutes: number): number[] => {
    const at: number[] = []
    for (let minute = 0; minute < minutes; minute++, now_ms += MINUTE_MS) if (limit.isDue('gold', what)) at.push(minute)
    return at
  }
  expect(limit.lasts('gold')).toBe(false)
  expect(told('full disk', 200)).toEqual([0, 1, 3, 7, 15, 31, 63, 123, 183])
  expect(limit.isDue('silver', 'full disk')).toBe(true)
  expect(told('no rights', 4)).toEqual([0, 1, 3])
  expect(limit.lasts('gold')).toBe(true)
  // Of the whole time, not since it last changed.
  expect(limit.end('gold')).toBe(204 * MINUTE_MS)
  expect(limit.end('gold')).toBeUndefined()
  expect(limit.lasts('gold')).toBe(false)
  expect(limit.lasts('silver')).toBe(true)
  expect(told('full disk', 2)).toEqual([0, 1])
})
