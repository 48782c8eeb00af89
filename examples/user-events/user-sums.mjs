// Sums of amounts per user in windows of five minutes, by the time at which the events happened.
import {
  advanceWatermark,
  assignPanes,
  closedBy,
  foldRows,
  LaneClock,
  NEW_CLOCK,
  tumbling,
  windowAt,
  windowsOf,
} from '@assay/pipeline'

const WINDOW = tumbling(5 * 60_000_000)
const LIMITS = { delay_ms: 60_000, idle_timeout_ms: 30_000, jump_ms: 300_000 }
const DELAY_US = 60_000_000n
/** How much longer the frozen sums take events of a closed window: not at all. */
const ALLOWED_LATENESS_US = 0n

/** Takes events { id, user, time_us, amount } of one lane, in the order in which they came. */
export class UserSums {
  watermark_us = undefined
  /** The windows that are out, by user and number: { user, pane, start_us, sum, revision }. */
  emitted = new Map()
  /** Every change of a window that was out: { user, start_us, revision, old, sum }. */
  ledger = []
  #clock = new LaneClock(NEW_CLOCK, LIMITS.jump_ms * 1000)
  #ids = new Set()
  #users = []
  #sums = new Map()
  #frozen = new Map()

  /** Folds new events into their windows; returns those that are now out, or out with another sum. */
  add(events) {
    const behind_us = events.map(({ time_us }) => this.#clock.take(Number(time_us)))
    const rows = Uint32Array.from(events.keys()).filter((row) => this.#isNew(events[row].id))
    const keys = Int32Array.from(rows, (row) => this.#userCode(events[row].user))
    const times = BigInt64Array.from(events, ({ time_us }) => time_us)
    const placed = { rows, keys, panes: assignPanes(times, rows, WINDOW.size_us) }
    const amounts = events.map(({ amount }) => amount)
    foldRows(sumOf(amounts), placed, this.#sums)
    const inTime = amounts.map((amount, row) => (wasClosed(times[row], behind_us[row]) ? 0 : amount))
    foldRows(sumOf(inTime), placed, this.#frozen)

    const lane = { ...this.#clock.state, live: true, idle_since_ms: undefined }
    const wallClock = { now_ms: Date.now(), taken_ms: Date.now() }
    this.watermark_us = advanceWatermark(this.watermark_us, [lane], LIMITS, wallClock)
    return this.#emit()
  }

  /** What would be out if events whose window was closed when they came were dropped: { user, start_us, sum }. */
  get frozen() {
    return [...this.emitted.values()].map(({ user, pane, start_us }) => {
      return { user, start_us, sum: this.#frozen.get(this.#users.indexOf(user)).get(pane) }
    })
  }

  #emit() {
    const out = []
    for (const [code, panes] of this.#sums) {
      for (const [pane, sum] of panes) {
        const window = windowAt(WINDOW, pane)
        const before = this.emitted.get(`${code} ${pane}`)
        if (!closedBy(window, this.watermark_us) || before?.sum === sum) continue
        const revision = (before?.revision ?? 0) + 1
        const row = { user: this.#users[code], pane, start_us: window.start_us, sum, revision }
        this.emitted.set(`${code} ${pane}`, row)
        if (before) this.ledger.push({ user: row.user, start_us: row.start_us, revision, old: before.sum, sum })
        out.push(row)
      }
    }
    return out
  }

  #isNew(id) {
    return !this.#ids.has(id) && this.#ids.add(id)
  }

  #userCode(user) {
    if (!this.#users.includes(user)) this.#users.push(user)
    return this.#users.indexOf(user)
  }
}

/** Whether an event's window was closed when it came, `behind_us` after the greatest time before it. */
function wasClosed(time_us, behind_us) {
  const greatest_us = time_us + BigInt(Math.max(0, behind_us))
  return closedBy(windowsOf(WINDOW, time_us)[0], greatest_us - DELAY_US - ALLOWED_LATENESS_US)
}

/** A sum is an aggregate: the same in any order of the rows, however they are split. */
function sumOf(amounts) {
  return { empty: () => 0, fold: (sum, row) => sum + amounts[row], merge: (a, b) => a + b }
}
