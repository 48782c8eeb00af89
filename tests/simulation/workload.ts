import { seededRandom } from '@assay/core'
import type { MemoryLog } from '@assay/event-log'
import type { Exchange } from '@assay/exchanges'
import type { SchemaRegistry } from '@assay/schema-registry'
import { wireHeader } from '@assay/schema-registry'
import { binance, kraken } from '../support/memory-lake.js'
import { batchOf, binanceRecord, keyFor, krakenRecord, START_MS, type TestRecord } from '../support/records.js'
import { StorageLog } from './storage-log.js'

/** How many workloads there are; each is the same in every run, so that an undisturbed run of it is made only once. */
export const WORKLOADS = 8
/** As many more, in small portions: trades of several hours, each of which is in both lanes. */
export const STANDBY_WORKLOADS = 2
const STANDBY_CHUNKS = 5
const STANDBY_LANES = 2
/** As many more for candles: trades of one lane or the other that come minutes late, from a recording or live. */
export const CANDLE_WORKLOADS = 4
const CANDLE_CHUNKS = 6
const CANDLE_LANES = 2
/** When the runs begin: what is dated so is live. */
const LIVE_MS = Date.UTC(2026, 5, 1)
/** Records of a call to a log on a disk: many small writes, each of which something may happen to. */
const PORTION = 2
/** The first of them; of the others what a table gets depends on who comes first, or on schemas that come late. */
export const COMPARABLE = 4

/** What producers put into the log, chunk by chunk. */
export interface Workload {
  readonly id: number
  readonly exchanges: readonly Exchange[]
  readonly partitions: number
  readonly chunks: readonly Chunk[]
  /** True when the tables are the same whatever the workers' order of doing things. */
  readonly isComparable: boolean
}

export interface Chunk {
  readonly exchange: Exchange
  readonly records: readonly TestRecord[]
  /** Offsets without records that follow it in the first lane. */
  readonly hole: number
}

const HOUR_MS = 3_600_000
const DAY_MS = 86_400_000
/** Between trades: those of a chunk are in a few minutes, of which each closes when a trade of a later one comes. */
const PACE_MS = 8_000
/** Trades from this number on are of the next day, whose first ones close what is left of the one before. */
const NEXT_DAY = 20
const SYMBOLS = ['BTCUSDT', 'ETHUSDT']

export function workload(id: number): Workload {
  const lot = seededRandom(1_000 + id)
  const below = (limit: number): number => Math.floor(lot.unit() * limit)
  if (id >= WORKLOADS + STANDBY_WORKLOADS) return candleWorkload(id, below)
  const exchanges = id % 4 === 3 ? [binance, kraken] : [binance]
  const isStandby = id >= WORKLOADS
  const partitions = isStandby ? STANDBY_LANES : 1 + (id % 3)
  const isComparable = id < COMPARABLE
  const chunks = Array.from({ length: isStandby ? STANDBY_CHUNKS : exchanges.length * 2 }, (_, n): Chunk => {
    const exchange = exchanges[n % exchanges.length] as Exchange
    if (isStandby) return { exchange, records: standbyTrades(n, below), hole: 0 }
    const records = Array.from({ length: 6 + below(7) }, (_, i) =>
      exchange === kraken ? krakenTrade(n * 20 + i, below) : binanceTrade(n * 20 + i, below, partitions, isComparable),
    )
    return { exchange, records, hole: below(3) === 0 ? 1 + below(3) : 0 }
  })
  return { id, exchanges, partitions, chunks, isComparable }
}

type Below = (limit: number) => number

function binanceTrade(n: number, below: Below, partitions: number, isComparable: boolean): TestRecord {
  const symbol = below(SYMBOLS.length)
  const partition = isComparable ? symbol % partitions : below(partitions)
  const key = keyFor(partition, partitions)
  const lot = below(20)
  // About one trade in three was there before, sometimes with another price.
  const trade_id = lot < 7 ? 1 + below(n + 1) : n + 1
  const price =
    lot === 0 ? '7.5' : lot === 8 ? '-1' : lot === 9 ? '1_0' : lot === 10 || lot > 17 ? '0.5' : `${100 + trade_id}`
  const moved_ms = (trade_id % 9 === 0 ? HOUR_MS : 0) + (trade_id > NEXT_DAY ? DAY_MS : 0) - (lot === 11 ? 30_000 : 0)
  const time = START_MS + trade_id * PACE_MS + moved_ms
  const record = binanceRecord(binance, 1, { symbol: SYMBOLS[symbol] as string, trade_id, price, time }, { key })
  if (lot === 12) return { ...record, value: null }
  if (lot === 13) return { ...record, value: (record.value as Uint8Array).slice(0, 12) }
  if (lot < 16 && lot > 13)
    return { ...record, value: withSchema(record.value as Uint8Array, isComparable ? 99 : LATE_ID) }
  return lot === 17 ? { ...record, timestamp_ms: -1n } : record
}

