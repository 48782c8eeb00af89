import { setTimeout } from 'node:timers/promises'
import type { Clock } from '@assay/core'

/** From here on a sleep is a time limit, of work that takes the machine's time and none of the clock's. */
const LIMIT_MS = 30_000

/**
 * A clock that goes on only when somebody sleeps on it or tells it to. A sleep lasts a millisecond of the machine's time, so
 * that who waits again and again takes no core from those who work.
 */
export class VirtualClock implements Clock {
  #now_ms: number

  constructor(start_ms = Date.UTC(2026, 5, 1)) {
    this.#now_ms = start_ms
  }

  now_ms(): number {
    return this.#now_ms
  }

  monotonic_ms(): number {
    return this.#now_ms
  }

  async sleep(ms: number, signal?: AbortSignal): Promise<void> {
    const isLimit = ms >= LIMIT_MS && signal !== undefined
    await setTimeout(isLimit ? ms : 1, undefined, { ref: !isLimit, ...(signal && { signal }) }).catch(() => undefined)
    if (!signal?.aborted) this.#now_ms += ms
  }

  advance(ms: number): void {
    this.#now_ms += ms
  }
}
