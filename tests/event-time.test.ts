import {
  type Aggregate,
  advanceWatermark,
  assignPanes,
  closedBy,
  drainWatermark,
  firstOpenWindow,
  foldRows,
  type KeyedPanes,
  type LaneClockState,
  mergePanes,
  mergeSessions,
  NEW_CLOCK,
  observeTimes,
  rollUp,
  session,
  sessionsOf,
  sessionWindow,
  sliding,
  tumbling,
  type WatermarkLane,
  type Window,
  windowAt,
  windowsOf,
} from '@assay/pipeline'
import { describe, expect, it } from 'vitest'
import { UserSums } from '../examples/user-events/user-sums.mjs'

const MINUTE_US = 60_000_000n
const FIVE_MINUTES = tumbling(5n * MINUTE_US)
const JUMP_US = 300_000_000
const NEVER = { now_ms: 0, taken_ms: undefined }

/** A time of one day, µs. */
function at(time: string): bigint {
  return BigInt(Date.parse(`2026-01-05T${time}Z`)) * 1000n
}

function limits(delay_ms: number) {
  return { delay_ms, idle_timeout_ms: 30_000, jump_ms: JUMP_US / 1000 }
}

function clockAfter(times: readonly bigint[], before: LaneClockState = NEW_CLOCK): LaneClockState {
  return observeTimes(before, BigInt64Array.from(times), Uint32Array.from(times.keys()), JUMP_US)
}

function active(clock: LaneClockState): WatermarkLane {
  return { ...clock, live: true, idle_since_ms: undefined }
}

function event(id: number, user: string, time: string, amount: number) {
  return { id, user, time_us: at(time), amount }
}

const L1 = [event(1, 'A', '10:00', 5), event(2, 'B', '10:02', 3), event(3, 'A', '10:04', 2), event(4, 'B', '10:06', 1)]
const X = event(5, 'x', '10:11', 9)
const LATE = event(6, 'A', '10:01', 1)

/** The windows that are out, as (start, user, sum, revision). */
function outOf(sums: UserSums): unknown[] {
  return [...sums.emitted.values()].map(({ start_us, user, sum, revision }) => [start_us, user, sum, revision])
}

describe('sums per user, a delay of one minute, tumbling windows of five', () => {
  it('L1: a window is out exactly when the watermark has reached its end', () => {
    const sums = new UserSums()
    for (const one of L1.slice(0, 3)) sums.add([one])
    expect(outOf(sums)).toEqual([])
    sums.add(L1.slice(3))
    expect(sums.watermark_us).toBe(at('10:05'))
    expect(outOf(sums)).toEqual([
      [at('10:00'), 'A', 7, 1],
      [at('10:00'), 'B', 3, 1],
    ])
    sums.add([X])
    expect(outOf(sums).slice(2)).toEqual([[at('10:05'), 'B', 1, 1]])
  })

  it('L2: an event after that makes a revision, once; without it the sums stay as they were', () => {
    const sums = new UserSums()
    sums.add([...L1, X])
    expect(sums.ledger).toEqual([])
    expect(sums.add([LATE])).toEqual([
      { user: 'A', pane: expect.any(Number), start_us: at('10:00'), sum: 8, revision: 2 },
    ])
    const revised = { user: 'A', start_us: at('10:00'), revision: 2, old: 7, sum: 8 }
    expect(sums.ledger).toEqual([revised])
    expect(outOf(sums)[0]).toEqual([at('10:00'), 'A', 8, 2])
    expect(sums.add([LATE])).toEqual([])
    expect(sums.ledger).toEqual([revised])
    expect(outOf(sums)[0]).toEqual([at('10:00'), 'A', 8, 2])
    expect(sums.frozen[0]).toEqual({ user: 'A', start_us: at('10:00'), sum: 7 })
  })

  it('L2: how the events are split into batches only moves revisions', () => {
    const sums = new UserSums()
    sums.add([...L1, X, LATE, LATE])
    expect(outOf(sums)).toEqual([
      [at('10:00'), 'A', 8, 1],
      [at('10:00'), 'B', 3, 1],
      [at('10:05'), 'B', 1, 1],
    ])
    expect(sums.frozen[0]?.sum).toBe(7)
  })
})

it('L1: out of panes of a minute come the same sums, however they are split, and those that slide by a minute', () => {
  const amounts = L1.map(({ amount }) => amount)
  const sum: Aggregate<number, number> = {
    empty: () => 0,
    fold: (before, row) => before + (amounts[row] ?? 0),
    merge: (a, b) => a + b,
  }
  const times = BigInt64Array.from(L1, ({ time_us }) => time_us)
  const panesOf = (rows: Uint32Array): KeyedPanes<number> => {
    const keys = Int32Array.from(rows, (row) => (L1[row]?.user === 'A' ? 0 : 1))
    const into: KeyedPanes<number> = new Map()
    foldRows(sum, { rows, keys, panes: assignPanes(times, rows, MINUTE_US) }, into)
    return into
  }
  const panes = panesOf(Uint32Array.of(3, 1))
  mergePanes(sum, panesOf(Uint32Array.of(2, 0)), panes)
  const open = firstOpenWindow(FIVE_MINUTES, at('10:05'))
  expect(windowAt(FIVE_MINUTES, open)).toEqual({ start_us: at('10:05'), end_us: at('10:10') })
  const rolled = [...panes].map(([key, ofKey]) => [key, [...rollUp(sum, ofKey, MINUTE_US, FIVE_MINUTES)]])
  expect(new Map(rolled as [number, unknown][])).toEqual(
    new Map([
      [0, [[open - 1, 7]]],
      [
        1,
        expect.arrayContaining([
          [open - 1, 3],
          [open, 1],
        ]),
      ],
    ]),
  )
  const slide = sliding(5n * MINUTE_US, MINUTE_US)
  const slid = [...rollUp(sum, panes.get(0) ?? [], MINUTE_US, slide)].map(([n, one]) => [
    windowAt(slide, n).end_us,
    one,
  ])
  const ends = ['10:01', '10:02', '10:03', '10:04', '10:05', '10:06', '10:07', '10:08', '10:09']
  expect(new Map(slid as [bigint, number][])).toEqual(
    new Map(ends.map((end) => [at(end), end < '10:05' ? 5 : end > '10:05' ? 2 : 7])),
  )
})

