import { quoteText } from '@assay/engine'
import type { Lake } from '@assay/lake'
import {
  bronzeTable,
  type DeadLetterFilter,
  filterSql,
  openDeadLettersSql,
  RESOLUTIONS_TABLE,
  silverTable,
} from '@assay/medallion'
import type { QueryResult } from '@assay/query'
import { exchangeOf, withQuery } from './dead-letters.js'
import { queueNamed } from './queues.js'

interface ListRequest {
  /** Name of the queue of dead letters, or of its archive. */
  readonly sourceTable: string
  readonly filter: DeadLetterFilter
  /** Dead letters to list, the latest rejected first. */
  readonly limit: number
}

export interface DeadLetterList {
  readonly dead_letters: QueryResult
  /** Number of all dead letters that the filter keeps. */
  readonly total: bigint
  /** The silver tables that these can be replayed into, by name. */
  readonly target_tables: readonly string[]
  /** Where nothing is kept: the days (`dlq_date`) that have open dead letters, the latest first. */
  readonly days: readonly DeadLetterDay[]
}

export interface DeadLetterDay {
  readonly dlq_date: string
  readonly dead_letters: bigint
}

const DAYS_MAX = 10

/** The open dead letters that the filter keeps, one a row. Throws `unknown_table`. */
export function listDeadLetters(lake: Lake, { sourceTable, filter, limit }: ListRequest): Promise<DeadLetterList> {
  const open = openDeadLettersSql(queueNamed(sourceTable).name, RESOLUTIONS_TABLE.name)
  const kept = `FROM (${open}) WHERE ${filterSql(filter)}`
  return withQuery(lake, async (query) => {
    const listed = await query.run(`SELECT topic || '/' || "partition" || '/' || kafka_offset AS coordinate,
      error_timestamp AS rejected_at, dlq_date, error_type, error_reason, error_detail ${kept}
      ORDER BY error_timestamp DESC, topic, "partition", kafka_offset LIMIT ${limit}`)
    const sources = await query.run(`SELECT bronze_source, count(*) ${kept} GROUP BY 1 ORDER BY 1`)
    const days = listed.rows.length > 0 ? undefined : await query.run(daysSql(open))
    return {
      dead_letters: listed,
      total: sources.rows.reduce((sum, [, count]) => sum + (count as bigint), 0n),
      target_tables: sources.rows.map(([source]) => silverTable(exchangeOf(lake, String(source)).name).name),
      days: daysOf(days),
    }
  })
}

/** The days that have open dead letters of a silver table's exchange, the latest first: where a selection was empty. */
export function openDeadLetterDays(lake: Lake, sourceTable: string, targetTable: string): Promise<DeadLetterDay[]> {
  const open = openDeadLettersSql(queueNamed(sourceTable).name, RESOLUTIONS_TABLE.name)
  const exchange = lake.exchanges.find(({ name }) => silverTable(name).name === targetTable)
  const own = exchange ? `bronze_source = ${quoteText(bronzeTable(exchange.name).name)}` : 'false'
  return withQuery(lake, async (query) => daysOf(await query.run(daysSql(`SELECT * FROM (${open}) WHERE ${own}`))))
}

function daysSql(open: string): string {
  return `SELECT dlq_date::VARCHAR, count(*) FROM (${open}) GROUP BY 1 ORDER BY 1 DESC LIMIT ${DAYS_MAX}`
}

function daysOf(result: QueryResult | undefined): DeadLetterDay[] {
  return (result?.rows ?? []).map(([day, count]) => ({ dlq_date: String(day), dead_letters: count as bigint }))
}
