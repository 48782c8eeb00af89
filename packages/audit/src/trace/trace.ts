import { laneKey } from '@assay/core'
import { quoteText } from '@assay/engine'
import type { Exchange } from '@assay/exchanges'
import type { Lake, TableProblem } from '@assay/lake'
import {
  bronzeTable,
  DLQ_ARCHIVE_TABLE,
  DLQ_TABLE,
  DUPLICATES_TABLE,
  GOLD_TABLE,
  REPLAYS_TABLE,
  RESOLUTIONS_TABLE,
  silverTable,
} from '@assay/medallion'
import { dateText, type FileFilter, scanSql, type TableDefinition } from '@assay/pipeline'
import { CachedTables, type PartitionFilter, type RecordCoordinates } from './cached-tables.js'
import { type DecodedRecord, decodeRecord } from './decode-record.js'
import { chunked, SessionPool } from './session-pool.js'
import { cellOf, columnsSql, rowsOf, type TableRows } from './table-row.js'
import { type TracedCandle, traceCandle } from './trace-candle.js'
import type { CandleTarget, TraceTarget } from './trace-target.js'

export interface TraceReport {
  /** The candle that was asked for; `records` are then those of its first trades. */
  readonly candle?: TracedCandle
  readonly records: readonly TracedRecord[]
  /** Where it was looked, for people to whom nothing was found. */
  readonly looked: readonly string[]
  /** Tables that could not be looked into. */
  readonly unusable: readonly TableProblem[]
}

/** A record of the log and what every layer made of it. Tables without a row of it give no rows. */
export interface TracedRecord {
  readonly coordinate: string
  readonly exchange: string
  readonly bronze: TableRows
  readonly record: DecodedRecord | undefined
  readonly silver: TableRows
  /** The dead letter, in the queue or in its archive. */
  readonly dead_letter: TableRows
  readonly resolutions: TableRows
  readonly replays: TableRows
  readonly gold: TableRows
  /** The record's own row among the duplicates. */
  readonly duplicate: TableRows
  /** The row of gold that was kept in its place. */
  readonly kept: TableRows
  /** Rows among the duplicates that were dropped in favour of the record. */
  readonly dropped: TableRows
}

/** Trades that an id without its symbol may name, and those of a candle that are followed to their bytes. */
const TRADES_MAX = 50
const HOUR_US = 3_600_000_000n
const KEPT = { topic: 'kept_topic', partition: 'kept_partition', offset: 'kept_offset' }

/** Follows a trade, a message or a record through all layers, forwards and backwards (A5). */
export async function traceTarget(lake: Lake, target: TraceTarget, exchangeName?: string): Promise<TraceReport> {
  const sessions = lake.engine().then(SessionPool.open)
  // The tables' metadata are read meanwhile: whoever then asks for a session is told why there is none.
  sessions.catch(() => undefined)
  try {
    return await new Trace(lake, sessions, exchangeName).run(target)
  } finally {
    await (await sessions).close()
  }
}

interface Coordinate extends RecordCoordinates {
  readonly exchange: Exchange
  /** The record's row of gold, if the search found the record by that. */
  readonly gold?: TableRows
}

type TradeTarget = Extract<TraceTarget, { kind: 'trade_id' }>

class Trace {
  readonly #lake: Lake
  readonly #sessions: Promise<SessionPool>
  readonly #exchanges: readonly Exchange[]
  readonly #tables: CachedTables
  readonly #looked: string[] = []

  constructor(lake: Lake, sessions: Promise<SessionPool>, exchangeName: string | undefined) {
    this.#lake = lake
    this.#sessions = sessions
    this.#exchanges = lake.exchanges.filter(({ name }) => exchangeName === undefined || name === exchangeName)
    this.#tables = new CachedTables(lake, sessions)
  }

