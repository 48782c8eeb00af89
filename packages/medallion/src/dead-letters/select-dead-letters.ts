import { AssayError, type BytesColumn, type Lane, laneKey } from '@assay/core'
import { columnOf, quoteText, type ResultChunk, type Session, type TemporaryTable } from '@assay/engine'
import type { BatchLimits, LakeTable, PinnedTable } from '@assay/pipeline'
import { concatBytes, dateText, scanSql } from '@assay/pipeline'
import {
  closedDeadLettersSql,
  DEAD_LETTER,
  type DeadLetterFilter,
  filterKeeps,
  filterSql,
} from '../silver/dead-letter-filter.js'
import { RESOLUTIONS_TABLE } from '../silver/dead-letter-tables.js'
import { type BronzeRows, NO_ROWS } from '../silver/rows/rows.js'

/** The tables that tell which dead letters are open, and hold what a row of silver needs of them. */
interface DeadLetterTables {
  /** The queue of dead letters, or its archive. */
  readonly deadLetters: LakeTable
  /** The ledger of resolutions; undefined before the first one. */
  readonly resolutions: LakeTable | undefined
  readonly bronze: LakeTable
  readonly silver: LakeTable
}

/** Coordinates of a dead letter. */
export interface DeadLetterCoordinates extends Lane {
  readonly offset: bigint
}

/** Dead letters in order of their coordinates. */
export interface DeadLetterBatch {
  readonly rows: BronzeRows
  /** The rows' lanes, by the rank that `rows` gives. */
  readonly lanes: readonly Lane[]
  /** True when there are more dead letters behind them. */
  readonly more: boolean
}

interface Selection {
  readonly filter: DeadLetterFilter
  /** Dead letters at or before these coordinates are done with. */
  readonly after: DeadLetterCoordinates | undefined
  /** The only coordinates that are meant, if not all. */
  readonly only?: TemporaryTable
}

/**
 * The next open dead letters of a silver table's exchange, within the limits of rows and bytes. `silver` is pinned
 * before the resolutions are read, so that what it published is among them; and a dead letter that has a replayed row
 * in it is passed by whatever the ledger says (D1).
 */
export async function selectDeadLetters(
  session: Session,
  tables: DeadLetterTables,
  silver: PinnedTable,
  selection: Selection,
  limits: BatchLimits,
): Promise<DeadLetterBatch> {
  const deadLetters = await deadLettersSql(tables, selection.filter)
  const open = `SELECT * FROM (${deadLetters}) ANTI JOIN (${await closedSql(tables)}) USING (${DEAD_LETTER})
    ANTI JOIN (${await replayedSql(tables.silver, silver)}) USING (${DEAD_LETTER})
    ${selection.only ? `SEMI JOIN ${selection.only.name} USING (${DEAD_LETTER})` : ''}`
  const found = await session.createTable(
    'replay_found',
    `SELECT *, (row_number() OVER lane - 1)::INTEGER AS rn, (dense_rank() OVER (ORDER BY topic, "partition") - 1)::INTEGER AS rank,
      sum(bytes) OVER lane AS total FROM (
      SELECT ${DEAD_LETTER}, dlq_date, coalesce(octet_length(raw_record), 0) AS bytes FROM (${open})
      WHERE ${behindSql(selection.after)} ORDER BY ${DEAD_LETTER} LIMIT ${limits.maxRows + 1}
    ) WINDOW lane AS (ORDER BY ${DEAD_LETTER} ROWS UNBOUNDED PRECEDING)`,
  )
  const fits = `(rn < ${limits.maxRows} AND (rn = 0 OR total <= ${limits.maxBytes}))`
  const [counts] = await session.rows(`SELECT count(*) AS found, count(*) FILTER (${fits}) AS taken FROM ${found.name}`)
  const taken = Number(counts?.taken)
  const lanes = await session.rows(`SELECT DISTINCT rank, topic, "partition" FROM ${found.name} ORDER BY 1`)
  return {
    rows: taken === 0 ? NO_ROWS : await readDeadLetters(session, tables, deadLetters, found, taken),
    lanes: lanes.map(({ topic, partition }) => ({ topic: String(topic), partition: Number(partition) })),
    more: Number(counts?.found) > taken,
  }
}

