import { type Clock, isRetryable, type Random } from '@assay/core'

const BACKOFF_MIN_MS = 500
/** Short, so that after an outage the first try comes soon. */
const BACKOFF_MAX_MS = 5_000
/** What has run for so long was well: the next failure is a first one. */
const STABLE_MS = 60_000

interface AtItOptions {
  readonly clock: Clock
  readonly random: Random
  /** `failures`: how many there were since it last ran well, this one among them. */
  readonly onOutage: (error: unknown, retry_ms: number, failures: number) => void
}

/**
 * Works, and waits outages out with growing pauses: parts may be started in any order, and go and come back. Resolves
 * when the work is done, or on abort; throws what can't be mended by waiting.
 */
export async function keepAtIt(
  work: () => Promise<void>,
  { clock, random, onOutage }: AtItOptions,
  signal: AbortSignal,
): Promise<void> {
  for (let failures = 0; !signal.aborted; ) {
    const started_ms = clock.monotonic_ms()
    try {
      return await work()
    } catch (error) {
      if (!isRetryable(error)) throw error
      if (clock.monotonic_ms() - started_ms >= STABLE_MS) failures = 0
      const limit_ms = Math.min(BACKOFF_MAX_MS, BACKOFF_MIN_MS * 2 ** failures++)
      const retry_ms = Math.round(limit_ms * (0.5 + random.unit() / 2))
      onOutage(error, retry_ms, failures)
      await clock.sleep(retry_ms, signal)
    }
  }
}
