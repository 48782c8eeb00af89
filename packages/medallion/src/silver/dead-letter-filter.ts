import { quoteIdentifier, quoteText } from '@assay/engine'
import type { PartitionValue } from '@assay/pipeline'
import type { ErrorType } from '@assay/rules'

/** Which dead letters of a queue are meant; what isn't given doesn't narrow. */
export interface DeadLetterFilter {
  /** First and last day (`dlq_date`, that of the Kafka timestamp), as `YYYY-MM-DD`. */
  readonly dates?: { readonly first: string; readonly last: string }
  readonly errorTypes?: readonly ErrorType[]
  /** Rejected since then (`error_timestamp`), in ms since 1970. */
  readonly rejectedSince_ms?: number
}

export const DEAD_LETTER = `topic, "partition", kafka_offset`

/** SQL that is true of the filter's dead letters. */
export function filterSql({ dates, errorTypes, rejectedSince_ms }: DeadLetterFilter): string {
  const parts: string[] = []
  if (dates) parts.push(`dlq_date BETWEEN DATE ${quoteText(dates.first)} AND DATE ${quoteText(dates.last)}`)
  if (errorTypes) parts.push(`error_type IN (${errorTypes.map(quoteText).join(', ')})`)
  if (rejectedSince_ms !== undefined) parts.push(`error_timestamp >= make_timestamptz(${rejectedSince_ms * 1000})`)
  return parts.length === 0 ? 'true' : parts.join(' AND ')
}

/** The same of a data file's partition. */
export function filterKeeps(
  { dates, errorTypes }: DeadLetterFilter,
  { dlq_date, error_type }: Readonly<Record<string, PartitionValue>>,
): boolean {
  const date = String(dlq_date)
  if (dates && (date < dates.first || date > dates.last)) return false
  return !errorTypes || errorTypes.some((type) => type === error_type)
}

/** SQL, over resolutions grouped by dead letter, that is true of one that was purged and not reopened later. */
const IS_PURGED = `max(resolved_at) FILTER (resolution = 'purged')
    > coalesce(max(resolved_at) FILTER (resolution = 'reopened'), TIMESTAMPTZ '-infinity')`

/** SQL of the dead letters that were purged and not reopened later: they alone may be gone. */
export function purgedDeadLettersSql(source: string): string {
  return `SELECT ${DEAD_LETTER} FROM ${source} GROUP BY ALL HAVING ${IS_PURGED}`
}

/**
 * SQL of the dead letters that are closed, by the ledger of resolutions in `source`: replayed once is for good; a purge
 * holds until a later reopening. Archiving changes neither.
 */
export function closedDeadLettersSql(source: string): string {
  return `SELECT ${DEAD_LETTER} FROM ${source} GROUP BY ALL HAVING bool_or(resolution = 'replayed')
    OR ${IS_PURGED}`
}

/** SQL of a queue's dead letters that are not closed. */
export function openDeadLettersSql(queue: string, resolutions: string): string {
  return `SELECT * FROM ${quoteIdentifier(queue)} ANTI JOIN (${closedDeadLettersSql(quoteIdentifier(resolutions))}) USING (${DEAD_LETTER})`
}
