import { instantOf } from '@assay/query'

/** An integer with thousands separators. */
export function count(value: number | bigint): string {
  return String(value).replace(/\B(?=(\d{3})+$)/g, ',')
}

const SIZES = ['B', 'KiB', 'MiB', 'GiB', 'TiB'] as const

/** A size in bytes, rounded for reading. */
export function size(value_bytes: number): string {
  let value = value_bytes
  let unit = 0
  while (value >= 1024 && unit < SIZES.length - 1) {
    value /= 1024
    unit++
  }
  return `${unit === 0 ? value : value.toFixed(1)} ${SIZES[unit]}`
}

const DURATIONS = [
  { unit: 'd', seconds: 86_400 },
  { unit: 'h', seconds: 3_600 },
  { unit: 'min', seconds: 60 },
] as const

/** A duration, rounded for reading. */
export function duration(value_seconds: number): string {
  for (const { unit, seconds } of DURATIONS) {
    if (value_seconds >= seconds) return `${(value_seconds / seconds).toFixed(1)} ${unit}`
  }
  return `${value_seconds.toFixed(1)} s`
}

/** A share of 1 in whole percent, of which only all is 100. */
export function percentRounded(share: number): string {
  return `${share < 1 ? Math.min(99, Math.round(share * 100)) : 100} %`
}

/** A share of 1 in percent. */
export function percent(share: number): string {
  return `${(share * 100).toFixed(3)} %`
}

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
