import { exchangeNamed } from '@assay/exchanges'
import { describe, expect, test } from 'vitest'
import { Pacer } from '../src/pacer.js'
import { usualBounds, withinBounds } from '../src/time-bounds.js'

const binance = exchangeNamed('binance')
const NOW_MS = Date.UTC(2026, 0, 1)
const bounds = usualBounds(binance, NOW_MS)

const records = (...times_us: bigint[]) => ({
  kind: 'records' as const,
  records: times_us.map((event_time_us) => ({ key: new Uint8Array(0), record: {}, event_time_us })),
  refused: [],
})

describe('S6: bounds at the door', () => {
  test('are the exchange’s first trade and a day from now, both included', () => {
    expect(bounds).toEqual({
      notBefore_us: BigInt(binance.firstTrade_ms) * 1_000n,
      notAfter_us: BigInt(NOW_MS + 86_400_000) * 1_000n,
    })
    const { notBefore_us, notAfter_us } = bounds
    const edges = records(notBefore_us, notAfter_us)
    expect(withinBounds(edges, bounds)).toBe(edges)
    expect(withinBounds(records(notBefore_us - 1n), bounds)).toMatchObject({ kind: 'refused' })
    expect(withinBounds(records(notAfter_us + 1n), bounds)).toMatchObject({ kind: 'refused' })
  })

  test('take the good trades of a message, and say of the others on which side they are and what unit they may be in', () => {
    const good = bounds.notAfter_us - 1n
    const seconds = good / 1_000n
    const found = withinBounds({ ...records(seconds, good, good * 1_000n), refused: ['before'] }, bounds)
    expect(found).toMatchObject({ kind: 'records', records: [{ event_time_us: good }] })
    if (found.kind !== 'records') throw new Error('no records')
    expect(found.refused).toEqual([
      'before',
      expect.stringMatching(/is before .*, which may be seconds where milliseconds are expected$/),
      expect.stringMatching(/is after \S+$/),
    ])
    expect(withinBounds({ kind: 'ignored', why: 'x' }, bounds)).toEqual({ kind: 'ignored', why: 'x' })
  })
})

test('a producer is held to its rate: short waits are saved up, and who is behind does not wait', () => {
  let now_ms = 5_000
  const pacer = new Pacer({ now_ms: () => 0, monotonic_ms: () => now_ms, sleep: async () => undefined }, 100)
  expect([0, 9, 10, 50].map((count) => pacer.wait_ms(count))).toEqual([0, 0, 100, 500])
  now_ms += 1_000
  expect([50, 100, 109, 110].map((count) => pacer.wait_ms(count))).toEqual([-500, 0, 0, 100])
})
