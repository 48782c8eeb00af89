/** What `parseTime_us` takes, for people. */
export const TIME_MEANS = 'a day or a time in UTC, as 2026-01-31 or 2026-01-31T12:00:00Z, from 1970 to 9999'

const TIME = /^(\d{4}-\d{2}-\d{2})(?:T(\d{2}:\d{2})(?::(\d{2})(?:\.(\d{1,6}))?)?Z)?$/

/** µs since 1970 of a day's beginning, or of a time in UTC with up to six decimals; undefined for any other text. */
export function parseTime_us(text: string): bigint | undefined {
  const [, day, minute = '00:00', second = '00', decimals = ''] = TIME.exec(text) ?? []
  if (day === undefined) return undefined
  const written = `${day}T${minute}:${second}.000Z`
  const time_ms = Date.parse(written)
  // A day or an hour that there is not would be taken for the one after.
  if (Number.isNaN(time_ms) || time_ms < 0 || new Date(time_ms).toISOString() !== written) return undefined
  return BigInt(time_ms) * 1000n + BigInt(decimals.padEnd(6, '0'))
}
