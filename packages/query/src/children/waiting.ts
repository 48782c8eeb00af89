import { type Clock, withinTime } from '@assay/core'
import { cancelled, timeoutError } from './child-end.js'

/** Time that a statement may be waited for: what passes between the waits is the reader's own. */
export class Waiting {
  readonly #clock: Clock
  readonly #limit_ms: number
  readonly #signal: AbortSignal
  #left_ms: number

  constructor(clock: Clock, limit_ms: number, signal: AbortSignal) {
    this.#clock = clock
    this.#limit_ms = limit_ms
    this.#left_ms = limit_ms
    this.#signal = signal
  }

  /** Throws `query_timeout` when the time is up, `query_stopped` when the signal aborts. */
  async inTime<T>(work: Promise<T>): Promise<T> {
    const started_ms = this.#clock.monotonic_ms()
    const late = (): Error => timeoutError(`longer than ${this.#limit_ms / 1000} s`)
    try {
      return await withinTime(this.#clock, this.#left_ms, () => this.unlessAborted(work), late)
    } finally {
      this.#left_ms -= this.#clock.monotonic_ms() - started_ms
    }
  }

  async unlessAborted<T>(work: Promise<T>): Promise<T> {
    const signal = this.#signal
    work.catch(() => undefined)
    if (signal.aborted) throw cancelled()
    let onAbort: (() => void) | undefined
    const aborted = new Promise<never>((_, reject) => {
      onAbort = () => reject(cancelled())
      signal.addEventListener('abort', onAbort, { once: true })
    })
    try {
      return await Promise.race([work, aborted])
    } finally {
      if (onAbort) signal.removeEventListener('abort', onAbort)
    }
  }
}
