import { setTimeout as sleep } from 'node:timers/promises'

const POLL_MS = 200

/**
 * Looks again and again until `look` gives a value that is neither false nor undefined, and resolves to it. What it
 * throws counts as "not yet". After `limit_ms` the error tells what was awaited, what was seen last, and `tell()`.
 */
export async function eventually<T>(
  what: string,
  look: () => Promise<T | false | undefined>,
  limit_ms: number,
  tell: () => string = () => '',
): Promise<T> {
  const giveUpAt_ms = performance.now() + limit_ms
  let last = 'nothing'
  do {
    try {
      const found = await look()
      if (found !== false && found !== undefined) return found
      last = String(found)
    } catch (error) {
      last = error instanceof Error ? error.message : String(error)
    }
    await sleep(POLL_MS)
  } while (performance.now() < giveUpAt_ms)
  throw new Error(`${what}: not within ${limit_ms / 1000} s (last seen: ${last})\n${tell()}`)
}
