import type { Clock } from '../clock.js'

/** What the work gives, or, when the clock says that it takes too long, the error of `late`; the work is then left to itself. */
export async function withinTime<T>(
  clock: Clock,
  limit_ms: number,
  work: () => Promise<T>,
  late: () => Error,
): Promise<T> {
  const ended = new AbortController()
  const over = clock.sleep(limit_ms, ended.signal).then(() => {
    throw late()
  })
  try {
    return await Promise.race([work(), over])
  } finally {
    over.catch(() => undefined)
    ended.abort()
  }
}
