import { AssayError } from '@assay/core'

const DATE = /^\d{4}-\d{2}-\d{2}$/

/** ms of the units that times and durations are told in. */
const UNITS_MS = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const

/** `D` or `D..D`, both days included. Throws `bad_date_range`. */
export function parseDateRange(text: string): { readonly first: string; readonly last: string } {
  const [first = '', last = first, ...more] = text.split('..')
  if (more.length === 0 && isDate(first) && isDate(last) && first <= last) return { first, last }
  throw new AssayError('bad_date_range', `"${text}" is no range of days`, {
    hint: 'write a day as 2026-01-31, a range as 2026-01-01..2026-01-31',
  })
}

function isDate(text: string): boolean {
  if (!DATE.test(text)) return false
  const time_ms = Date.parse(`${text}T00:00:00Z`)
  return !Number.isNaN(time_ms) && new Date(time_ms).toISOString().startsWith(text)
}

/**
 * A day, or a time to the second or its milliseconds, in UTC: from its first to behind its last ms. Throws `bad_time`.
 */
export function parseTime(text: string): { readonly from_ms: number; readonly to_ms: number } {
  if (isDate(text)) {
    const from_ms = Date.parse(`${text}T00:00:00Z`)
    return { from_ms, to_ms: from_ms + UNITS_MS.d }
  }
  const from_ms = zonedTime(text)
  if (from_ms !== undefined) return { from_ms, to_ms: from_ms + 1 }
  throw new AssayError('bad_time', `"${text}" is neither a day nor a time`, {
    hint: 'write 2026-01-31 or 2026-01-31T12:00:00Z',
  })
}

/** ms since 1970 of a time in UTC that says so. */
function zonedTime(text: string): number | undefined {
  if (!/^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2}(\.\d{1,3})?)?Z$/.test(text) || !isDate(text.slice(0, 10)))
    return undefined
  const time_ms = Date.parse(text)
  return Number.isNaN(time_ms) ? undefined : time_ms
}

/** A time, or a duration before `now_ms`, as ms since 1970. Throws `bad_since`. */
export function parseSince(text: string, now_ms: number): number {
  const before_ms = durationOf(text)
  if (before_ms !== undefined) return now_ms - before_ms
  if (isDate(text)) return Date.parse(`${text}T00:00:00Z`)
  const time_ms = zonedTime(text)
  if (time_ms !== undefined) return time_ms
  throw new AssayError('bad_since', `"${text}" is neither a time nor a duration`, {
    hint: 'write 30m, 24h, 7d, 2026-01-31 or 2026-01-31T12:00:00Z',
  })
}

/** ms of a duration such as `30s`, `10m`, `24h` or `7d`; undefined for any other text. */
function durationOf(text: string): number | undefined {
  const [, count, unit] = /^(\d{1,6})([smhd])$/.exec(text) ?? []
  return count && unit ? Number(count) * UNITS_MS[unit as keyof typeof UNITS_MS] : undefined
}

/** ms of a duration from 1 s to `most`, itself a duration. Throws `bad_duration`. */
export function parseDuration(text: string, most: string): number {
  const value_ms = durationOf(text)
  if (value_ms !== undefined && value_ms > 0 && value_ms <= (durationOf(most) ?? 0)) return value_ms
  throw new AssayError('bad_duration', `${JSON.stringify(text)} is no duration from 1s to ${most}`, {
    hint: 'write 30s, 10m, 24h or 7d',
  })
}
