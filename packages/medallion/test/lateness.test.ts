import { bytesColumn } from '@assay/core'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { judgeTimes, type Verdicts } from '../src/silver/lateness.js'
import type { BronzeRows } from '../src/silver/rows.js'

const SECOND_US = 1_000_000n
const DAY_US = 86_400n * SECOND_US
const LIMITS = { lateness_delay_ms: 60_000, maxPartitions: 64 }

interface Row {
  readonly rank: number
  readonly time_us: bigint
  readonly rejected?: boolean
}

function verdictsOf(
  rows: readonly Row[],
  greatest: readonly (bigint | undefined)[],
  limits: typeof LIMITS = LIMITS,
): Verdicts {
  const bronze: BronzeRows = {
    count: rows.length,
    ranks: Int32Array.from(rows, ({ rank }) => rank),
    offsets: BigInt64Array.from(rows, (_, i) => BigInt(i)),
    kafka_us: new BigInt64Array(rows.length),
    kafkaNulls: new Uint8Array(rows.length),
    bronze_us: new BigInt64Array(rows.length),
    raw: bytesColumn(rows.map(() => new Uint8Array())),
  }
  const data = BigInt64Array.from(rows, ({ time_us }) => time_us)
  const columns = [{ name: 'event_time_us', column: { type: 'BIGINT' as const, data } }]
  const rejections = rows.flatMap(({ rejected }, row) => (rejected ? [{ row, type: 'timestamp_validation' }] : []))
  return judgeTimes(bronze, columns, rejections, greatest, limits)
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
    expect([...found.valid]).toEqual([1, 0, 1, 1, 1])
    expect(found.lanes).toEqual([
      { greatest_us: 100n * SECOND_US, written: 3n },
      { greatest_us: 0n, written: 4n },
    ])
  })

  it('A3: does not depend on where batches end', () => {
    const row = fc.record({
      rank: fc.constant(0),
      time_us: fc.nat(300).map((second) => BigInt(second) * SECOND_US),
      rejected: fc.boolean(),
    })
    fc.assert(
      fc.property(fc.array(row, { maxLength: 20 }), fc.nat(20), (rows, at) => {
        const whole = verdictsOf(rows, [undefined])
        const first = verdictsOf(rows.slice(0, at), [undefined])
        const second = verdictsOf(rows.slice(at), [first.lanes[0]?.greatest_us])
        expect([...first.lateness_ms, ...second.lateness_ms]).toEqual([...whole.lateness_ms])
        expect([...first.isLate, ...second.isLate]).toEqual([...whole.isLate])
        expect(second.lanes[0]?.greatest_us).toEqual(whole.lanes[0]?.greatest_us)
      }),
    )
  })

  it('T14: the batch ends before the row that would open one partition too many, rejected rows counted', () => {
    const rows = [
      { rank: 0, time_us: 0n },
      { rank: 0, time_us: DAY_US },
      { rank: 0, time_us: 0n, rejected: true },
      { rank: 0, time_us: 1n },
      { rank: 0, time_us: 2n * DAY_US },
      { rank: 0, time_us: 0n },
    ]
    const found = verdictsOf(rows, [undefined], { ...LIMITS, maxPartitions: 3 })
    expect(found.count).toBe(4)
    expect([...found.valid.subarray(4)]).toEqual([0, 0])
    expect([...found.days]).toEqual([0, 1])
    expect(found.lanes[0]).toEqual({ greatest_us: DAY_US, written: 3n })
  })
})