  async run(target: TraceTarget): Promise<TraceReport> {
    if (target.kind !== 'candle') {
      return this.#report(target.kind === 'trade_id' ? await this.#byTrade(target) : await this.#byCoordinates(target))
    }
    const candle = await traceCandle(this.#tables, target)
    for (const { table, rows } of [candle.candle, candle.trades]) {
      this.#looked.push(`${table}: ${rows.length} rows of the window`)
    }
    return { candle, ...(await this.#report(this.#tradesOf(candle))) }
  }

  async #report(coordinates: readonly Coordinate[]): Promise<TraceReport> {
    const records = await Promise.all(coordinates.map((coordinate) => this.#record(coordinate)))
    const isKnown = ({ bronze, silver, dead_letter }: TracedRecord) =>
      bronze.rows.length + silver.rows.length + dead_letter.rows.length > 0
    const unusable = [...this.#tables.unusable.values()]
    return { records: records.filter(isKnown), looked: this.#looked, unusable }
  }

  #tradesOf({ trades }: TracedCandle): Coordinate[] {
    return trades.rows.slice(0, TRADES_MAX).flatMap((row) => {
      const gold = { ...trades, rows: [row] }
      const exchange = this.#exchanges.find(({ exchange: name }) => name === cellOf(gold, 'exchange'))
      if (!exchange) return []
      const [topic, partition] = [String(cellOf(gold, 'topic')), Number(cellOf(gold, 'partition'))]
      return [{ exchange, topic, partition, offset: cellOf(gold, 'offset') as bigint, gold }]
    })
  }

  async #byCoordinates(target: Exclude<TraceTarget, CandleTarget | TradeTarget>): Promise<Coordinate[]> {
    const { partition, offset } = target
    this.#readAhead()
    const found: Coordinate[] = []
    for (const exchange of this.#exchanges) {
      const { checkpoint, name } = await this.#tables.scan(bronzeTable(exchange.name))
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
  async #byTrade(target: TradeTarget): Promise<Coordinate[]> {
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
    target: TradeTarget,
    exchanges: readonly Exchange[],
  ): Promise<Coordinate[]> {
    const { number, hour } = target
    const scan = await this.#tables.scan(definition)
    const planned = await scan.plan()
    const files = await scan.files({
      ...(number !== undefined && { keep: (bounds) => hasNumber(bounds, number) }),
      ...(hour !== undefined && { keepPartition: (values) => isOfHour(values, hour) }),
    })
    const how = number === undefined ? (hour === undefined ? '' : ' of its hour') : ' by its number'
    this.#looked.push(`${definition.name}: ${files.length} of ${planned.length} files${how}`)
    if (files.length === 0) return []
    const sessions = await this.#sessions
    const found = chunked(files, sessions.size).map((chunk) =>
      sessions.rows(tradesSql(definition, scanSql(definition, chunk), target, exchanges)),
    )
    this.#readAhead()
    return (await Promise.all(found))
      .flat()
      .flatMap((row) => {
        const exchange = exchanges.find(({ exchange }) => exchange === row.exchange)
        if (!exchange) return []
        const coordinates = { topic: String(row.topic), partition: Number(row.partition), offset: row.offset as bigint }
        return [{ ...coordinates, exchange, ...(definition === GOLD_TABLE && { gold: rowsOf(GOLD_TABLE, [row]) }) }]
      })
      .sort(byCoordinates)
      .slice(0, TRADES_MAX)
  }

  #readAhead(): void {
    this.#tables.readAhead([
      ...this.#exchanges.flatMap(({ name }) => [bronzeTable(name), silverTable(name)]),
      GOLD_TABLE,
      DLQ_TABLE,
      DUPLICATES_TABLE,
      RESOLUTIONS_TABLE,
      DLQ_ARCHIVE_TABLE,
    ])
  }

  /** Tables are read side by side; what one has to say of where another's row lies is waited for. */
  async #record(coordinates: Coordinate): Promise<TracedRecord> {
    const { exchange } = coordinates
    const inBronze = this.#tables.rowsAt(bronzeTable(exchange.name), coordinates)
    const inSilver = this.#tables.rowsAt(silverTable(exchange.name), coordinates)
    const inDuplicates = this.#tables.rowsAt(DUPLICATES_TABLE, coordinates)
    const [bronze, silver, duplicate, record, deadLetter, resolutions, replays, gold, kept, dropped] =
      await Promise.all([
        inBronze,
        inSilver,
        inDuplicates,
        this.#decoded(exchange, inBronze),
        this.#deadLetter(coordinates, inBronze),
        this.#tables.rowsAt(RESOLUTIONS_TABLE, coordinates),
        this.#replays(inSilver),
        this.#gold(coordinates, inSilver),
        this.#kept(inDuplicates),
        this.#tables.rowsAt(DUPLICATES_TABLE, coordinates, KEPT),
      ])
    return {
      coordinate: `${laneKey(coordinates)}/${coordinates.offset}`,
      exchange: exchange.name,
      bronze,
      record,
      silver,
      dead_letter: deadLetter,
      resolutions,
      replays,
      gold,
      duplicate,
      kept,
      dropped,
    }
  }

  async #decoded(exchange: Exchange, inBronze: Promise<TableRows>): Promise<DecodedRecord | undefined> {
    const bronze = await inBronze
    if (bronze.rows.length === 0) return undefined
    return decodeRecord(exchange, this.#lake.registry, (cellOf(bronze, 'raw_bytes') ?? null) as Uint8Array | null)
  }

  async #deadLetter(coordinates: Coordinate, inBronze: Promise<TableRows>): Promise<TableRows> {
    const day = cellOf(await inBronze, 'ingestion_date')
    const ofItsDay = typeof day === 'number' ? ofDay('dlq_date', day) : undefined
    const deadLetters = await this.#tables.rowsAt(DLQ_TABLE, coordinates, undefined, ofItsDay)
    return deadLetters.rows.length > 0 ? deadLetters : this.#tables.rowsAt(DLQ_ARCHIVE_TABLE, coordinates)
  }

