import type { ConstantColumn } from '@assay/core'

/** `YYYY-MM-DD` of a day since 1970. */
export function dateText(day: number): string {
  return new Date(day * 86_400_000).toISOString().slice(0, 10)
}

/** Day since 1970 of a `YYYY-MM-DD`. */
export function dayOfDate(date: string): number {
  return Math.floor(Date.parse(`${date}T00:00:00Z`) / 86_400_000)
}

/** SQL for an instant with milliseconds. */
export function timestampLiteral(instant_ms: number): string {
  return `make_timestamptz(${wholeMicros(instant_ms)}::BIGINT)`
}

/** The same instant in every row. */
export function timestampColumn(instant_ms: number): ConstantColumn {
  return { type: 'CONSTANT', of: 'TIMESTAMPTZ', value: wholeMicros(instant_ms) }
}

function wholeMicros(instant_ms: number): bigint {
  return BigInt(Math.round(instant_ms)) * 1000n
}
