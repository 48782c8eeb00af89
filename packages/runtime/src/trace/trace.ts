import { type Lane, type LaneKey, laneKey } from '@assay/core'
import { quoteText, type Session } from '@assay/engine'
import type { Exchange } from '@assay/exchanges'
import {
  bronzeTable,
  DLQ_ARCHIVE_TABLE,
  DLQ_TABLE,
  DUPLICATES_TABLE,
  type FileFilter,
  GOLD_TABLE,
  REPLAYS_TABLE,
  RESOLUTIONS_TABLE,
  silverTable,
  type TableDefinition,
} from '@assay/medallion'
import type { Lake } from '../lake.js'
import { pinExisting } from '../report/loaded-tables.js'
import { PinnedScan } from '../verify/pinned-scan.js'
import { type DecodedRecord, decodeRecord } from './decode-record.js'
import { cellOf, type TableRows, tableRows } from './table-row.js'
import type { TraceTarget } from './trace-target.js'

export interface TraceReport {
  readonly records: readonly TracedRecord[]
  /** Where it was looked, for people to whom nothing was found. */
  readonly looked: readonly string[]
}

/** A record of the log and what every layer made of it. Tables without a row of it give no rows. */
export interface TracedRecord {
  readonly coordinate: string
  readonly exchange: string
  readonly bronze: TableRows
  readonly record: DecodedRecord | undefined
  readonly silver: TableRows
  /** The dead letter, in the queue or in its archive. */
  readonly letter: TableRows
  readonly resolutions: TableRows
  readonly replays: TableRows
  readonly gold: TableRows
  /** Its own row among the duplicates. */
  readonly duplicate: TableRows
  /** The row of gold that was kept in its place. */
  readonly kept: TableRows
  /** Rows that were dropped in its favour. */
  readonly dropped: TableRows
}

/** Trades that an id without its book may name, and rows that a side table lists. */
const TRADES_MAX = 50
const ROWS_MAX = 20
const HOUR_US = 3_600_000_000n

/** Follows a trade, a message or a record through all layers, forwards and backwards (A5). */
export async function traceTarget(lake: Lake, target: TraceTarget, exchangeName?: string): Promise<TraceReport> {
  const session = await (await lake.engine()).session()
  try {
    return await new Trace(lake, session, exchangeName).run(target)
  } finally {
    await session.close()
  }
}

interface Coordinate extends Lane {
  readonly exchange: Exchange
  readonly offset: bigint
}

class Trace {
  readonly #lake: Lake
  readonly #session: Session
  readonly #exchanges: readonly Exchange[]
  readonly #scans = new Map<string, Promise<PinnedScan>>()
  readonly #looked: string[] = []

  constructor(lake: Lake, session: Session, exchangeName: string | undefined) {
    this.#lake = lake
    this.#session = session
    this.#exchanges = lake.exchanges.filter(({ name }) => exchangeName === undefined || name === exchangeName)
  }

