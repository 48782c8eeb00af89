import type { TimeUnit } from '@assay/engine'

const MS_MAX = 8_640_000_000_000_000n
const INFINITY = 2n ** 63n - 1n
const INFINITY_DAYS = 2 ** 31 - 1
const DIGITS: Readonly<Record<TimeUnit, number>> = { s: 0, ms: 3, us: 6, ns: 9 }

/** ISO 8601 in UTC with all digits of the unit, from a number of units since 1970; `zone` is `Z` or nothing. */
export function instantOf(time: bigint, unit: TimeUnit, zone: 'Z' | ''): string {
  if (time >= INFINITY) return 'infinity'
  if (time <= -INFINITY) return '-infinity'
  const digits = DIGITS[unit]
  const second = 10n ** BigInt(digits)
  const fraction = ((time % second) + second) % second
  const whole_ms = ((time - fraction) / second) * 1000n
  if (whole_ms > MS_MAX || whole_ms < -MS_MAX) return `${time} ${unit === 'us' ? 'µs' : unit}`
  const seconds = new Date(Number(whole_ms)).toISOString().slice(0, -'.000Z'.length)
  return `${seconds}${digits > 0 ? `.${String(fraction).padStart(digits, '0')}` : ''}${zone}`
}

/** `YYYY-MM-DD` from days since 1970. */
export function dateOfDays(days: number): string {
  if (days >= INFINITY_DAYS) return 'infinity'
  if (days <= -INFINITY_DAYS) return '-infinity'
  const time_ms = days * 86_400_000
  if (BigInt(Math.abs(time_ms)) > MS_MAX) return `${days} days`
  return new Date(time_ms).toISOString().replace(/T.*$/, '')
}

/** `HH:MM:SS.ffffff` from µs since midnight, which may be all of the day (24:00:00). */
export function timeOfDay(time_us: bigint): string {
  const two = (value: bigint): string => String(value).padStart(2, '0')
  const seconds = time_us / 1_000_000n
  const fraction = String(time_us % 1_000_000n).padStart(6, '0')
  return `${two(seconds / 3600n)}:${two((seconds / 60n) % 60n)}:${two(seconds % 60n)}.${fraction}`
}