/** Coordinates of a row of the batch. */
export function coordinatesOf({ rows, lanes }: DeadLetterBatch, row: number): DeadLetterCoordinates {
  const lane = lanes[rows.ranks[row] as number] as Lane
  return { ...lane, offset: rows.offsets[row] as bigint }
}

export function coordinateText({ topic, partition, offset }: DeadLetterCoordinates): string {
  return `${laneKey({ topic, partition })}/${offset}`
}

/** Makes a temporary table of coordinates. */
export function loadCoordinates(
  session: Session,
  name: string,
  coordinates: readonly DeadLetterCoordinates[],
): Promise<TemporaryTable> {
  const topics = [...new Set(coordinates.map(({ topic }) => topic))]
  const codes = Int32Array.from(coordinates, ({ topic }) => topics.indexOf(topic))
  return session.load(
    name,
    [
      { name: 'topic', column: { type: 'DICTIONARY', codes, dictionary: topics } },
      {
        name: 'partition',
        column: { type: 'INTEGER', data: Int32Array.from(coordinates, (coordinates) => coordinates.partition) },
      },
      {
        name: 'kafka_offset',
        column: { type: 'BIGINT', data: BigInt64Array.from(coordinates, ({ offset }) => offset) },
      },
    ],
    coordinates.length,
  )
}

async function deadLettersSql({ deadLetters, bronze }: DeadLetterTables, filter: DeadLetterFilter): Promise<string> {
  const source = bronze.definition.name
  const files = await deadLetters.files(await deadLetters.pin(), {
    keepPartition: (values) => values.bronze_source === source && filterKeeps(filter, values),
  })
  return `SELECT * FROM (${scanSql(deadLetters.definition, files)}) WHERE bronze_source = ${quoteText(source)} AND ${filterSql(filter)}`
}

async function closedSql({ resolutions }: DeadLetterTables): Promise<string> {
  const files = resolutions ? await resolutions.files(await resolutions.pin()) : []
  return closedDeadLettersSql(`(${scanSql(RESOLUTIONS_TABLE, files)})`)
}

async function replayedSql(silver: LakeTable, pinned: PinnedTable): Promise<string> {
  const files = await silver.files(pinned, { keep: (bounds) => bounds.hasValues('replay_sequence') })
  return `SELECT topic, "partition", "offset" AS kafka_offset FROM (${scanSql(silver.definition, files)})
    WHERE replay_id IS NOT NULL`
}

function behindSql(after: DeadLetterCoordinates | undefined): string {
  if (!after) return 'true'
  const topic = quoteText(after.topic)
  return `(topic > ${topic} OR (topic = ${topic} AND ("partition" > ${after.partition}
    OR ("partition" = ${after.partition} AND kafka_offset > ${after.offset}))))`
}

/** The dead letters found first, with the time at which bronze took each. */
async function readDeadLetters(
  session: Session,
  tables: DeadLetterTables,
  deadLetters: string,
  found: TemporaryTable,
  count: number,
): Promise<BronzeRows> {
  const rows = {
    ranks: new Int32Array(count),
    offsets: new BigInt64Array(count),
    kafka_us: new BigInt64Array(count),
    kafkaNulls: new Uint8Array(count),
    bronze_us: new BigInt64Array(count),
  }
  const raws: { column: BytesColumn; count: number }[] = []
  let at = 0
  for await (const chunk of session.read(`SELECT rank, kafka_offset, l.kafka_timestamp, l.raw_record, b.ingestion_timestamp
    FROM (FROM ${found.name} WHERE rn < ${count}) f JOIN (${deadLetters}) l USING (${DEAD_LETTER})
    LEFT JOIN (${await bronzeSql(session, tables.bronze, found, count)}) b USING (${DEAD_LETTER}) ORDER BY rn`)) {
    if (at + chunk.count > count) throw deadLettersInconsistent(tables, count)
    checkRecords(chunk, tables)
    copyChunk(chunk, rows, at)
    raws.push({ column: columnOf(chunk, 'raw_record', 'BLOB'), count: chunk.count })
    at += chunk.count
  }
  if (at !== count) throw deadLettersInconsistent(tables, count)
  return { count, ...rows, raw: concatBytes(raws) }
}

