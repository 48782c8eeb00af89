import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  clockMembers,
  LaneClock,
  type LaneClockState,
  NEW_CLOCK,
  observeTimes,
  readClock,
} from '../../src/window/lane-clock.js'
import { advanceWatermark, drainWatermark, type WatermarkLane } from '../../src/window/watermark.js'
import { tumbling } from '../../src/window/window-spec.js'

const SECOND_US = 1_000_000n
const JUMP_US = 300_000_000
const LIMITS = { delay_ms: 1_000, idle_timeout_ms: 30_000, jump_ms: JUMP_US / 1000 }
/** Ten o'clock of some day, ms. */
const TEN = Date.UTC(2026, 0, 5, 10)
const NO_TIME = { now_ms: TEN, taken_ms: undefined }

/** So many seconds after ten, µs. */
function at(second: number): bigint {
  return BigInt(TEN) * 1000n + BigInt(second) * SECOND_US
}

function lane(greatest_us: bigint | undefined, idle_since_ms?: number, candidate_us?: bigint): WatermarkLane {
  return { live: true, greatest_us, candidate_us, idle_since_ms }
}

function observed(times: readonly bigint[], before: LaneClockState = NEW_CLOCK): LaneClockState {
  return observeTimes(before, BigInt64Array.from(times), Uint32Array.from(times.keys()), JUMP_US)
}

describe('the clock of a lane', () => {
  const FAR = BigInt(Date.UTC(2100, 0, 1)) * 1000n

  it.each([
    ['nothing', [], undefined, undefined],
    ['its first time, which is a candidate', [at(0)], undefined, at(0)],
    ['the lower of the first two', [at(5), at(3)], at(3), undefined],
    ['a second that is later', [at(3), at(5)], at(5), undefined],
    ['the same time twice, which may be the same record', [at(3), at(3)], undefined, at(3)],
    ['a candidate that the next is too far behind', [at(0), at(1), FAR, at(2)], at(2), undefined],
    ['a candidate that a late one drops', [at(0), at(2), FAR, at(1), FAR + 1n], at(2), FAR + 1n],
    ['a candidate that the same time as before drops', [at(0), at(2), FAR, at(2), FAR + 1n], at(2), FAR + 1n],
    ['a candidate twice in a row', [at(0), at(1), FAR, FAR, at(2)], at(2), undefined],
    ['a candidate at the end', [at(0), at(1), FAR], at(1), FAR],
    ['two candidates, each further', [at(0), at(1), at(1000), at(2000)], at(1000), at(2000)],
    ['a jump exactly', [at(0), at(1), at(301)], at(301), undefined],
    ['a microsecond more than the jump', [at(0), at(1), at(301) + 1n], at(1), at(301) + 1n],
    ['a silence of an hour, borne out by an earlier time', [at(0), at(1), at(3600), at(3400)], at(3400), undefined],
    ['a time exactly the jump behind the candidate', [at(0), at(1), at(3600), at(3300)], at(3300), undefined],
    ['one further behind, which is a candidate itself', [at(0), at(1), at(3600), at(3299)], at(1), at(3299)],
    ['late ones after the newest', [at(0), at(10), at(5), at(7)], at(10), undefined],
  ])('after %s', (_, times, greatest_us, candidate_us) => {
    expect(observed(times)).toEqual({ greatest_us, candidate_us })
  })

  it('knows the years 1, 1969 and 9999', () => {
    const times = ['0001-01-01T00:00:00Z', '0001-01-01T00:00:01Z', '1969-12-31T23:59:59Z', '1970-01-01T00:00:00Z']
    const [first, second, third, fourth] = times.map((one) => BigInt(Date.parse(one)) * 1000n) as [
      bigint,
      bigint,
      bigint,
      bigint,
    ]
    expect(observed([first, second]).greatest_us).toBe(second)
    expect(observed([first, second, third, fourth]).greatest_us).toBe(0n)
    const last = BigInt(Date.parse('9999-12-31T23:59:59Z')) * 1000n
    expect(observed([first, second, last, last - SECOND_US]).greatest_us).toBe(last - SECOND_US)
  })

  const times = fc.array(
    fc.oneof(fc.integer({ min: 0, max: 20 }), fc.constantFrom(400, 800, 10 ** 9)).map((second) => at(second)),
    { maxLength: 30 },
  )

  it('never falls, and does not hang on where batches end, also by way of JSON', () => {
    fc.assert(
      fc.property(times, fc.nat(30), (all, cut) => {
        const whole = observed(all)
        const first = observed(all.slice(0, cut))
        const stored = readClock(JSON.parse(JSON.stringify(clockMembers(first))), 'a clock')
        expect(stored).toEqual(first)
        expect(observed(all.slice(cut), stored)).toEqual(whole)
        if (first.greatest_us !== undefined) expect((whole.greatest_us ?? 0n) >= first.greatest_us).toBe(true)
      }),
    )
  })

  it('is moved by one time alone to no more than the jump', () => {
    fc.assert(
      fc.property(times, (all) => {
        const one = new LaneClock(NEW_CLOCK, JUMP_US)
        let before = one.state.greatest_us
        const seen = new Set<bigint>()
        for (const time_us of all) {
          one.take(Number(time_us))
          const after = one.state.greatest_us
          // Borne out by two different times at least, or near to what was trusted.
          if (before === undefined || (after ?? 0n) > before + BigInt(JUMP_US)) {
            const near = [...seen].filter((other) => other !== time_us && time_us >= other - BigInt(JUMP_US))
            if (after !== before) expect(near.length).toBeGreaterThan(0)
          }
          seen.add(time_us)
          before = after
        }
      }),
    )
  })

  it('looks at the rows that it is given, in their order', () => {
    const column = BigInt64Array.of(at(9), at(1), at(2), at(8))
    expect(observeTimes(NEW_CLOCK, column, Uint32Array.of(1, 2), JUMP_US).greatest_us).toBe(at(2))
  })

  it.each(['noon', '12x', 'x12', '1.5', 12, '12345678901234567890'])('that is none, but %s, is told', (greatest_us) => {
    expect(() => readClock({ greatest_us }, "gold's clock of a lane")).toThrow(
      expect.objectContaining({ code: 'bad_checkpoint', message: expect.stringContaining("gold's clock of a lane") }),
    )
  })

  it('without a jump trusts every time at once', () => {
    const clock = new LaneClock(NEW_CLOCK, undefined)
    expect([5, 10 ** 12, 3].map((time_us) => clock.take(time_us))).toEqual([-Infinity, 5 - 10 ** 12, 10 ** 12 - 3])
    expect(clock.state).toEqual({ greatest_us: 10n ** 12n, candidate_us: undefined })
  })

  it('of a lane that nothing is known of is a new one', () => {
    expect(NEW_CLOCK).toStrictEqual({ greatest_us: undefined, candidate_us: undefined })
    expect(readClock(undefined, 'a clock')).toEqual(NEW_CLOCK)
  })
})

