import type { Random } from '../random.js'

const FIRST_WAIT_MS = 20
const LONGEST_WAIT_MS = 2_000

/** A wait before attempt `attempt` (from 1): doubling up to two seconds, half of it random. */
export function backOff_ms(attempt: number, random: Random, first_ms = FIRST_WAIT_MS): number {
  const most = Math.min(LONGEST_WAIT_MS, first_ms * 2 ** Math.min(attempt - 1, 16))
  return Math.round(most * (0.5 + random.unit() / 2))
}
