import { AssayError, systemClock } from '@assay/core'
import { type DeadLetterFilter, DLQ_ARCHIVE_TABLE, DLQ_TABLE, ERROR_TYPES, type ErrorType } from '@assay/medallion'
import type { Command } from 'commander'
import { ListedOption } from './listed-option.js'
import type { OptionReader } from './options.js'

const DATE = /^\d{4}-\d{2}-\d{2}$/

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

const UNITS_MS = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const

/** A time, or a duration before `now_ms`, as ms since 1970. Throws `bad_since`. */
export function parseSince(text: string, now_ms: number): number {
  const [, count, unit] = /^(\d{1,6})([smhd])$/.exec(text) ?? []
  if (count && unit) return now_ms - Number(count) * UNITS_MS[unit as keyof typeof UNITS_MS]
  if (isDate(text)) return Date.parse(`${text}T00:00:00Z`)
  const time_ms = zonedTime(text)
  if (time_ms !== undefined) return time_ms
  throw new AssayError('bad_since', `"${text}" is neither a time nor a duration`, {
    hint: 'write 30m, 24h, 7d, 2026-01-31 or 2026-01-31T12:00:00Z',
  })
}

/** The tables that hold dead letters. */
const QUEUES = [DLQ_TABLE.name, DLQ_ARCHIVE_TABLE.name]

export interface FilterOptions {
  readonly sourceTable: string
  readonly dateRange?: string
  readonly errorTypes?: string
  readonly rejectedSince?: string
}

/** Adds the options that choose dead letters. */
export function addFilterOptions(command: Command): Command {
  return command
    .addOption(new ListedOption('--source-table <table>', QUEUES.join(' or '), QUEUES).default(DLQ_TABLE.name))
    .option('--date-range <days>', 'D or D..D: the days of the Kafka timestamps (dlq_date)')
    .option('--error-types <list>', 'only these, as price_validation,side_validation')
    .option('--rejected-since <time>', 'rejected since then: 30m, 24h, 7d, or a time')
}

/** The filter that the options ask for; mistakes stay with the reader. */
export function readFilter(reader: OptionReader, options: FilterOptions): DeadLetterFilter {
  reader.choice('source-table', options.sourceTable, QUEUES)
  const dates = reader.parsed('--date-range', options.dateRange, parseDateRange)
  const errorTypes = reader.parsed('--error-types', options.errorTypes, parseErrorTypes)
  const rejectedSince_ms = reader.parsed('--rejected-since', options.rejectedSince, (text) =>
    parseSince(text, systemClock.now_ms()),
  )
  return {
    ...(dates && { dates }),
    ...(errorTypes && { errorTypes }),
    ...(rejectedSince_ms !== undefined && { rejectedSince_ms }),
  }
}

/** Error types from a list with commas. Throws `bad_error_types`. */
function parseErrorTypes(text: string): ErrorType[] {
  const names = text.split(',').map((name) => name.trim())
  const unknown = names.filter((name) => !ERROR_TYPES.some((type) => type === name))
  if (unknown.length === 0) return ERROR_TYPES.filter((type) => names.includes(type))
  throw new AssayError('bad_error_types', `there is no error type ${unknown.map((name) => `"${name}"`).join(', ')}`, {
    hint: `it takes ${ERROR_TYPES.join(', ')}`,
  })
}