/** As when a data file's name holds another file's bytes. */
function deadLettersInconsistent({ deadLetters, bronze }: DeadLetterTables, count: number): AssayError {
  const [queue, source] = [deadLetters.definition.name, bronze.definition.name]
  return new AssayError(
    'letters_inconsistent',
    `${count} dead letters were found in ${queue}, and they do not have one row each in it and in ${source}`,
    { hint: 'one of the two tables is damaged: assay verify names it; restore it before replaying' },
  )
}

function checkRecords(chunk: ResultChunk, { deadLetters, bronze }: DeadLetterTables): void {
  const missing = columnOf(chunk, 'ingestion_timestamp', 'TIMESTAMPTZ').nulls?.indexOf(1) ?? -1
  if (missing < 0) return
  const offset = columnOf(chunk, 'kafka_offset', 'BIGINT').data[missing]
  const [queue, source] = [deadLetters.definition.name, bronze.definition.name]
  const message = `the dead letter at offset ${offset} in ${queue} has no row in ${source}`
  throw new AssayError('letter_without_record', message, {
    hint: `"assay verify" names all of them; ${source} has lost rows: restore it before replaying`,
  })
}

function copyChunk(chunk: ResultChunk, rows: Omit<BronzeRows, 'count' | 'raw'>, at: number): void {
  const kafka = columnOf(chunk, 'kafka_timestamp', 'TIMESTAMPTZ')
  const bronze = columnOf(chunk, 'ingestion_timestamp', 'TIMESTAMPTZ')
  rows.ranks.set(columnOf(chunk, 'rank', 'INTEGER').data.subarray(0, chunk.count), at)
  rows.offsets.set(columnOf(chunk, 'kafka_offset', 'BIGINT').data.subarray(0, chunk.count), at)
  rows.kafka_us.set(kafka.data.subarray(0, chunk.count), at)
  if (kafka.nulls) rows.kafkaNulls.set(kafka.nulls.subarray(0, chunk.count), at)
  rows.bronze_us.set(bronze.data.subarray(0, chunk.count), at)
}

/** Both tables are partitioned by the day of the Kafka timestamp, so that only those days of bronze are opened. */
async function bronzeSql(session: Session, bronze: LakeTable, found: TemporaryTable, count: number): Promise<string> {
  const days = await session.rows(`SELECT dlq_date AS day, min(kafka_offset) AS low, max(kafka_offset) AS high
    FROM ${found.name} WHERE rn < ${count} GROUP BY 1`)
  const dates = new Set(days.map(({ day }) => dateText(Number(day))))
  const low = days.reduce((least, row) => ((row.low as bigint) < least ? (row.low as bigint) : least), 2n ** 63n - 1n)
  const high = days.reduce((most, row) => ((row.high as bigint) > most ? (row.high as bigint) : most), 0n)
  const files = await bronze.files(await bronze.pin(), {
    keepPartition: ({ ingestion_date }) => dates.has(String(ingestion_date)),
    keep: (bounds) => bounds.meets('offset', low, high),
  })
  return `SELECT topic, "partition", "offset" AS kafka_offset, ingestion_timestamp
    FROM (${scanSql(bronze.definition, files)}) WHERE "offset" BETWEEN ${low} AND ${high}`
}
