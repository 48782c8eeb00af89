import { AssayError } from '@assay/core'
import type { Session, TemporaryTable } from '@assay/engine'
import { scanSql } from '@assay/pipeline'
import { filePartition, type GoldBatch, hourPartition } from './find-duplicates.js'
import { sameTradeSql, TRADE_KEY_COLUMNS } from './trade-key.js'

/** The duplicates of a batch, and for each the row that was kept. */
interface KeptRows {
  readonly dropped: TemporaryTable
  readonly kept: TemporaryTable
}

const ROW = '(lane_rank, lane_offset)'
const SAME_TRADE = sameTradeSql('k', 'd')
const FOUND = `d.lane_rank, d.lane_offset, k.topic AS kept_topic, k."partition" AS kept_partition, k."offset" AS kept_offset,
  (k."timestamp" IS DISTINCT FROM d."timestamp" OR k.price IS DISTINCT FROM d.price
  OR k.quantity IS DISTINCT FROM d.quantity OR k.side IS DISTINCT FROM d.side) AS is_conflict`
const COLUMNS = `${TRADE_KEY_COLUMNS}, "timestamp", price, quantity, side, source_sequence, topic, "partition", "offset"`

/**
 * Looks up the kept row of every duplicate: in the batch itself, then in its hour's partition, then
 * wherever the bounds of the trade numbers allow. Throws `key_set_inconsistent` when one isn't anywhere.
 */
export async function findKept(session: Session, batch: GoldBatch, duplicateRows: TemporaryTable): Promise<KeptRows> {
  const rows = await keptInBatch(session, batch.input, duplicateRows)
  const open = await openRows(session, rows)
  if (open === undefined) return rows
  const hours = await session.rows(`SELECT DISTINCT "timestamp" // 3600000000 AS hour FROM ${openSql(rows)}`)
  const partitions = new Set(hours.map(({ hour }) => hourPartition(Number(hour))))
  const elsewhere = await search(session, batch, rows, open, (values) => partitions.has(filePartition(values)))
  const missing = elsewhere && (await search(session, batch, rows, elsewhere, () => true))
  if (missing === undefined) return rows
  throw new AssayError(
    'key_set_inconsistent',
    `${missing.count} trades are in gold's key set but not in ${batch.gold.definition.name}`,
    {
      hint: 'the key set is rebuilt from the table; if this comes back, gold has lost rows: restore it, or rebuild it from silver',
      retryable: true,
    },
  )
}

/** The duplicates, and the kept rows of those that have theirs in the batch itself. */
async function keptInBatch(session: Session, input: TemporaryTable, duplicateRows: TemporaryTable): Promise<KeptRows> {
  const duplicates = duplicateRows.name
  // Rows of the batch that have a number with a duplicate: dropped and kept ones, and some others.
  const candidates = await session.createTable(
    'gold_candidates',
    `SELECT lane_rank, lane_offset, ${COLUMNS}, kafka_timestamp FROM ${input.name}
    WHERE source_sequence IN (SELECT source_sequence FROM ${duplicates})
      OR (source_sequence IS NULL AND (SELECT count(*) > count(source_sequence) FROM ${duplicates}))`,
  )
  const dropped = await session.createTable(
    'gold_dropped',
    `SELECT * FROM ${candidates.name} SEMI JOIN ${duplicates} USING ${ROW}`,
  )
  const kept = await session.createTable(
    'gold_kept',
    `SELECT ${FOUND} FROM ${dropped.name} d
    JOIN (SELECT * FROM ${candidates.name} ANTI JOIN ${duplicates} USING ${ROW}) k ON ${SAME_TRADE}`,
  )
  return { dropped, kept }
}

/** SQL of the duplicates whose kept row has not been found yet. */
function openSql({ dropped, kept }: KeptRows): string {
  return `(SELECT * FROM ${dropped.name} ANTI JOIN ${kept.name} USING ${ROW})`
}

const LEAST = -(2n ** 63n)
const GREATEST = 2n ** 63n - 1n

interface OpenRows {
  readonly count: number
  readonly low: bigint
  readonly high: bigint
  /** Their numbers, when every one has one and they are few: then the scan skips what has none of them. */
  readonly numbers?: readonly bigint[]
}

/** As literals they are tested while a file is decoded; a longer list would cost more than it saves. */
const NUMBERS_MAX = 1_000

/** How many duplicates are without their kept row, and the range of their numbers (all, if one has none). */
async function openRows(session: Session, rows: KeptRows): Promise<OpenRows | undefined> {
  const open = openSql(rows)
  const [row] = await session.rows(`SELECT count(*) AS n, count(source_sequence) AS numbered,
    min(source_sequence) AS low, max(source_sequence) AS high FROM ${open}`)
  const count = Number(row?.n)
  if (count === 0) return undefined
  if (Number(row?.numbered) < count) return { count, low: LEAST, high: GREATEST }
  const range = { count, low: row?.low as bigint, high: row?.high as bigint }
  if (count > NUMBERS_MAX) return range
  const numbers = await session.rows(`SELECT source_sequence AS id FROM ${open}`)
  return { ...range, numbers: numbers.map(({ id }) => id as bigint) }
}

const FIRST_FILES = 4

/** Searches gold's files newest first, since most copies come soon after; what is still open comes back. */
async function search(
  session: Session,
  { gold, pinned }: GoldBatch,
  rows: KeptRows,
  open: OpenRows,
  keepPartition: (values: Readonly<Record<string, unknown>>) => boolean,
): Promise<OpenRows | undefined> {
  const files = await gold.files(pinned, {
    keepPartition,
    keep: (bounds) => bounds.meets('source_sequence', open.low, open.high),
  })
  let left: OpenRows | undefined = open
  for (let end = files.length, step = FIRST_FILES; end > 0 && left; end -= step, step *= 2) {
    const some = files.slice(Math.max(0, end - step), end)
    const ofNumbers = left.numbers ? `WHERE source_sequence IN (${left.numbers.join(', ')})` : ''
    await session.run(`INSERT INTO ${rows.kept.name} SELECT ${FOUND} FROM ${openSql(rows)} d
      JOIN (SELECT ${COLUMNS} FROM (${scanSql(gold.definition, some)}) ${ofNumbers}) k ON ${SAME_TRADE}`)
    left = await openRows(session, rows)
  }
  return left
}
