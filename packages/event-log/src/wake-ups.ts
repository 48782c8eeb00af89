import type { Clock } from '@assay/core'

/** Lets those that wait for records of this process go on at once when some were produced. */
export class WakeUps {
  readonly #waiting = new Set<() => void>()

  wakeAll(): void {
    for (const wake of this.#waiting) wake()
  }

  /**
   * Asks `isDone` again after each wake-up, and every `poll_ms` for what other processes did, until it says yes,
   * the time is over or the signal aborts.
   */
  async until(
    isDone: () => Promise<boolean>,
    times: { readonly poll_ms: number; readonly timeout_ms: number; readonly clock: Clock },
    signal?: AbortSignal,
  ): Promise<void> {
    const { clock } = times
    const deadline_ms = clock.monotonic_ms() + times.timeout_ms
    while (!signal?.aborted) {
      const alarm = new AbortController()
      const wake = (): void => alarm.abort()
      // Listening begins before the question, so that nothing produced in between is slept over.
      this.#waiting.add(wake)
      signal?.addEventListener('abort', wake)
      try {
        if (await isDone()) return
        const left_ms = deadline_ms - clock.monotonic_ms()
        if (left_ms <= 0) return
        await clock.sleep(Math.min(times.poll_ms, left_ms), alarm.signal)
      } finally {
        this.#waiting.delete(wake)
        signal?.removeEventListener('abort', wake)
      }
    }
  }
}
