import { type LaneKey, laneKey } from '@assay/core'
import type { Session } from '@assay/engine'
import { DLQ_TABLE, purgedDeadLettersSql, type SchemaUnknown } from '@assay/medallion'
import type { PinnedLake } from '../pinned/pin-lake.js'
import { inRanges, type OffsetRange, type PinnedScan } from '../pinned/pinned-scan.js'

const COORDINATES = 'topic, "partition", kafka_offset'
const REASON = 'unknown_schema_id'
const PREFIX = `${REASON}: `
/** More than the rows of a batch. */
const RECORDS_MAX = 10_000_000

/**
 * SQL of the dead letters in these ranges, or of all. One on its way from the queue to its archive is in both for a
 * moment.
 */
export async function deadLettersIn(
  { deadLetters, archive }: PinnedLake,
  ranges?: readonly OffsetRange[],
): Promise<string> {
  const columns = DLQ_TABLE.columns.map(({ name }) => `"${name}"`).join(', ')
  const rows = (scan: PinnedScan): Promise<string> => (ranges ? scan.rowsIn(ranges) : scan.sql())
  const hot = await rows(deadLetters)
  if (!archive.pinned) return hot
  return `SELECT ${columns} FROM (${hot}) UNION ALL
    SELECT ${columns} FROM (${await rows(archive)}) ANTI JOIN (${hot}) USING (${COORDINATES})`
}

/** SQL of the coordinates of dead letters that were given up, and not taken back: they may be gone. */
export async function purgedSql({ resolutions }: PinnedLake): Promise<string> {
  return purgedDeadLettersSql(`(${await resolutions.sql()})`)
}

/** SQL of the coordinates of those that are gone indeed, in these ranges or in all. */
export async function goneSql(tables: PinnedLake, ranges?: readonly OffsetRange[]): Promise<string> {
  const all = `SELECT * FROM (${await purgedSql(tables)}) ANTI JOIN (${await deadLettersIn(tables, ranges)}) USING (${COORDINATES})`
  return ranges ? `${all} WHERE ${inRanges(ranges, tables.deadLetters.coordinates())}` : all
}

/**
 * Records that were judged while the registry didn't know their schema, or didn't show it, as their dead letters say.
 * One that was given up and is gone may have been such a record: no other reason depends on when it was judged.
 */
export function schemaUnknownThen(session: Session, tables: PinnedLake): SchemaUnknown {
  return async (plan) => {
    const ranges = plan.map(({ key, from, upper }) => ({ key, from, to: upper }))
    const found = await deadLettersIn(tables, ranges)
    const gone = await goneSql(tables, ranges)
    const rows = await session.rows(
      `SELECT ${COORDINATES}, coalesce(substr(error_detail, length('${PREFIX}') + 1), '') AS why
       FROM (${found}) WHERE error_reason = '${REASON}' UNION ALL SELECT *, '' FROM (${gone})`,
      RECORDS_MAX,
    )
    const byLane = new Map<LaneKey, Map<bigint, string>>()
    for (const { topic, partition, kafka_offset, why } of rows) {
      const key = laneKey({ topic: String(topic), partition: Number(partition) })
      const ofLane = byLane.get(key) ?? new Map<bigint, string>()
      byLane.set(key, ofLane.set(kafka_offset as bigint, String(why)))
    }
    return byLane
  }
}
