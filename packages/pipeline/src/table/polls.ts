import type { Clock } from '@assay/core'

/** How far apart looks for something new are: an eighth of the time for which nothing has come, within these bounds. */
export interface PollInterval {
  readonly least_ms: number
  readonly most_ms: number
}

/** Time until the next look when nothing has come for so long. */
export function afterQuiet_ms({ least_ms, most_ms }: PollInterval, quiet_ms: number): number {
  return Math.min(most_ms, Math.max(least_ms, quiet_ms / 8))
}

const TENTH_OF_A_SECOND: PollInterval = { least_ms: 100, most_ms: 100 }
const TOLD_RECENTLY_MS = 10_000

/** How often a table is looked at for commits of other processes while somebody waits for one. */
export class Polls {
  readonly #clock: Clock
  readonly #interval: PollInterval
  /** When this process last made a commit. */
  #announced_ms = Number.NEGATIVE_INFINITY
  /** When the newest version was last seen to have changed. */
  #moved_ms: number

  constructor(clock: Clock, interval: PollInterval = TENTH_OF_A_SECOND) {
    this.#clock = clock
    this.#interval = interval
    this.#moved_ms = clock.monotonic_ms()
  }

  announced(): void {
    this.#announced_ms = this.#clock.monotonic_ms()
  }

  moved(): void {
    this.#moved_ms = this.#clock.monotonic_ms()
  }

  /** Time until the next look. A table whose commits are made in this process tells of them itself. */
  after_ms(): number {
    const now_ms = this.#clock.monotonic_ms()
    if (now_ms - this.#announced_ms < TOLD_RECENTLY_MS) return this.#interval.most_ms
    return afterQuiet_ms(this.#interval, now_ms - this.#moved_ms)
  }
}
