import { expect, test } from 'vitest'
import { backOff_ms, seededRandom } from '../src/index.js'

test('A8: waits between attempts double up to two seconds, half of each by chance', () => {
  const drawn = (unit: number) => ({ ...seededRandom(1), unit: () => unit })
  const waits = (unit: number, first_ms?: number): number[] =>
    [1, 2, 3, 4, 8, 9, 50].map((attempt) => backOff_ms(attempt, drawn(unit), first_ms))
  expect(waits(1)).toEqual([20, 40, 80, 160, 2_000, 2_000, 2_000])
  expect(waits(0)).toEqual([10, 20, 40, 80, 1_000, 1_000, 1_000])
  expect(waits(0, 100)).toEqual([50, 100, 200, 400, 1_000, 1_000, 1_000])
})