/**
 * The same trades by two producers, each of whom has a lane of its own; the last of a chunk is told again in the next.
 */
function standbyTrades(chunk: number, below: Below): TestRecord[] {
  return [0, 1].flatMap((partition) => {
    const missed = below(8)
    return [1, 2, 3].flatMap((nth) => {
      if (nth === missed) return []
      const trade_id = chunk * 2 + nth
      const time = START_MS + trade_id * 1_000 + ((trade_id >> 1) % 2) * HOUR_MS
      const trade = { symbol: 'BTCUSDT', trade_id, price: `${100 + trade_id}`, time }
      return [binanceRecord(binance, 1, trade, { key: keyFor(partition, STANDBY_LANES) })]
    })
  })
}

function candleWorkload(id: number, below: Below): Workload {
  const start_ms = id % 2 === 0 ? START_MS : LIVE_MS
  const chunks = Array.from({ length: CANDLE_CHUNKS }, (_, chunk): Chunk => {
    const records = Array.from({ length: 4 + below(5) }, (_, i) => candleTrade(chunk * 8 + i + 1, start_ms, below))
    return { exchange: binance, records, hole: 0 }
  })
  return { id, exchanges: [binance], partitions: CANDLE_LANES, chunks, isComparable: false }
}

/** One in four comes late, one in sixteen is of a day that others are not, one in eight has to be replayed. */
function candleTrade(trade_id: number, start_ms: number, below: Below): TestRecord {
  const lot = below(16)
  const moved_ms = lot < 3 ? -below(10) * 60_000 : lot === 3 ? -HOUR_MS : lot === 4 ? below(2) * DAY_MS : 0
  const time = start_ms + trade_id * PACE_MS + moved_ms
  const trade = { symbol: SYMBOLS[below(2)] as string, trade_id, price: `${100 + below(50)}`, time }
  const record = binanceRecord(binance, 1, trade, { key: keyFor(below(CANDLE_LANES), CANDLE_LANES) })
  return lot > 13 ? { ...record, value: withSchema(record.value as Uint8Array, LATE_ID) } : record
}

function krakenTrade(n: number, below: Below): TestRecord {
  const nth = below(4) === 0 ? below(n + 1) : n
  const timestamp = `${(START_MS + nth * PACE_MS) / 1000}.000${100 + nth}`
  return krakenRecord(kraken, 2, { timestamp, price: below(9) === 0 ? 'x' : `${100 + nth}` })
}

function withSchema(value: Uint8Array, id: number): Uint8Array {
  const changed = value.slice()
  changed.set(wireHeader(id))
  return changed
}

/** The id of a schema that is registered while workers are at it. */
const LATE_ID = 3

/** Registers the schemas that the records name, all but the late one. */
export async function registerSchemas(registry: SchemaRegistry): Promise<void> {
  for (const exchange of [binance, kraken]) await registry.register(`${exchange.topic}-value`, exchange.schema)
}

export async function registerLate(registry: SchemaRegistry): Promise<void> {
  const { doc: _doc, ...schema } = JSON.parse(binance.schema) as { doc: string }
  await registry.register('late', JSON.stringify(schema))
}

export async function makeTopics(log: MemoryLog, { exchanges, partitions }: Workload): Promise<void> {
  for (const { topic } of exchanges) await log.ensureTopic(topic, partitions)
}

export async function produceChunk(log: MemoryLog, { exchange, records, hole }: Chunk): Promise<void> {
  const size = log instanceof StorageLog ? PORTION : records.length
  for (let i = 0; i < records.length; i += size) {
    await log.produce(exchange.topic, batchOf(records.slice(i, i + size)))
  }
  if (hole > 0) log.addHole({ topic: exchange.topic, partition: 0 }, hole)
}
