import { type DecodedRecord, decodeRecord } from '@assay/audit'
import { UsageError } from '@assay/core'
import { quoteText } from '@assay/engine'
import type { Exchange } from '@assay/exchanges'
import type { Lake } from '@assay/lake'
import {
  bronzeTable,
  coordinateText,
  type DeadLetterCoordinates,
  DLQ_ARCHIVE_TABLE,
  DLQ_TABLE,
  RESOLUTIONS_TABLE,
} from '@assay/medallion'
import { openQuery, type Query, type QueryResult } from '@assay/query'

/** What the queue is counted by. */
export type DeadLetterGroup = 'reason' | 'type' | 'hour' | 'source'

const GROUPS: Readonly<Record<DeadLetterGroup, string>> = {
  reason: 'error_type, error_reason',
  type: 'error_type',
  hour: `date_trunc('hour', error_timestamp) AS "hour"`,
  source: 'bronze_source',
}
const LIMITS = { maxRows: 10_000, timeout_ms: 60_000 }

/** The queue at a glance: dead letters rejected since the time, and how many of them are open. */
export function countDeadLetters(lake: Lake, by: DeadLetterGroup, since_ms: number | undefined): Promise<QueryResult> {
  const since =
    since_ms === undefined ? '' : `WHERE error_timestamp >= make_timestamptz(${Math.round(since_ms * 1000)})`
  return withQuery(lake, (query) =>
    query.run(`SELECT ${GROUPS[by]}, count(*) AS dead_letters, count(*) FILTER (is_open) AS "open",
      min(error_timestamp) AS first, max(error_timestamp) AS "last" FROM (
        SELECT *, true AS is_open FROM silver_dlq_open UNION ALL
        SELECT *, false AS is_open FROM ${DLQ_TABLE.name} ANTI JOIN silver_dlq_open USING (topic, "partition", kafka_offset)
      ) ${since} GROUP BY ALL ORDER BY ${by === 'hour' ? 1 : 'dead_letters DESC, 1, 2'}`),
  )
}

/** A dead letter with all that is known of it. */
export interface DeadLetterReport {
  readonly coordinate: string
  /** Where it lies: the queue, the archive, or both while a retention is under way. */
  readonly tables: readonly string[]
  readonly is_open: boolean
  /** The dead letter's row. */
  readonly dead_letter: QueryResult
  readonly record: DecodedRecord
  readonly bytes: Uint8Array | null
  readonly resolutions: QueryResult
}

/** Shows one dead letter, decoded as far as it goes. Throws `letter_not_found`. */
export async function showDeadLetter(lake: Lake, coordinates: DeadLetterCoordinates): Promise<DeadLetterReport> {
  const at = `topic = ${quoteText(coordinates.topic)} AND "partition" = ${coordinates.partition} AND kafka_offset = ${coordinates.offset}`
  return withQuery(lake, async (query) => {
    const deadLetter = await query.run(`SELECT * FROM ${DLQ_TABLE.name} WHERE ${at}
      UNION ALL BY NAME SELECT * FROM ${DLQ_ARCHIVE_TABLE.name} WHERE ${at}`)
    const resolutions = await query.run(`SELECT resolution, replay_id, note, resolved_at FROM ${RESOLUTIONS_TABLE.name}
      WHERE ${at} ORDER BY resolved_at`)
    const open = await query.run(`SELECT 1 FROM silver_dlq_open WHERE ${at}`)
    const archivedAt = deadLetter.columns.findIndex(({ name }) => name === 'archived_at')
    const row = deadLetter.rows[0]
    if (!row) {
      const was = resolutions.rows.length > 0 ? '; it was one, and was purged' : ''
      throw new UsageError('letter_not_found', `there is no dead letter at ${coordinateText(coordinates)}${was}`, {
        hint: '"assay dlq list" lists the open ones; "assay trace" tells where a record is',
      })
    }
    const cell = (name: string): unknown => row[deadLetter.columns.findIndex((column) => column.name === name)]
    const raw = cell('raw_record')
    const bytes = raw instanceof Uint8Array ? raw : null
    const exchange = exchangeOf(lake, String(cell('bronze_source')))
    return {
      coordinate: coordinateText(coordinates),
      tables: deadLetter.rows.map((one) => (one[archivedAt] === null ? DLQ_TABLE.name : DLQ_ARCHIVE_TABLE.name)),
      is_open: open.rows.length > 0,
      dead_letter: { ...deadLetter, rows: [row] },
      record: await decodeRecord(exchange, lake.registry, bytes),
      bytes,
      resolutions,
    }
  })
}

export function exchangeOf(lake: Lake, source: string): Exchange {
  const found = lake.exchanges.find(({ name }) => bronzeTable(name).name === source)
  if (!found) throw new RangeError(`no exchange has the table ${source}`)
  return found
}

export async function withQuery<T>(lake: Lake, work: (query: Query) => Promise<T>): Promise<T> {
  const query = await openQuery(lake, LIMITS)
  try {
    return await work(query)
  } finally {
    await query.close()
  }
}
