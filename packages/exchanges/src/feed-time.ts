import { EVENT_TIME_END_US } from './event-time.js'

/** µs since 1970 of `seconds[.decimals]`, one to six decimals; undefined for anything else, or past 2261. */
export function secondsTextMicros(text: string): bigint | undefined {
  const match = /^(\d{1,10})(?:\.(\d{1,6}))?$/.exec(text)
  if (!match) return undefined
  const [, seconds = '', decimals = ''] = match
  const time_us = BigInt(seconds) * 1_000_000n + BigInt(decimals.padEnd(6, '0'))
  return time_us < EVENT_TIME_END_US ? time_us : undefined
}

/** `seconds.microseconds` of an RFC 3339 time in UTC with at most six decimals; undefined for anything else. */
export function secondsText(rfc3339: string): string | undefined {
  const match = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,6}))?(?:Z|\+00:00)$/.exec(rfc3339)
  if (!match) return undefined
  const [, whole = '', decimals = ''] = match
  const time_ms = Date.parse(`${whole}Z`)
  // A date that does not exist (February 30th) is carried over into the next month by Date.parse.
  if (Number.isNaN(time_ms) || time_ms < 0 || !new Date(time_ms).toISOString().startsWith(whole)) return undefined
  return `${time_ms / 1000}.${decimals.padEnd(6, '0')}`
}

/** What a time should have been, for one that is none. */
export function wantedTime(text: string): string {
  if (/\.\d{7,}/.test(text)) return 'at most six decimals are expected'
  if (/:60/.test(text)) return 'a second that clocks have is expected, and no leap second'
  if (/[+-]\d\d:\d\d$/.test(text)) return 'a time in UTC is expected'
  return 'a time from 1970 to 2261 is expected'
}
