import { setImmediate } from 'node:timers/promises'
import type { Clock } from '@assay/core'

/**
 * A clock that goes on only when somebody sleeps on it or tells it to; a sleep lets others work and is over at once.
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

  async sleep(ms: number): Promise<void> {
    this.#now_ms += ms
    await setImmediate()
  }

  advance(ms: number): void {
    this.#now_ms += ms
  }
}
