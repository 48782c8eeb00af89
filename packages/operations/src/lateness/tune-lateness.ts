import type { Session } from '@assay/engine'
import { type Lake, pinExisting } from '@assay/lake'
import { silverTable } from '@assay/medallion'
import { scanSql, timestampLiteral } from '@assay/pipeline'
import { withJobContext } from '../dead-letters/job-context.js'
import { countLateness, type LatenessCounts, type Share } from './count-lateness.js'

export interface ExchangeLateness {
  readonly exchange: string
  /** Undefined where no row came since then. */
  readonly counts: LatenessCounts | undefined
  /** Then: when the newest row came, ms since 1970; undefined where there is none at all. */
  readonly newest_ms: number | undefined
}

/**
 * How late rows were that bronze took since a time, of each exchange; replayed ones have no lateness and don't count. The
 * log's own times would leave out the latest: feeds stamp records with the time of the trade.
 */
export function tuneLateness(
  lake: Lake,
  since_ms: number,
  target: Share,
  signal: AbortSignal,
): Promise<ExchangeLateness[]> {
  const work = async (session: Session): Promise<ExchangeLateness[]> => {
    const found: ExchangeLateness[] = []
    for (const { name } of lake.exchanges) {
      const timed = await timedRows(lake, name)
      const since = `SELECT lateness_ms FROM (${timed}) WHERE bronze_ingestion_timestamp >= ${timestampLiteral(since_ms)}`
      const counts = await countLateness(session, since, target)
      const newest_ms = counts ? undefined : await newest(session, timed)
      found.push({ exchange: name, counts, newest_ms })
    }
    return found
  }
  return withJobContext(lake, undefined, ({ session }) => work(session), signal)
}

async function timedRows(lake: Lake, exchange: string): Promise<string> {
  const definition = silverTable(exchange)
  const silver = await pinExisting(lake, definition)
  const rows = scanSql(definition, silver ? await silver.table.files(silver.pinned) : [])
  return `SELECT lateness_ms, bronze_ingestion_timestamp FROM (${rows}) WHERE replay_id IS NULL AND lateness_ms IS NOT NULL`
}

async function newest(session: Session, rows: string): Promise<number | undefined> {
  const [row] = await session.rows(`SELECT max(bronze_ingestion_timestamp) AS newest FROM (${rows})`)
  const newest_us = row?.newest as bigint | null
  return newest_us === null ? undefined : Number(newest_us / 1000n)
}