  async #gold(coordinates: Coordinate, inSilver: Promise<TableRows>): Promise<TableRows> {
    if (coordinates.gold) return coordinates.gold
    const time_us = cellOf(await inSilver, 'timestamp')
    if (typeof time_us !== 'bigint') return this.#tables.rowsAt(GOLD_TABLE, coordinates)
    const hour = Number(time_us / HOUR_US)
    return this.#tables.rowsAt(GOLD_TABLE, coordinates, undefined, (values) => isOfHour(values, hour))
  }

  async #kept(inDuplicates: Promise<TableRows>): Promise<TableRows> {
    const duplicate = await inDuplicates
    const topic = cellOf(duplicate, KEPT.topic)
    if (typeof topic !== 'string') return rowsOf(GOLD_TABLE, [])
    const partition = Number(cellOf(duplicate, KEPT.partition))
    return this.#tables.rowsAt(GOLD_TABLE, { topic, partition, offset: cellOf(duplicate, KEPT.offset) as bigint })
  }

  async #replays(inSilver: Promise<TableRows>): Promise<TableRows> {
    const replayId = cellOf(await inSilver, 'replay_id')
    if (typeof replayId !== 'string') return rowsOf(REPLAYS_TABLE, [])
    return this.#tables.rowsWhere(REPLAYS_TABLE, `replay_id = ${quoteText(replayId)}`)
  }
}

type RowBounds = Parameters<NonNullable<FileFilter['keep']>>[0]

/** A trade's rows. Numbers are by far the cheapest to look through, so texts are compared only where one fits. */
function tradesSql(
  definition: TableDefinition,
  scan: string,
  { tradeId, number }: TradeTarget,
  exchanges: readonly Exchange[],
): string {
  const names = exchanges.map(({ exchange }) => quoteText(exchange)).join(', ')
  const isNamed = `trade_id = ${quoteText(tradeId)}`
  const isNumbered = number === undefined ? isNamed : `source_sequence = ${number}`
  const isNumberOnly = number !== undefined && /^\d+$/.test(tradeId)
  return `WITH numbered AS MATERIALIZED (SELECT ${columnsSql(definition)} FROM (${scan}) WHERE ${isNumbered})
    FROM numbered WHERE exchange IN (${names}) AND ${isNumberOnly ? 'true' : isNamed}
    ORDER BY exchange, topic, "partition", "offset" LIMIT ${TRADES_MAX}`
}

function byCoordinates(a: Coordinate, b: Coordinate): number {
  return (
    compare(a.exchange.exchange, b.exchange.exchange) ||
    compare(a.topic, b.topic) ||
    a.partition - b.partition ||
    compare(a.offset, b.offset)
  )
}

function compare<T extends bigint | string>(a: T, b: T): number {
  if (a === b) return 0
  return a < b ? -1 : 1
}

function hasNumber(bounds: RowBounds, number: bigint): boolean {
  return bounds.hasValues('source_sequence') && bounds.meets('source_sequence', number, number)
}

/** Gold is partitioned by day and hour, silver by day. */
function isOfHour(values: Parameters<PartitionFilter>[0], hour: number): boolean {
  const date = dateText(Math.floor(hour / 24))
  if ('trade_date' in values) return values.trade_date === date
  return values.exchange_date === date && values.exchange_hour === hour % 24
}

function ofDay(column: string, day: number): PartitionFilter {
  const date = dateText(day)
  return (values) => values[column] === date
}
