import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Aggregate } from '../../src/window/aggregate.js'
import { mergeSessions, type Session, sessionsOf, sessionWindow } from '../../src/window/sessions.js'
import { session } from '../../src/window/window-spec.js'

const DAY_US = 86_400_000_000n
const SPEC = session(10n)
const YEAR_1 = BigInt(Date.parse('0001-01-01T00:00:00Z')) * 1000n
const YEAR_9999 = BigInt(Date.parse('9999-12-31T00:00:00Z')) * 1000n

/** The rows themselves, so that nothing can be counted twice or be lost; its order says nothing. */
const ROWS: Aggregate<readonly number[], number> = {
  empty: () => [],
  fold: (rows, row) => [...rows, row].sort((a, b) => a - b),
  merge: (a, b) => [...a, ...b].sort((c, d) => c - d),
}

/** Times in order, many of them close to one another or around midnight; also far from 1970. */
const times = fc
  .tuple(fc.constantFrom(0n, -DAY_US, YEAR_1, YEAR_9999), fc.array(fc.bigInt(-60n, 60n), { maxLength: 25 }))
  .map(([day, all]) => BigInt64Array.from(all, (one) => day + one).sort())

function sessionsOfRows(column: BigInt64Array, rows: readonly number[]): Session<readonly number[]>[] {
  return sessionsOf(ROWS, column, Uint32Array.from(rows), SPEC)
}

/** By the definition: two events are in one session when they are of one day and no silence between them is a gap. */
function isTogether(column: BigInt64Array, i: number, j: number): boolean {
  const between = [...column.subarray(i, j + 1)]
  const day = (time: bigint): bigint => (time - (((time % DAY_US) + DAY_US) % DAY_US)) / DAY_US
  const isNear = between.every((time, k) => k === 0 || time - (between[k - 1] as bigint) < 10n)
  return isNear && day(between[0] as bigint) === day(between.at(-1) as bigint)
}

describe('sessions', () => {
  it('hold two events exactly when no gap and no midnight lies between them', () => {
    fc.assert(
      fc.property(times, (column) => {
        const all = sessionsOfRows(column, [...column.keys()])
        expect(all.flatMap(({ value }) => value)).toEqual([...column.keys()])
        const placeOf = (row: number): number => all.findIndex(({ value }) => value.includes(row))
        for (let j = 0; j < column.length; j++) {
          for (let i = 0; i < j; i++) expect(placeOf(i) === placeOf(j)).toBe(isTogether(column, i, j))
        }
      }),
    )
  })

  it('are the same in any split and order of merges', () => {
    const split = times.chain((column) =>
      fc.tuple(fc.constant(column), fc.array(fc.nat(3), { minLength: column.length, maxLength: column.length })),
    )
    fc.assert(
      fc.property(split, ([column, parts]) => {
        const rows = [...column.keys()]
        const [a = [], b = [], c = [], d = []] = [0, 1, 2, 3].map((part) =>
          sessionsOfRows(
            column,
            rows.filter((row) => parts[row] === part),
          ),
        )
        const merge = (one: typeof a, other: typeof a) => mergeSessions(ROWS, one, other, SPEC)
        const whole = sessionsOfRows(column, rows)
        expect(merge(merge(a, b), merge(c, d))).toEqual(whole)
        expect(merge(d, merge(merge(c, a), b))).toEqual(whole)
      }),
    )
  })

  it('do not overlap as windows, and lie within a day', () => {
    fc.assert(
      fc.property(times, (column) => {
        const windows = sessionsOfRows(column, [...column.keys()]).map((one) => sessionWindow(one, SPEC))
        for (const [k, { start_us, end_us }] of windows.entries()) {
          expect(start_us < end_us).toBe(true)
          expect(end_us <= (windows[k + 1]?.start_us ?? end_us)).toBe(true)
        }
      }),
    )
  })

  it('of rows that are not in order are refused', () => {
    expect(() => sessionsOfRows(BigInt64Array.of(5n, 4n), [0, 1])).toThrow('row 1 is earlier than row 0 before it')
    expect(sessionsOfRows(BigInt64Array.of(5n, 4n), [1, 0])).toHaveLength(1)
    expect(sessionsOfRows(BigInt64Array.of(), [])).toEqual([])
  })
})
