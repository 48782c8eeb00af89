import { instantOf } from '@assay/query'

/** ISO 8601 in UTC, from ms since 1970. */
export function instant(time_ms: number): string {
  return new Date(time_ms).toISOString()
}

/** ISO 8601 in UTC with microseconds, from µs since 1970; `zone` is `Z` or nothing. */
export function instantOfMicros(time_us: bigint, zone: 'Z' | ''): string {
  return instantOf(time_us, 'us', zone)
}

/** The time of day here, in seconds. */
export function timeOfDay(at_ms: number): string {
  return new Date(at_ms).toTimeString().slice(0, 8)
}
