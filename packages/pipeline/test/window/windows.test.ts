import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type Aggregate, foldRows, type KeyedPanes, mergePanes, rollUp } from '../../src/window/aggregate.js'
import { assignPanes, windowAt, windowStart, windowsOf } from '../../src/window/assign.js'
import { closedBy, firstOpenWindow } from '../../src/window/watermark.js'
import { type AlignedSpec, session, sliding, tumbling } from '../../src/window/window-spec.js'

const MINUTE_US = 60_000_000n
const YEAR_1 = BigInt(Date.parse('0001-01-01T00:00:00Z')) * 1000n
const YEAR_9999 = BigInt(Date.parse('9999-12-31T23:59:59.999Z')) * 1000n + 999n
/** Every time of the years 1 to 9999, most of them near 1970 or near the border of a window. */
const time = fc.oneof(
  fc.bigInt(YEAR_1, YEAR_9999),
  fc.bigInt(-10n * MINUTE_US, 10n * MINUTE_US),
  fc
    .tuple(fc.bigInt(YEAR_1 / MINUTE_US + 1n, YEAR_9999 / MINUTE_US), fc.bigInt(-2n, 2n))
    .map(([minute, beside]) => minute * MINUTE_US + beside),
)
const size = fc.oneof(fc.constantFrom(MINUTE_US, 60n * MINUTE_US, 1440n * MINUTE_US), fc.bigInt(64n, 2n ** 53n - 1n))
const slidingSpec = fc
  .tuple(fc.bigInt(64n, 10n ** 10n), fc.bigInt(1n, 20n))
  .map(([slide, times]) => sliding(slide * times, slide))
const spec: fc.Arbitrary<AlignedSpec> = fc.oneof(size.map(tumbling), slidingSpec)

function allRows(count: number): Uint32Array {
  return Uint32Array.from({ length: count }, (_, row) => row)
}

describe('windows', () => {
  it('of a tumbling spec cover each time once', () => {
    fc.assert(
      fc.property(time, size, (time_us, size_us) => {
        const windows = windowsOf(tumbling(size_us), time_us)
        expect(windows).toHaveLength(1)
        const [{ start_us, end_us }] = windows as [(typeof windows)[number]]
        expect(start_us <= time_us && time_us < end_us).toBe(true)
        expect(end_us - start_us).toBe(size_us)
        expect(start_us % size_us).toBe(0n)
        expect(start_us).toBe(windowStart(time_us, size_us))
      }),
    )
  })

  it('of a sliding spec cover each time exactly size / slide times', () => {
    fc.assert(
      fc.property(time, slidingSpec, (time_us, one) => {
        const windows = windowsOf(one, time_us)
        expect(windows).toHaveLength(Number(one.size_us / one.slide_us))
        for (const { start_us, end_us } of windows) {
          expect(start_us <= time_us && time_us < end_us).toBe(true)
          expect(start_us % one.slide_us).toBe(0n)
        }
        expect(new Set(windows.map(({ start_us }) => start_us)).size).toBe(windows.length)
      }),
    )
  })

  it('are half-open, before 1970, too', () => {
    const starts = [-MINUTE_US - 1n, -MINUTE_US, -1n, 0n, 1n, MINUTE_US - 1n, MINUTE_US]
    expect(starts.map((one) => windowStart(one, MINUTE_US) / MINUTE_US)).toEqual([-2n, -1n, -1n, 0n, 0n, 0n, 1n])
  })

  it('of a column are those of its times, from year 1 to 9999', () => {
    fc.assert(
      fc.property(fc.array(time), size, (times, size_us) => {
        const panes = assignPanes(BigInt64Array.from(times), allRows(times.length), size_us)
        expect(Array.from(panes, BigInt)).toEqual(times.map((one) => windowStart(one, size_us) / size_us))
      }),
      { numRuns: 300 },
    )
  })

  it.each([64n, 60_000_000n, 2n ** 52n, 2n ** 52n + 1n, 2n ** 53n - 1n])(
    'of %d µs are exact where doubles end, and at the ends of 64 bits',
    (size_us) => {
      const borders = [-(2n ** 63n), -(2n ** 53n), 0n, 2n ** 53n, 2n ** 63n - 4n].flatMap((one) => {
        const border = (one / size_us) * size_us
        return [one, one + 1n, one + 3n, border - 1n, border, border + 1n]
      })
      const isExact = (one: bigint): boolean => one / size_us < 2n ** 53n && -one / size_us < 2n ** 53n
      const times = borders.filter((one) => one === BigInt.asIntN(64, one) && isExact(one))
      expect(times.length).toBeGreaterThan(10)
      const panes = assignPanes(BigInt64Array.from(times), allRows(times.length), size_us)
      expect(Array.from(panes, BigInt)).toEqual(times.map((one) => windowStart(one, size_us) / size_us))
    },
  )

  it('of chosen rows of a column are those of these rows, in their order', () => {
    const times = BigInt64Array.of(0n, 5n * MINUTE_US, -1n, YEAR_1, YEAR_9999)
    const rows = Uint32Array.of(4, 2, 1, 3)
    const numbers = [YEAR_9999 / MINUTE_US, -1n, 5n, YEAR_1 / MINUTE_US]
    expect(Array.from(assignPanes(times, rows, MINUTE_US), BigInt)).toEqual(numbers)
    const within = BigInt64Array.of(1n, 2n, MINUTE_US).subarray(1)
    expect([...assignPanes(within, Uint32Array.of(0, 1), MINUTE_US)]).toEqual([0, 1])
  })

  it('have numbers, in the order of their ends; those before the first open one are closed', () => {
    fc.assert(
      fc.property(spec, time, (one, watermark_us) => {
        const open = firstOpenWindow(one, watermark_us)
        fc.pre(Math.abs(open) < 2 ** 52)
        expect(closedBy(windowAt(one, open - 1), watermark_us)).toBe(true)
        expect(closedBy(windowAt(one, open), watermark_us)).toBe(false)
      }),
    )
  })

  it('are closed by a watermark that has reached their end, not before', () => {
    const window = { start_us: 0n, end_us: MINUTE_US }
    expect([undefined, MINUTE_US - 1n, MINUTE_US].map((one) => closedBy(window, one))).toEqual([false, false, true])
  })
})