  async run(target: TraceTarget): Promise<TraceReport> {
    const coordinates = target.kind === 'trade_id' ? await this.#byTrade(target) : await this.#byPlace(target)
    const records: TracedRecord[] = []
    for (const coordinate of coordinates) {
      const record = await this.#record(coordinate)
      if (record.bronze.rows.length + record.silver.rows.length + record.letter.rows.length > 0) records.push(record)
    }
    return { records, looked: this.#looked }
  }

  /** The table as it stands; pinned once. */
  #scan(definition: TableDefinition): Promise<PinnedScan> {
    const known = this.#scans.get(definition.name)
    if (known) return known
    const scan = pinExisting(this.#lake, definition).then((held) => new PinnedScan(definition, held))
    this.#scans.set(definition.name, scan)
    return scan
  }

  async #byPlace(target: Exclude<TraceTarget, { kind: 'trade_id' }>): Promise<Coordinate[]> {
    const { partition, offset } = target
    const found: Coordinate[] = []
    for (const exchange of this.#exchanges) {
      const { checkpoint, name } = await this.#scan(bronzeTable(exchange.name))
      for (const [topic, { laneId }] of Object.entries(checkpoint.topics)) {
        if (target.kind === 'coordinate' ? topic !== target.topic : laneId !== target.laneId) continue
        const position = checkpoint.lanes.get(laneKey({ topic, partition }))?.position
        this.#looked.push(
          `${name}: ${topic}/${partition} at ${offset}; the lane stands at ${position ?? 'no position'}`,
        )
        found.push({ exchange, topic, partition, offset })
      }
      this.#looked.push(`${name}: it reads ${Object.keys(checkpoint.topics).join(', ') || 'nothing yet'}`)
    }
    return found
  }

  /** By way of gold; what gold has not (yet) is looked for in silver. */
  async #byTrade(target: Extract<TraceTarget, { kind: 'trade_id' }>): Promise<Coordinate[]> {
    const inGold = await this.#tradesIn(GOLD_TABLE, target, this.#exchanges)
    if (inGold.length > 0) return inGold
    const found: Coordinate[] = []
    for (const exchange of this.#exchanges) {
      found.push(...(await this.#tradesIn(silverTable(exchange.name), target, [exchange])))
    }
    return found
  }

  async #tradesIn(
    definition: TableDefinition,
    { tradeId, number, hour }: Extract<TraceTarget, { kind: 'trade_id' }>,
    exchanges: readonly Exchange[],
  ): Promise<Coordinate[]> {
    const scan = await this.#scan(definition)
    const files = await scan.plan()
    const filter = {
      ...(number !== undefined && { keep: (bounds: RowBounds) => hasNumber(bounds, number) }),
      ...(hour !== undefined && { keepPartition: (values: PartitionValues) => isOfHour(values, hour) }),
    }
    const kept = await scan.plan(filter)
    const how = number === undefined ? (hour === undefined ? '' : ' of its hour') : ' by its number'
    this.#looked.push(`${definition.name}: ${kept.length} of ${files.length} files${how}`)
    if (kept.length === 0) return []
    const named = /^\d+$/.test(tradeId) ? 'true' : `trade_id = ${quoteText(tradeId)}`
    const numbered = number === undefined ? '' : `AND source_sequence = ${number}`
    const names = exchanges.map(({ silver }) => quoteText(silver.exchange)).join(', ')
    const rows = await this.#session.rows(
      `SELECT exchange, topic, "partition", "offset" FROM (${await scan.sql(filter)})
       WHERE exchange IN (${names}) AND ${named} ${numbered} ORDER BY ALL LIMIT ${TRADES_MAX}`,
    )
    return rows.flatMap((row) => {
      const exchange = exchanges.find(({ silver }) => silver.exchange === row.exchange)
      if (!exchange) return []
      return [{ exchange, topic: String(row.topic), partition: Number(row.partition), offset: row.offset as bigint }]
    })
  }

  async #record(place: Coordinate): Promise<TracedRecord> {
    const { exchange } = place
    const bronze = await this.#at(bronzeTable(exchange.name), place)
    const silver = await this.#at(silverTable(exchange.name), place)
    const day = cellOf(bronze, 'ingestion_date')
    const time_us = cellOf(silver, 'timestamp')
    const letters = await this.#at(DLQ_TABLE, place, typeof day === 'number' ? ofDay('dlq_date', day) : undefined)
    const letter = letters.rows.length > 0 ? letters : await this.#at(DLQ_ARCHIVE_TABLE, place)
    const hour = typeof time_us === 'bigint' ? Number(time_us / HOUR_US) : undefined
    const ofHour = hour === undefined ? undefined : (values: PartitionValues) => isOfHour(values, hour)
    const gold = await this.#at(GOLD_TABLE, place, ofHour)
    const duplicate = await this.#at(DUPLICATES_TABLE, place)
    const raw = cellOf(bronze, 'raw_bytes')
    const record = bronze.rows.length === 0 ? undefined : ((raw ?? null) as Uint8Array | null)
    return {
      coordinate: `${laneKey(place)}/${place.offset}`,
      exchange: exchange.name,
      bronze,
      record: record === undefined ? undefined : await decodeRecord(exchange, this.#lake.registry, record),
      silver,
      letter,
      resolutions: await this.#at(RESOLUTIONS_TABLE, place),
      replays: await this.#replays(cellOf(silver, 'replay_id')),
      gold,
      duplicate,
      kept: await this.#kept(duplicate),
      dropped: await this.#dropped(place),
    }
  }

  /** Rows of a table at a coordinate: only files whose bounds admit it are opened. */
  async #at(
    definition: TableDefinition,
    place: Lane & { readonly offset: bigint },
    keepPartition?: (values: PartitionValues) => boolean,
  ): Promise<TableRows> {
    const scan = await this.#scan(definition)
    const sql = await scan.rowsIn([rangeOf(place)], scan.place(), keepPartition && { keepPartition })
    return tableRows(this.#session, definition, sql, ROWS_MAX)
  }

  async #kept(duplicate: TableRows): Promise<TableRows> {
    const topic = cellOf(duplicate, 'kept_topic')
    if (typeof topic !== 'string')
      return tableRows(this.#session, GOLD_TABLE, await new PinnedScan(GOLD_TABLE).sql(), 1)
    const partition = Number(cellOf(duplicate, 'kept_partition'))
    return this.#at(GOLD_TABLE, { topic, partition, offset: cellOf(duplicate, 'kept_offset') as bigint })
  }

  async #dropped(place: Coordinate): Promise<TableRows> {
    const scan = await this.#scan(DUPLICATES_TABLE)
    const kept = { topic: 'kept_topic', partition: 'kept_partition', offset: 'kept_offset' }
    return tableRows(this.#session, DUPLICATES_TABLE, await scan.rowsIn([rangeOf(place)], kept), ROWS_MAX)
  }

  async #replays(replayId: unknown): Promise<TableRows> {
    const scan = await this.#scan(REPLAYS_TABLE)
    const id = typeof replayId === 'string' ? quoteText(replayId) : 'NULL'
    return tableRows(
      this.#session,
      REPLAYS_TABLE,
      `SELECT * FROM (${await scan.sql()}) WHERE replay_id = ${id}`,
      ROWS_MAX,
    )
  }
}

type PartitionValues = Readonly<Record<string, unknown>>
type RowBounds = Parameters<NonNullable<FileFilter['keep']>>[0]

function rangeOf(place: Lane & { readonly offset: bigint }): { key: LaneKey; from: bigint; to: bigint } {
  return { key: laneKey(place), from: place.offset, to: place.offset + 1n }
}

function hasNumber(bounds: RowBounds, number: bigint): boolean {
  return bounds.hasValues('source_sequence') && bounds.meets('source_sequence', number, number)
}

/** Gold is partitioned by day and hour, silver by day. */
function isOfHour(values: PartitionValues, hour: number): boolean {
  const date = dateText(Math.floor(hour / 24))
  if ('trade_date' in values) return values.trade_date === date
  return values.exchange_date === date && values.exchange_hour === hour % 24
}

function ofDay(column: string, day: number): (values: PartitionValues) => boolean {
  const date = dateText(day)
  return (values) => values[column] === date
}

function dateText(day: number): string {
  return new Date(day * 86_400_000).toISOString().slice(0, 10)
}
