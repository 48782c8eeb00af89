import type { Clock } from './clock.js'

const AGAIN_MS_LEAST = 60_000
const AGAIN_MS_MOST = 3_600_000

interface Telling {
  readonly what: string
  readonly since_ms: number
  next_ms: number
  again_ms: number
}

/**
 * Keeps a state that lasts from being told without bound: it is due when it begins, when it changes, and then after
 * pauses that grow from a minute to an hour.
 */
export class RepeatLimit {
  readonly #clock: Clock
  readonly #told = new Map<string, Telling>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Whether it is time to tell that `who` is in the state `what`. */
  isDue(who: string, what: string): boolean {
    const now_ms = this.#clock.monotonic_ms()
    const told = this.#told.get(who)
    if (told?.what !== what) {
      const since_ms = told?.since_ms ?? now_ms
      this.#told.set(who, { what, since_ms, next_ms: now_ms + AGAIN_MS_LEAST, again_ms: AGAIN_MS_LEAST })
      return true
    }
    if (now_ms < told.next_ms) return false
    told.again_ms = Math.min(2 * told.again_ms, AGAIN_MS_MOST)
    told.next_ms = now_ms + told.again_ms
    return true
  }

  /** True while `who` is in a state that was told. */
  lasts(who: string): boolean {
    return this.#told.has(who)
  }

  /** How long `who` has been in a state that was told, which is over now; undefined when nothing was told. */
  end(who: string): number | undefined {
    const told = this.#told.get(who)
    this.#told.delete(who)
    return told && this.#clock.monotonic_ms() - told.since_ms
  }
}