describe('a spec', () => {
  it.each([
    ['tumbling', () => tumbling(60_000_000), { kind: 'tumbling', size_us: MINUTE_US }],
    ['as great as it can be', () => tumbling(2n ** 53n - 1n), { kind: 'tumbling', size_us: 2n ** 53n - 1n }],
    ['sliding', () => sliding(10, 5), { kind: 'sliding', size_us: 10n, slide_us: 5n }],
    ['sliding by its size', () => sliding(10n, 10), { kind: 'sliding', size_us: 10n, slide_us: 10n }],
    [
      'with as many windows as there may be',
      () => sliding(10_000, 1),
      { kind: 'sliding', size_us: 10_000n, slide_us: 1n },
    ],
    ['of sessions', () => session(1), { kind: 'session', gap_us: 1n }],
  ])('%s is data', (_, made, expected) => {
    expect(made()).toEqual(expected)
  })
})

describe('bad_window', () => {
  it.each([
    ['a size of zero', () => tumbling(0), 'the size of a window, 0 µs, is not above zero'],
    ['a size below zero', () => tumbling(-MINUTE_US), 'the size of a window, -60000000 µs, is not above zero'],
    ['half a microsecond', () => tumbling(0.5), 'the size of a window, 0.5 µs, is no whole number'],
    ['no number', () => tumbling(Number.NaN), 'the size of a window, NaN µs, is no whole number'],
    ['a size without end', () => tumbling(Number.POSITIVE_INFINITY), 'Infinity µs, is no whole number'],
    ['a size that is no safe integer', () => tumbling(2 ** 53), '9007199254740992 µs, is no whole number up to'],
    ['a bigint beyond those', () => tumbling(2n ** 53n), '9007199254740992 µs, is no whole number up to'],
    ['a slide of zero', () => sliding(10, 0), 'the slide of a window, 0 µs, is not above zero'],
    [
      'a slide that does not divide',
      () => sliding(10, 3),
      'the slide of a window, 3 µs, does not divide its size, 10 µs',
    ],
    ['a slide above the size', () => sliding(10, 20), 'the slide of a window, 20 µs, is greater than its size, 10 µs'],
    ['too many windows', () => sliding(10_001, 1), 'put each event into 10001 windows'],
    ['a gap of zero', () => session(0n), 'the gap of a window, 0 µs, is not above zero'],
    ['a gap below zero', () => session(-1), 'the gap of a window, -1 µs, is not above zero'],
  ])('is said of %s, with a hint', (_, make, says) => {
    expect(make).toThrow(
      expect.objectContaining({ code: 'bad_window', message: expect.stringContaining(says), hint: expect.any(String) }),
    )
  })

  it('is said of panes that do not fit into the windows', () => {
    expect(() => rollUp(COUNT_AND_SUM, [], 7n, tumbling(10n))).toThrow(expect.objectContaining({ code: 'bad_window' }))
    expect(() => rollUp(COUNT_AND_SUM, [], 2n, sliding(10n, 5n))).toThrow(/2 µs don't fit into .* every 5 µs/)
  })
})

/** Integers, whose sums are the same in every order; the accumulators of `fold` are changed where they are. */
const COUNT_AND_SUM: Aggregate<{ count: number; sum: bigint; greatest: number }, number> = {
  empty: () => ({ count: 0, sum: 0n, greatest: -1 }),
  fold: (acc, row) => {
    acc.count++
    acc.sum += BigInt(row * row)
    acc.greatest = Math.max(acc.greatest, row)
    return acc
  },
  merge: (a, b) => ({ count: a.count + b.count, sum: a.sum + b.sum, greatest: Math.max(a.greatest, b.greatest) }),
}
type Sums = KeyedPanes<ReturnType<typeof COUNT_AND_SUM.empty>>

interface Row {
  readonly key: number
  readonly time_us: bigint
}

function folded(all: readonly Row[], rows: readonly number[], size_us: bigint, into: Sums = new Map()): Sums {
  const chosen = Uint32Array.from(rows)
  const panes = assignPanes(
    BigInt64Array.from(all, ({ time_us }) => time_us),
    chosen,
    size_us,
  )
  foldRows(COUNT_AND_SUM, { rows: chosen, keys: Int32Array.from(rows, (row) => (all[row] as Row).key), panes }, into)
  return into
}

/** Merges parts in the order that `choices` says: a tree of any form. */
function mergedAsTree(parts: Sums[], choices: readonly number[]): Sums {
  const left = [...parts]
  for (let k = 0; left.length > 1; k++) {
    const [from] = left.splice((choices[k % choices.length] ?? 0) % left.length, 1)
    const into = left[((choices[(k + 1) % choices.length] ?? 0) >>> 3) % left.length] as Sums
    mergePanes(COUNT_AND_SUM, from as Sums, into)
  }
  return left[0] ?? new Map()
}

function sorted(panes: Sums): unknown[] {
  const flat = [...panes].flatMap(([key, ofKey]) => [...ofKey].map(([pane, acc]) => [key, pane, acc] as const))
  return flat.sort(([a, b], [c, d]) => a - c || b - d)
}

const rowsOfKeys = fc.array(
  fc.record({ key: fc.nat(2), time_us: fc.bigInt(-20n, 100n).map((minute) => minute * MINUTE_US + 7n) }),
  { maxLength: 40 },
)

describe('aggregates', () => {
  it('are the same in any order, split and tree of merges', () => {
    fc.assert(
      fc.property(
        rowsOfKeys.chain((all) =>
          fc.record({
            all: fc.constant(all),
            order: fc.shuffledSubarray([...all.keys()], { minLength: all.length }),
            cuts: fc.array(fc.nat(all.length), { maxLength: 6 }),
          }),
        ),
        fc.array(fc.nat(1000), { minLength: 1 }),
        ({ all, order, cuts }, choices) => {
          const whole = folded(all, [...all.keys()], 5n * MINUTE_US)
          const places = [0, ...cuts.sort((a, b) => a - b), all.length]
          const parts = places.slice(1).map((to, k) => folded(all, order.slice(places[k], to), 5n * MINUTE_US))
          expect(sorted(mergedAsTree(parts, choices))).toEqual(sorted(whole))
          const inTurn: Sums = new Map()
          for (const [k, to] of places.slice(1).entries())
            folded(all, order.slice(places[k], to), 5n * MINUTE_US, inTurn)
          expect(sorted(inTurn)).toEqual(sorted(whole))
        },
      ),
    )
  })

  it.each([
    ['an hour', () => tumbling(60n * MINUTE_US)],
    ['the panes themselves', () => tumbling(MINUTE_US)],
    ['five minutes that slide by one', () => sliding(5n * MINUTE_US, MINUTE_US)],
    ['six minutes that slide by two', () => sliding(6n * MINUTE_US, 2n * MINUTE_US)],
  ])('of %s are exact merges of panes of a minute', (_, spec) => {
    const windows = spec()
    fc.assert(
      fc.property(rowsOfKeys, (all) => {
        const panes = folded(all, [...all.keys()], MINUTE_US)
        const rolled: Sums = new Map()
        for (const [key, ofKey] of panes) rolled.set(key, rollUp(COUNT_AND_SUM, ofKey, MINUTE_US, windows))
        const direct: Sums = new Map()
        for (const [row, { key, time_us }] of all.entries()) {
          const ofKey = direct.get(key) ?? new Map()
          direct.set(key, ofKey)
          for (const { start_us } of windowsOf(windows, time_us)) {
            const n = Number(start_us / (windows.kind === 'sliding' ? windows.slide_us : windows.size_us))
            ofKey.set(n, COUNT_AND_SUM.fold(ofKey.get(n) ?? COUNT_AND_SUM.empty(), row))
          }
        }
        expect(sorted(rolled)).toEqual(sorted(direct))
      }),
    )
  })

  it('of a rollup leave the panes alone, though later rows are folded into it', () => {
    const panes = new Map([[0, { count: 1, sum: 4n, greatest: 2 }]])
    const rolled = rollUp(COUNT_AND_SUM, panes, MINUTE_US, tumbling(60n * MINUTE_US))
    COUNT_AND_SUM.fold(rolled.get(0) as ReturnType<typeof COUNT_AND_SUM.empty>, 3)
    expect(panes.get(0)).toEqual({ count: 1, sum: 4n, greatest: 2 })
  })
})
