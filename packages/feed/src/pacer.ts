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

  /** How long to wait before the record after `count`; 0 until it is worth a wait, negative when behind. */
  wait_ms(count: number): number {
    const ahead_ms = this.#started_ms + (count * 1000) / this.#per_second - this.#clock.monotonic_ms()
    return ahead_ms > 0 && ahead_ms < WAIT_MIN_MS ? 0 : ahead_ms
  }
}
