import { setTimeout } from 'node:timers/promises'
import type { Clock } from '@assay/core'

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

  async sleep(ms: number): Promise<void> {
    this.#now_ms += ms
    await setTimeout(1)
  }

  advance(ms: number): void {
    this.#now_ms += ms
  }
}
