import { instantOf } from '@assay/query'
import { duration } from './numbers.js'

/** ISO 8601 in UTC, from ms since 1970. */
export function instant(time_ms: number): string {
  return new Date(time_ms).toISOString()
}

/** ISO 8601 in UTC with microseconds, from µs since 1970; `zone` is `Z` or nothing. */
export function instantOfMicros(time_us: bigint, zone: 'Z' | ''): string {
  return instantOf(time_us, 'us', zone)
}

/** How long ago it was; of a clock that went back, no time at all. */
export function ago(time_ms: number, now_ms: number): string {
  return `${duration(Math.max(0, now_ms - time_ms) / 1000)} ago`
}

/** ISO 8601 in UTC to the second, which is enough for eyes. */
export function instantOfSeconds(time_us: bigint): string {
  return instantOfMicros(time_us, 'Z').replace(/\.\d+Z$/, 'Z')
}

/** The time of day here, in seconds. */
export function timeOfDay(at_ms: number): string {
  return new Date(at_ms).toTimeString().slice(0, 8)
}
