const MS_MAX = 8_640_000_000_000_000n
const INFINITY_US = 2n ** 63n - 1n
const INFINITY_DAYS = 2 ** 31 - 1

/** ISO 8601 in UTC, from ms since 1970. */
export function instant(time_ms: number): string {
  return new Date(time_ms).toISOString()
}

/** ISO 8601 in UTC with microseconds, from µs since 1970; `zone` is `Z` or nothing. */
export function instantOfMicros(time_us: bigint, zone: 'Z' | ''): string {
  if (time_us >= INFINITY_US) return 'infinity'
  if (time_us <= -INFINITY_US) return '-infinity'
  const fraction_us = ((time_us % 1_000_000n) + 1_000_000n) % 1_000_000n
  const whole_ms = (time_us - fraction_us) / 1000n
  if (whole_ms > MS_MAX || whole_ms < -MS_MAX) return `${time_us} µs`
  const seconds = new Date(Number(whole_ms)).toISOString().slice(0, -'.000Z'.length)
  return `${seconds}.${String(fraction_us).padStart(6, '0')}${zone}`
}

/** `YYYY-MM-DD` from days since 1970. */
export function dateOfDays(days: number): string {
  if (days >= INFINITY_DAYS) return 'infinity'
  if (days <= -INFINITY_DAYS) return '-infinity'
  const time_ms = days * 86_400_000
  if (BigInt(Math.abs(time_ms)) > MS_MAX) return `${days} days`
  return new Date(time_ms).toISOString().replace(/T.*$/, '')
}