it('L3: with a delay of ten minutes the window to 2:05 is open at 2:14 and closed at 2:15', () => {
  const [window] = windowsOf(FIVE_MINUTES, at('02:03')) as [Window]
  expect(window).toEqual({ start_us: at('02:00'), end_us: at('02:05') })
  const isClosed = (times: readonly bigint[]): boolean =>
    closedBy(window, advanceWatermark(undefined, [active(clockAfter(times))], limits(600_000), NEVER))
  expect(isClosed([at('02:10'), at('02:14')])).toBe(false)
  // One that happened in the window changes nothing of that: it counts.
  expect(isClosed([at('02:10'), at('02:14'), at('02:03')])).toBe(false)
  expect(isClosed([at('02:10'), at('02:14:59.999')])).toBe(false)
  expect(isClosed([at('02:10'), at('02:14'), at('02:15')])).toBe(true)
})

describe('L5: one event dated 2100', () => {
  const FAR = BigInt(Date.UTC(2100, 0, 1)) * 1000n
  const TRUE = [at('10:00'), at('10:01'), at('10:02'), at('10:06')]
  const [window] = windowsOf(FIVE_MINUTES, at('10:05')) as [Window]

  it.each([
    ['first', [FAR, ...TRUE]],
    ['in the middle', [...TRUE.slice(0, 2), FAR, ...TRUE.slice(2)]],
    ['last', [...TRUE, FAR]],
    ['first, twice in a row', [FAR, FAR, ...TRUE]],
    ['twice in a row', [...TRUE.slice(0, 2), FAR, FAR, ...TRUE.slice(2)]],
    ['last, twice in a row', [...TRUE, FAR, FAR]],
  ])('%s, closes no window early, and a drain ends', (_, times) => {
    let clock = NEW_CLOCK
    let watermark: bigint | undefined
    for (const time of times) {
      clock = clockAfter([time], clock)
      watermark = advanceWatermark(watermark, [active(clock)], limits(1000), NEVER)
      expect(closedBy(window, watermark)).toBe(false)
    }
    expect(watermark).toBe(at('10:05:59'))
    const drained = drainWatermark(watermark, [active(clock)], FIVE_MINUTES)
    expect(drained).toBe(window.end_us)
    expect(closedBy(window, drained)).toBe(true)
  })
})

describe('L8: sessions with a gap of thirty seconds', () => {
  const SPEC = session(30_000_000n)
  const COUNT: Aggregate<number, number> = { empty: () => 0, fold: (n) => n + 1, merge: (a, b) => a + b }

  /** Sessions of events in any order, as (start, end, events). */
  const sessionsAt = (times: readonly string[]) => {
    const column = BigInt64Array.from(times, at).sort()
    return sessionsOf(COUNT, column, Uint32Array.from(column.keys()), SPEC)
  }
  const shown = (found: ReturnType<typeof sessionsAt>) =>
    found.map((one) => {
      const { start_us, end_us } = sessionWindow(one, SPEC)
      return [start_us, end_us, one.value]
    })

  it('are bridged by a late event', () => {
    const before = ['10:00:00', '10:00:20', '10:01:00', '10:02:00']
    expect(shown(sessionsAt(before))).toEqual([
      [at('10:00:00'), at('10:00:50'), 2],
      [at('10:01:00'), at('10:01:30'), 1],
      [at('10:02:00'), at('10:02:30'), 1],
    ])
    const bridged = [
      [at('10:00:00'), at('10:01:30'), 4],
      [at('10:02:00'), at('10:02:30'), 1],
    ]
    expect(shown(sessionsAt([...before, '10:00:40']))).toEqual(bridged)
    expect(shown(mergeSessions(COUNT, sessionsAt(['10:00:40']), sessionsAt(before), SPEC))).toEqual(bridged)
  })

  it('end where the gap is over, so that an event exactly then begins the next, and with the UTC day', () => {
    expect(shown(sessionsAt(['10:00:00', '10:00:30']))).toHaveLength(2)
    expect(shown(sessionsAt(['10:00:00', '10:00:29.999']))).toHaveLength(1)
    const midnight = at('00:00:00') + 86_400_000_000n
    const around = BigInt64Array.of(midnight - 10_000_000n, midnight - 1n, midnight, midnight + 1n)
    expect(shown(sessionsOf(COUNT, around, Uint32Array.of(0, 1, 2, 3), SPEC))).toEqual([
      [midnight - 10_000_000n, midnight, 2],
      [midnight, midnight + 30_000_001n, 2],
    ])
  })
})
