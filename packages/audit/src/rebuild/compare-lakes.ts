import { CANDLES_TABLE } from '@assay/candles'
import { type LaneKey, laneKey } from '@assay/core'
import { quoteIdentifier, quoteText, type Session } from '@assay/engine'
import { DLQ_TABLE, DUPLICATES_TABLE, GOLD_TABLE, RULE_SETS_TABLE } from '@assay/medallion'
import type { TableDefinition } from '@assay/pipeline'
import { compareRows, Tally } from '../compare/compare.js'
import { deadLettersIn, goneSql } from '../derive/dead-letters.js'
import { derivedColumns } from '../derive/processing-times.js'
import { chunksOf } from '../pinned/lane-rows.js'
import type { PinnedLake } from '../pinned/pin-lake.js'
import type { CoordinateColumns, OffsetRange, PinnedScan } from '../pinned/pinned-scan.js'

/** A table of both lakes, compared. */
export interface TableComparison {
  readonly table: string
  readonly rows: bigint
  readonly rebuilt: bigint
  readonly differing: bigint
  /** The first few differences. */
  readonly differences: readonly string[]
}

/** Compares what was derived anew with what is there, row by row over all columns but the times of processing. */
export async function compareLakes(session: Session, old: PinnedLake, rebuilt: PinnedLake): Promise<TableComparison[]> {
  const found: TableComparison[] = []
  for (const [i, { silver }] of old.exchanges.entries()) {
    const other = rebuilt.exchanges[i]?.silver
    if (other) found.push(await compareTables(session, silver.definition, side(silver), side(other)))
  }
  found.push(
    await compareTables(session, DLQ_TABLE, (ranges) => deadLettersIn(old, ranges), rebuiltDeadLetters(old, rebuilt)),
  )
  found.push(await compareRuleSets(session, old.ruleSets, rebuilt.ruleSets))
  found.push(await compareTables(session, GOLD_TABLE, side(old.gold), side(rebuilt.gold)))
  found.push(await compareTables(session, DUPLICATES_TABLE, side(old.duplicates), side(rebuilt.duplicates)))
  found.push(await compareCandles(session, old.of(CANDLES_TABLE), rebuilt.of(CANDLES_TABLE)))
  return found
}

/** SQL of a table's rows, of all or of some offsets. */
type Side = (ranges?: readonly OffsetRange[]) => Promise<string>

function side(scan: PinnedScan): Side {
  return (ranges) => (ranges ? scan.rowsIn(ranges) : scan.sql())
}

/** Those that were derived again, without the ones that were purged from the old lake and are gone. */
function rebuiltDeadLetters(old: PinnedLake, rebuilt: PinnedLake): Side {
  return async (ranges) =>
    `SELECT * FROM (${await deadLettersIn(rebuilt, ranges)})
     ANTI JOIN (${await goneSql(old, ranges)}) USING (topic, "partition", kafka_offset)`
}

const TEXTS = { missing: 'was not derived again', extra: 'was derived, but is not in the lake' }

async function compareTables(
  session: Session,
  definition: TableDefinition,
  old: Side,
  rebuilt: Side,
): Promise<TableComparison> {
  const coordinates = definition.coordinates
  if (!coordinates) throw new RangeError(`${definition.name} has no coordinates`)
  const tally = new Tally()
  for (const range of await rangesOf(session, coordinates, [await old(), await rebuilt()])) {
    for (const chunk of chunksOf(range)) {
      const [expected, found] = [await old([chunk]), await rebuilt([chunk])]
      await compareRows(
        session,
        { expected, found, columns: derivedColumns(definition), coordinates, kept: 'expected', ...TEXTS },
        tally,
      )
    }
  }
  return comparisonOf(definition.name, tally)
}

/** What tells how a candle came to be, not what it is: it hangs on when trades came, and in which batches. */
const HISTORY = new Set(['late_trades', 'replayed_trades', 'revision', 'watermark', 'emitted_at'])

/** One day after the other. */
async function compareCandles(session: Session, old: PinnedScan, rebuilt: PinnedScan): Promise<TableComparison> {
  const tally = new Tally()
  const coordinates = { topic: 'book', partition: 'window_size', offset: 'window_start' }
  const columns = CANDLES_TABLE.columns.filter(({ name }) => !HISTORY.has(name))
  const days = await session.rows(
    `SELECT DISTINCT window_date::VARCHAR AS day FROM (${await old.sql()} UNION ALL ${await rebuilt.sql()}) ORDER BY 1`,
    1_000_000,
  )
  for (const { day } of days) {
    const ofDay = async (candles: PinnedScan): Promise<string> => {
      const rows = await candles.sql({ keepPartition: ({ window_date }) => window_date === day })
      return `SELECT *, exchange || '/' || symbol || '/' || currency AS book FROM (${rows})
        WHERE window_date = DATE ${quoteText(String(day))}`
    }
    const [expected, found] = [await ofDay(old), await ofDay(rebuilt)]
    await compareRows(session, { expected, found, columns, coordinates, ...TEXTS }, tally)
  }
  return comparisonOf(CANDLES_TABLE.name, tally)
}

async function compareRuleSets(session: Session, old: PinnedScan, rebuilt: PinnedScan): Promise<TableComparison> {
  const tally = new Tally()
  const coordinates = { topic: 'topic', partition: 'partition', offset: 'from_offset' }
  const columns = RULE_SETS_TABLE.columns
  await compareRows(
    session,
    { expected: await old.sql(), found: await rebuilt.sql(), columns, coordinates, ...TEXTS },
    tally,
  )
  return comparisonOf(RULE_SETS_TABLE.name, tally)
}

export function comparisonOf(table: string, { expected, found, findings }: Tally): TableComparison {
  return { table, rows: expected, rebuilt: found, differing: findings.total, differences: findings.first }
}

/** Offsets of each lane that any of the queries has. */
async function rangesOf(
  session: Session,
  coordinates: CoordinateColumns,
  queries: readonly string[],
): Promise<OffsetRange[]> {
  const [topic, partition, offset] = [coordinates.topic, coordinates.partition, coordinates.offset].map(quoteIdentifier)
  const all = queries
    .map((sql) => `SELECT ${topic} AS t, ${partition} AS p, ${offset} AS o FROM (${sql})`)
    .join(' UNION ALL ')
  const lanes = await session.rows(
    `SELECT t, p, min(o) AS low, max(o) AS high FROM (${all}) GROUP BY t, p ORDER BY t, p`,
    1_000_000,
  )
  return lanes.map(({ t, p, low, high }) => {
    const key: LaneKey = laneKey({ topic: String(t), partition: Number(p) })
    return { key, from: low as bigint, to: (high as bigint) + 1n }
  })
}
