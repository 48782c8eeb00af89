import fc from 'fast-check'
import { beforeAll, describe, expect, it } from 'vitest'
import { openSession } from '../../../tests/support/open-session.js'
import { countLateness, type Share } from '../src/lateness/count-lateness.js'

let session: Awaited<ReturnType<typeof openSession>>
beforeAll(async () => {
  session = await openSession()
})

const count = (values: readonly number[], target: Share) =>
  countLateness(session, `SELECT unnest([${values}]::BIGINT[]) AS lateness_ms`, target)

/** The same by going through all values, sorted, for each figure. */
function naive(values: readonly number[], target: Share): unknown {
  const sorted = [...values].sort((a, b) => a - b)
  const caught = (delay: number): number => sorted.filter((value) => value <= delay).length
  const least = ({ part, of }: Share): number | undefined =>
    sorted.find((value) => BigInt(caught(value)) * of >= BigInt(sorted.length) * part)
  const least_delay_ms = least(target) as number
  return {
    rows: sorted.length,
    p50_ms: least({ part: 1n, of: 2n }),
    p90_ms: least({ part: 90n, of: 100n }),
    p99_ms: least({ part: 99n, of: 100n }),
    p999_ms: least({ part: 999n, of: 1000n }),
    max_ms: sorted.at(-1),
    caught: [0, 1, 5, 10, 30, 60, 300, 600].map((s) => ({ delay_ms: s * 1000, rows: caught(s * 1000) })),
    least_delay_ms,
    later_rows: sorted.length - caught(least_delay_ms),
  }
}

describe('lateness', () => {
  it('is counted exactly, whatever the values and the target', async () => {
    const value = fc.oneof(
      fc.constantFrom(0, 0, 0, 999, 1000, 1001, 599_999, 600_000, 600_001),
      fc.integer({ min: 0, max: 2 ** 40 }),
    )
    const target = fc.integer({ min: 1, max: 1_000 }).map((part): Share => ({ part: BigInt(part), of: 1_000n }))
    await fc.assert(
      fc.asyncProperty(fc.array(value, { minLength: 1, maxLength: 60 }), target, async (values, share) => {
        expect(await count(values, share)).toEqual(naive(values, share))
      }),
      { numRuns: 40 },
    )
  })

  it('meets a target where just enough rows do, and not where one is lacking', async () => {
    const values = [...Array<number>(999).fill(0), 7]
    expect(await count(values, { part: 999n, of: 1_000n })).toMatchObject({ least_delay_ms: 0, later_rows: 1 })
    expect(await count(values, { part: 999_000_001n, of: 1_000_000_000n })).toMatchObject({
      least_delay_ms: 7,
      later_rows: 0,
    })
    expect(await count(values, { part: 1n, of: 1n })).toMatchObject({ least_delay_ms: 7, later_rows: 0 })
  })

  it('of no rows is nothing', async () => {
    expect(await count([], { part: 1n, of: 2n })).toBeUndefined()
  })
})
