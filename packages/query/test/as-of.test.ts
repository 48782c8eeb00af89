import { describe, expect, test } from 'vitest'
import { parseAsOf } from '../src/index.js'

describe('as of', () => {
  test.each([
    ['2026-01-31T12:00:00Z', Date.UTC(2026, 0, 31, 12)],
    ['2026-01-31T12:00:00+02:00', Date.UTC(2026, 0, 31, 10)],
    ['2026-01-31T12:00:00', Date.UTC(2026, 0, 31, 12)],
    ['2026-01-31 12:00:00.250', Date.UTC(2026, 0, 31, 12, 0, 0, 250)],
    ['2026-01-31', Date.UTC(2026, 0, 31)],
  ])('%s is a time', (text, time_ms) => {
    expect(parseAsOf(text)).toEqual({ kind: 'time', time_ms })
  })

  test('a number is a snapshot, exact beyond 2^53', () => {
    expect(parseAsOf('9007199254740993')).toEqual({ kind: 'snapshot', id: 9007199254740993n })
  })

  test.each([
    ['30s', 30_000],
    ['10m', 600_000],
    ['2h', 7_200_000],
    ['3d', 259_200_000],
  ])('%s is how long ago', (text, ago_ms) => {
    expect(parseAsOf(text)).toEqual({ kind: 'ago', ago_ms })
  })

  test.each(['10x', 'm', '1.5h', 'yesterday', '2026', '2026-13-01', '31.01.2026', '', '-5', '12345678901234567890'])(
    '%j is neither',
    (text) => {
      expect(() => parseAsOf(text)).toThrow(/neither a time nor a snapshot/)
    },
  )
})
