import { expect, test } from 'vitest'
import { VirtualClock } from '../../../tests/support/virtual-clock.js'
import { UpTotals } from '../src/commands/up/up-status.js'

function committed(worker: string, counts: Readonly<Record<string, number>>) {
  return { kind: 'committed', worker, counts, breakdowns: {}, duration_ms: 1, sequence: 1 } as const
}

test('what up did is told at its end: rows by layer, dead letters, duplicates and the time that it took', () => {
  const clock = new VirtualClock()
  const totals = new UpTotals(clock)
  expect(totals.text(['bronze'])).toBe('nothing was new in 0.0 s\n')
  clock.advance(90_000)
  for (const exchange of ['binance', 'kraken']) {
    totals.onWorker(committed(`bronze-${exchange}`, { records: 1_000, bytes: 60_000 }))
    totals.onWorker(committed(`silver-${exchange}`, { records: 1_000, valid: 990, rejected: 10 }))
  }
  totals.onWorker(committed('gold', { records: 1_980, written: 1_900, duplicates: 80 }))
  expect(totals.text(['bronze', 'silver', 'gold'])).toBe(`done in 1.5 min:
  bronze         2,000 rows
  silver         1,980 rows, 20 dead letters
  gold           1,900 rows, 80 duplicates
`)
})
