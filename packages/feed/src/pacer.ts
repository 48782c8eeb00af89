import type { Clock } from '@assay/core'

/** Shorter waits are saved up: a timer is no more exact than that. */
const WAIT_MIN_MS = 100

/** Holds a producer to a number of records per second of the clock. */
export class Pacer {
  readonly #clock: Clock
  readonly #per_second: number
  readonly #started_ms: number

  constructor(clock: Clock, per_second: number) {
    this.#clock = clock
    this.#per_second = per_second
    this.#started_ms = clock.monotonic_ms()
  }

  /**
   * How long to wait before the record after `count`, if nothing is to be sent for `stalled_ms` of the time; 0 until it
   * is worth a wait, negative when behind.
   */
  wait_ms(count: number, stalled_ms = 0): number {
    const due_ms = this.#started_ms + (count * 1000) / this.#per_second + stalled_ms
    const ahead_ms = due_ms - this.#clock.monotonic_ms()
    return ahead_ms > 0 && ahead_ms < WAIT_MIN_MS ? 0 : ahead_ms
  }
}