describe('the watermark of an exchange', () => {
  const idleSince = TEN + 10_000
  const after = (ms: number, taken_ms: number | undefined = TEN) => ({ now_ms: TEN + ms, taken_ms })

  it('is the least of its active lanes, less the delay', () => {
    for (const times of [[60, 20], [20, 60], [30, 20, 60], [20], [20, 20, 30]]) {
      const lanes = times.map((second) => lane(at(second)))
      expect(advanceWatermark(undefined, lanes, LIMITS, NO_TIME)).toBe(at(19))
    }
  })

  it('L4: waits for a silent lane until it has been idle for the timeout', () => {
    const lanes = [lane(at(60)), lane(at(20), idleSince)]
    expect(advanceWatermark(undefined, lanes, LIMITS, after(39_999))).toBe(at(19))
    expect(advanceWatermark(undefined, lanes, LIMITS, after(40_000))).toBe(at(59))
  })

  it('L4: does not fall when the silent lane wakes with old events', () => {
    expect(advanceWatermark(at(59), [lane(at(60)), lane(at(21))], LIMITS, after(50_000))).toBe(at(59))
  })

  it('stays where it was while a live lane has no trusted time, until that one is idle', () => {
    expect(advanceWatermark(at(5), [lane(at(60)), lane(undefined)], LIMITS, NO_TIME)).toBe(at(5))
    expect(advanceWatermark(undefined, [lane(at(60)), lane(undefined)], LIMITS, NO_TIME)).toBeUndefined()
    expect(advanceWatermark(at(5), [lane(at(60)), lane(undefined, idleSince)], LIMITS, after(60_000))).toBe(at(59))
  })

  it('does not look at lanes of replays, backfills and heals', () => {
    const replay = { ...lane(at(-10_000)), live: false }
    expect(advanceWatermark(undefined, [lane(at(60)), replay], LIMITS, NO_TIME)).toBe(at(59))
    expect(advanceWatermark(at(5), [replay], LIMITS, after(100_000))).toBe(at(5))
    expect(advanceWatermark(undefined, [], LIMITS, after(100_000))).toBeUndefined()
    const ahead = { ...replay, greatest_us: at(1000) }
    expect(drainWatermark(undefined, [lane(at(1)), ahead], tumbling(60n * SECOND_US))).toBe(at(60))
  })

  it('goes on with the clock when all lanes are idle, as far as the clock since the last record', () => {
    const lanes = [lane(at(5), idleSince), lane(at(3), idleSince)]
    expect(advanceWatermark(undefined, lanes, LIMITS, after(100_000, TEN + 6_000))).toBe(at(5 + 94 - 1))
    // A wall clock that was set back holds it.
    expect(advanceWatermark(undefined, lanes, LIMITS, after(100_000, TEN + 200_000))).toBe(at(4))
  })

  it('F4: stays at the end of a recording, however long nothing comes', () => {
    const january = BigInt(Date.UTC(2025, 0, 5)) * 1000n
    const lanes = [lane(january, idleSince)]
    expect(advanceWatermark(undefined, lanes, LIMITS, after(3_600_000))).toBe(january - SECOND_US)
  })

  it('goes on with the clock where trades are rarer than the jump, each a candidate until the next', () => {
    const rare = observed([at(-1500), at(-1490), at(-600), at(-10)])
    expect(rare).toEqual({ greatest_us: at(-600), candidate_us: at(-10) })
    const lanes = [lane(rare.greatest_us, TEN, rare.candidate_us)]
    expect(advanceWatermark(undefined, lanes, LIMITS, after(60_000))).toBe(at(-600 + 60 - 1))
    // A candidate of a day ahead does not make a recording live.
    const wrong = [lane(at(-600), TEN, at(86_400))]
    expect(advanceWatermark(undefined, wrong, LIMITS, after(60_000))).toBe(at(-601))
    expect(advanceWatermark(undefined, [lane(undefined, TEN, at(0))], LIMITS, after(60_000))).toBeUndefined()
  })

  it.each([
    [-300, 59],
    [300, 59],
    [-300.001, -1],
    [300.001, -1],
  ])('is moved by the clock from a time that lay %d s from it, to %d s after', (second, moved) => {
    const lanes = [lane(at(-10_000), TEN), lane(BigInt(Math.round(second * 1000 + TEN)) * 1000n, TEN)]
    expect(advanceWatermark(undefined, lanes, LIMITS, after(60_000))).toBe(
      BigInt(Math.round((second + moved) * 1000 + TEN)) * 1000n,
    )
  })

  it('L12: a recording in two halves a minute apart closes what the same load at once closes', () => {
    const january = BigInt(Date.UTC(2025, 0, 5)) * 1000n
    const half = observed([january, january + SECOND_US])
    const between = advanceWatermark(undefined, [lane(half.greatest_us, TEN)], LIMITS, after(60_000))
    expect(between).toBe(january)
    const rest = observed([january + 2n * SECOND_US], half)
    expect(advanceWatermark(between, [lane(rest.greatest_us)], LIMITS, after(60_000, TEN + 60_000))).toBe(
      january + SECOND_US,
    )
  })

  it('goes by a drain to the end of the window of the greatest trusted time, not beyond', () => {
    const minute = tumbling(60n * SECOND_US)
    expect(drainWatermark(undefined, [lane(at(5)), lane(at(61)), lane(undefined)], minute)).toBe(at(120))
    expect(drainWatermark(at(120), [lane(at(61))], minute)).toBe(at(120))
    expect(drainWatermark(undefined, [lane(at(60))], minute)).toBe(at(120))
    expect(drainWatermark(at(500), [lane(at(61))], minute)).toBe(at(500))
    expect(drainWatermark(at(5), [lane(undefined)], minute)).toBe(at(5))
    expect(drainWatermark(undefined, [], minute)).toBeUndefined()
    expect(drainWatermark(undefined, [lane(-1n)], minute)).toBe(0n)
  })

  it('never falls', () => {
    const someLane = fc.record({
      live: fc.boolean(),
      greatest_us: fc.option(fc.integer({ min: -100, max: 100 }).map(at), { nil: undefined }),
      candidate_us: fc.option(fc.integer({ min: -100, max: 1000 }).map(at), { nil: undefined }),
      idle_since_ms: fc.option(fc.integer({ min: TEN - 100_000, max: TEN + 100_000 }), { nil: undefined }),
    })
    const step = fc.record({
      lanes: fc.array(someLane, { maxLength: 4 }),
      now_ms: fc.integer({ min: TEN - 200_000, max: TEN + 200_000 }),
      taken_ms: fc.option(fc.integer({ min: TEN - 200_000, max: TEN + 200_000 }), { nil: undefined }),
      isDrain: fc.boolean(),
    })
    fc.assert(
      fc.property(fc.array(step), (steps) => {
        let before: bigint | undefined
        for (const { lanes, isDrain, ...times } of steps) {
          const reached = isDrain
            ? drainWatermark(before, lanes, tumbling(60n * SECOND_US))
            : advanceWatermark(before, lanes, LIMITS, times)
          if (before !== undefined) expect(reached !== undefined && reached >= before).toBe(true)
          before = reached
        }
      }),
    )
  })
})
