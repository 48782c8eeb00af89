import { AssayError, type NamedColumn, wordsOf } from '@assay/core'
import { type KeptRow, sameTradeSql, TRADE_KEY_COLUMNS } from '@assay/deduplication'
import { columnOf, type Session, type TemporaryTable } from '@assay/engine'
import { scanSql } from '@assay/pipeline'
import { filePartition, type GoldFiles, hourPartition } from './find-in-gold.js'

/** Duplicates whose kept rows are in gold's files: their columns (see `gather`), and the hours that they lie in. */
interface Dropped {
  readonly columns: readonly NamedColumn[]
  readonly count: number
  readonly hours: ReadonlySet<number>
}

/** Tells of the duplicate at a position which row was kept. */
type OnKept = (position: number, kept: KeptRow) => void

const SAME_TRADE = sameTradeSql('k', 'd')
const FOUND = `d."position", k.topic AS kept_topic, k."partition" AS kept_partition, k."offset" AS kept_offset,
  (k."timestamp" IS DISTINCT FROM d."timestamp" OR k.price IS DISTINCT FROM d.price
  OR k.quantity IS DISTINCT FROM d.quantity OR k.side IS DISTINCT FROM d.side) AS is_conflict`
const COLUMNS = `${TRADE_KEY_COLUMNS}, "timestamp", price, quantity, side, source_sequence, topic, "partition", "offset"`

/**
 * Looks up the kept rows of duplicates: in the partitions of their hours, first among rows of the same times, as copies
 * have them that aren't in conflict, then wherever the bounds of the trade numbers allow. Throws `key_set_inconsistent`
 * when one isn't anywhere.
 */
export async function searchGold(files: GoldFiles, { columns, count, hours }: Dropped, onKept: OnKept): Promise<void> {
  const { session } = files
  const dropped = await session.load('gold_dropped', columns, count)
  const kept = await session.createTable(
    'gold_kept',
    `SELECT ${FOUND} FROM ${dropped.name} d
    JOIN (SELECT ${COLUMNS} FROM (${scanSql(files.gold.definition, [])})) k ON ${SAME_TRADE}`,
  )
  const tables = { dropped, kept }
  const open = await openRows(session, tables)
  const partitions = new Set([...hours].map(hourPartition))
  const inHours = (values: Readonly<Record<string, unknown>>): boolean => partitions.has(filePartition(values))
  const otherTimes = open?.times
    ? await search(files, tables, open, { keepPartition: inHours, times: open.times })
    : open
  const elsewhere = otherTimes && (await search(files, tables, otherTimes, { keepPartition: inHours }))
  const missing = elsewhere && (await search(files, tables, elsewhere, {}))
  if (missing) {
    throw new AssayError(
      'key_set_inconsistent',
      `${missing.count} trades are in gold's key set but not in ${files.gold.definition.name}`,
      {
        hint: 'the key set is rebuilt from the table; if this comes back, gold has lost rows: restore it, or rebuild it from silver',
        retryable: true,
      },
    )
  }
  await readKept(session, kept, onKept)
}

async function readKept(session: Session, kept: TemporaryTable, onKept: OnKept): Promise<void> {
  const text = new TextDecoder()
  for await (const chunk of session.read(`SELECT * FROM ${kept.name}`)) {
    const positions = columnOf(chunk, 'position', 'INTEGER').data
    const topics = columnOf(chunk, 'kept_topic', 'VARCHAR')
    const partitions = columnOf(chunk, 'kept_partition', 'INTEGER').data
    const offsets = wordsOf(columnOf(chunk, 'kept_offset', 'BIGINT').data)
    const conflicts = columnOf(chunk, 'is_conflict', 'BOOLEAN').data
    for (let i = 0; i < chunk.count; i++) {
      onKept(positions[i] as number, {
        topic: text.decode(topics.data.subarray(topics.offsets[i], topics.offsets[i + 1])),
        partition: partitions[i] as number,
        offset_low: offsets[2 * i] as number,
        offset_high: offsets[2 * i + 1] as number,
        isConflict: conflicts[i] === 1,
      })
    }
  }
}

interface Tables {
  readonly dropped: TemporaryTable
  readonly kept: TemporaryTable
}

/** SQL of the duplicates whose kept row has not been found yet. */
function openSql({ dropped, kept }: Tables): string {
  return `(SELECT * FROM ${dropped.name} ANTI JOIN ${kept.name} USING ("position"))`
}

const LEAST = -(2n ** 63n)
const GREATEST = 2n ** 63n - 1n

interface OpenRows {
  readonly count: number
  readonly low: bigint
  readonly high: bigint
  /** Their numbers, when every one has one and they are few: then the scan skips what has none of them. */
  readonly numbers?: readonly bigint[]
  /** From when to when they happened; absent if none of them tells. */
  readonly times?: Range
}

interface Range {
  readonly low: bigint
  readonly high: bigint
}

/** As literals they are tested while a file is decoded; a longer list would cost more than it saves. */
const NUMBERS_MAX = 1_000

/** How many duplicates are without their kept row, and the ranges of their numbers (all, if one has none) and times. */
async function openRows(session: Session, tables: Tables): Promise<OpenRows | undefined> {
  const open = openSql(tables)
  const [row] = await session.rows(`SELECT count(*) AS n, count(source_sequence) AS numbered,
    min(source_sequence) AS low, max(source_sequence) AS high, min("timestamp") AS earliest, max("timestamp") AS latest
    FROM ${open}`)
  const count = Number(row?.n)
  if (count === 0) return undefined
  const times = typeof row?.earliest === 'bigint' && { times: { low: row.earliest, high: row.latest as bigint } }
  if (Number(row?.numbered) < count) return { count, low: LEAST, high: GREATEST, ...times }
  const range = { count, low: row?.low as bigint, high: row?.high as bigint, ...times }
  if (count > NUMBERS_MAX) return range
  const numbers = await session.rows(`SELECT source_sequence AS id FROM ${open}`)
  return { ...range, numbers: numbers.map(({ id }) => id as bigint) }
}

const FIRST_FILES = 4

interface Where {
  readonly keepPartition?: (values: Readonly<Record<string, unknown>>) => boolean
  readonly times?: Range
}

/** Searches gold's files newest first, since most copies come soon after; what is still open comes back. */
async function search(
  { session, gold, pinned }: GoldFiles,
  tables: Tables,
  open: OpenRows,
  { keepPartition, times }: Where,
): Promise<OpenRows | undefined> {
  const files = await gold.files(pinned, {
    ...(keepPartition && { keepPartition }),
    keep: (bounds) =>
      bounds.meets('source_sequence', open.low, open.high) &&
      (!times || bounds.meets('timestamp', times.low, times.high)),
  })
  const ofTimes = times ? `"timestamp" BETWEEN ${times.low} AND ${times.high}` : 'true'
  let left: OpenRows | undefined = open
  for (let end = files.length, step = FIRST_FILES; end > 0 && left; end -= step, step *= 2) {
    const some = files.slice(Math.max(0, end - step), end)
    const ofNumbers = left.numbers ? `source_sequence IN (${left.numbers.join(', ')})` : 'true'
    await session.run(`INSERT INTO ${tables.kept.name} SELECT ${FOUND} FROM ${openSql(tables)} d
      JOIN (SELECT ${COLUMNS} FROM (${scanSql(gold.definition, some)}) WHERE ${ofTimes} AND ${ofNumbers}) k ON ${SAME_TRADE}`)
    left = await openRows(session, tables)
  }
  return left
}
