import { setTimeout as delay } from 'node:timers/promises'

/** Time as an input, so that tests and simulations own it. */
export interface Clock {
  /** Wall clock, ms since 1970. */
  now_ms(): number
  /** Never goes back; for durations only. */
  monotonic_ms(): number
  /** Resolves after `ms`, or at once when `signal` aborts (it never rejects). */
  sleep(ms: number, signal?: AbortSignal): Promise<void>
}

export const systemClock: Clock = {
  now_ms: () => Date.now(),
  monotonic_ms: () => performance.now(),
  sleep: (ms, signal) => delay(ms, undefined, signal ? { signal } : undefined).catch(() => undefined),
}
