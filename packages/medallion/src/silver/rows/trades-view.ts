import { quoteIdentifier } from '@assay/engine'
import type { ColumnSpec } from '@assay/pipeline'

export const EVENT_TIME: ColumnSpec = ['event_time', 'timestamptz', '`timestamp`, as a timestamp.']

/** SQL of a trade's time as a timestamp; in the tables it is a number of microseconds. `of`: the table's name and a dot. */
export function eventTime(of = ''): string {
  return `make_timestamptz(${of}"timestamp") AS event_time`
}

/** SQL of all columns of tables of trades, and the time as a timestamp. */
export function tradesSql(tables: readonly string[]): string {
  return tables.map((name) => `SELECT ${eventTime()}, * FROM ${quoteIdentifier(name)}`).join(' UNION ALL ')
}
