import type { LaneClockState } from '@assay/pipeline'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type Lateness, latenessOf } from '../src/silver/lateness.js'
import { bronzeRows } from './bronze-rows.js'

const SECOND_US = 1_000_000n
const LIMITS = { lateness_delay_ms: 60_000, lateness_jump_ms: undefined }

interface Row {
  readonly rank: number
  readonly time_us: bigint
  readonly rejected?: boolean
}

function verdictsOf(
  rows: readonly Row[],
  before: readonly (LaneClockState | undefined)[],
  limits: Parameters<typeof latenessOf>[4] = LIMITS,
): Lateness {
  const times_us = BigInt64Array.from(rows, ({ time_us }) => time_us)
  const valid = Uint32Array.from(rows.flatMap(({ rejected }, row) => (rejected ? [] : [row])))
  const known = before.map((state) => state ?? { greatest_us: undefined, candidate_us: undefined })
  return latenessOf(bronzeRows(rows.map(({ rank }) => rank)), times_us, valid, known, limits)
}

function clockOf({ lanes }: Lateness): LaneClockState {
  const [lane] = lanes
  return { greatest_us: lane?.greatest_us, candidate_us: lane?.candidate_us }
}

describe('lateness', () => {
  it('T16: only valid rows seen earlier in the lane make a row late', () => {
    const found = verdictsOf(
      [
        { rank: 0, time_us: 100n * SECOND_US },
        { rank: 0, time_us: 10_000n * SECOND_US, rejected: true },
        { rank: 0, time_us: 40n * SECOND_US },
        { rank: 0, time_us: 39n * SECOND_US },
        { rank: 1, time_us: 0n },
      ],
      [undefined, undefined],
    )
    expect([...found.isLate]).toEqual([0, 0, 0, 1, 0])
    expect([...found.lateness_ms]).toEqual([0n, 0n, 60_000n, 61_000n, 0n])
    expect(found.lanes).toEqual([
      { greatest_us: 100n * SECOND_US, candidate_us: undefined, written: 3n },
      { greatest_us: 0n, candidate_us: undefined, written: 4n },
    ])
  })

  it('A3: does not depend on where batches end', () => {
    const row = fc.record({
      rank: fc.constant(0),
      time_us: fc.nat(300).map((second) => BigInt(second) * SECOND_US),
      rejected: fc.boolean(),
    })
    fc.assert(
      fc.property(
        fc.array(row, { maxLength: 20 }),
        fc.nat(20),
        fc.constantFrom(undefined, 90_000),
        (rows, at, jump_ms) => {
          const limits = { ...LIMITS, lateness_jump_ms: jump_ms }
          const whole = verdictsOf(rows, [undefined], limits)
          const first = verdictsOf(rows.slice(0, at), [undefined], limits)
          const second = verdictsOf(rows.slice(at), [first.lanes[0]], limits)
          expect([...first.lateness_ms, ...second.lateness_ms]).toEqual([...whole.lateness_ms])
          expect([...first.isLate, ...second.isLate]).toEqual([...whole.isLate])
          expect(clockOf(second)).toEqual(clockOf(whole))
        },
      ),
    )
  })

  /** Lateness of a lane's rows, seconds, with a jump of five minutes. */
  const latenessOf = (...seconds: readonly number[]): bigint[] => {
    const rows = seconds.map((second) => ({ rank: 0, time_us: BigInt(second) * SECOND_US }))
    const found = verdictsOf(rows, [undefined], { ...LIMITS, lateness_jump_ms: 300_000 })
    return [...found.lateness_ms].map((ms) => ms / 1000n)
  }
  const FAR = 10 ** 9

  it.each([
    ['first', [FAR, 0, 10, 3], [0n, 0n, 0n, 7n]],
    ['in the middle', [0, 10, FAR, 11, 5], [0n, 0n, 0n, 0n, 6n]],
    ['twice in a row', [0, 10, FAR, FAR, 11, 5], [0n, 0n, 0n, 0n, 0n, 6n]],
    ['first, and again', [FAR, FAR, 0, 10, FAR, 4], [0n, 0n, 0n, 0n, 0n, 6n]],
    ['now and then', [0, 10, FAR, 11, FAR, 12, FAR, 6], [0n, 0n, 0n, 0n, 0n, 0n, 0n, 6n]],
  ])('T16: one value far ahead, %s, makes nothing late, though its Kafka timestamp is no better', (_, times, late) => {
    expect(latenessOf(...times)).toEqual(late)
  })

  it('a lane that was silent for long is as late as its next two rows say', () => {
    expect(latenessOf(0, 10, 4_000, 4_001, 3_900)).toEqual([0n, 0n, 0n, 0n, 101n])
    expect(latenessOf(0, 10, 4_000, 3_990, 3_980)).toEqual([0n, 0n, 0n, 0n, 10n])
    // The second is far ahead of the first: it is the next to be borne out.
    expect(latenessOf(0, 10, 4_000, 9_000, 9_001, 8_000)).toEqual([0n, 0n, 0n, 0n, 0n, 1_001n])
  })
})
