import { compileEncoder } from '@assay/avro'
import { bytesColumn, type ProduceBatch } from '@assay/core'
import { partitionOf } from '@assay/event-log'
import { type Exchange, type SimulationOptions, type SimulationTally, simulate } from '@assay/exchanges'
import type { Lake } from '@assay/lake'
import { wireHeader } from '@assay/schema-registry'

/** A record as a producer hands it in. */
export interface TestRecord {
  readonly key: Uint8Array
  readonly value: Uint8Array | null
  readonly timestamp_ms: bigint
  readonly headers?: Uint8Array
}

/** 2026-01-01, when the test trades take place. */
export const START_MS = Date.UTC(2026, 0, 1)

export function batchOf(records: readonly TestRecord[]): ProduceBatch {
  return {
    count: records.length,
    timestamps_ms: BigInt64Array.from(records, (record) => record.timestamp_ms),
    keys: bytesColumn(records.map((record) => record.key)),
    values: bytesColumn(records.map((record) => record.value)),
    headers: bytesColumn(records.map((record) => record.headers)),
  }
}

/** Makes the exchange's topic if need be and appends. */
export async function produce(
  lake: Lake,
  { topic }: Exchange,
  records: readonly TestRecord[],
  partitions = 1,
): Promise<void> {
  await lake.log.ensureTopic(topic, partitions)
  if (records.length > 0) await lake.log.produce(topic, batchOf(records))
}

export function registerSchema(lake: Lake, { topic, schema }: Exchange): Promise<number> {
  return lake.registry.register(`${topic}-value`, schema)
}

/** Simulated trades in the log; says what they hold. */
export async function produceSimulated(
  lake: Lake,
  exchange: Exchange,
  options: Partial<SimulationOptions> & { readonly count: number },
  partitions = 1,
): Promise<SimulationTally> {
  const schemaId = await registerSchema(lake, exchange)
  await lake.log.ensureTopic(exchange.topic, partitions)
  const simulation = simulate({ exchange, schemaId, wireHeader, seed: 1, startTime_ms: START_MS, ...options })
  for (const batch of simulation.batches) await lake.log.produce(exchange.topic, batch)
  return simulation.tally()
}

export interface BinanceTrade {
  readonly trade_id: bigint | number
  readonly symbol?: string
  readonly price?: string
  readonly quantity?: string
  /** ms since 1970. */
  readonly time?: bigint | number
  readonly is_buyer_maker?: boolean
  readonly event_type?: string
}

const encoders = new Map<Exchange, ReturnType<typeof compileEncoder>>()

/** An Avro body of the exchange's schema behind its wire header. */
export function framed(exchange: Exchange, schemaId: number, record: Record<string, unknown>): Uint8Array {
  const encode = encoders.get(exchange) ?? compileEncoder(exchange.schema)
  encoders.set(exchange, encode)
  return encode(record, wireHeader(schemaId))
}

/** A valid trade but for what is given otherwise; its Kafka timestamp is its event time. */
export function binanceRecord(
  exchange: Exchange,
  schemaId: number,
  trade: BinanceTrade,
  placed: { readonly key?: Uint8Array; readonly timestamp_ms?: bigint } = {},
): TestRecord {
  const { symbol = 'BTCUSDT', price = '100.5', quantity = '0.25', is_buyer_maker = false } = trade
  const time = BigInt(trade.time ?? START_MS)
  const value = framed(exchange, schemaId, {
    event_type: trade.event_type ?? 'trade',
    event_time_ms: time,
    symbol,
    trade_id: trade.trade_id,
    price,
    quantity,
    trade_time_ms: time,
    is_buyer_maker,
    is_best_match: true,
    ingestion_timestamp: 1n,
  })
  return { key: placed.key ?? Buffer.from(symbol), value, timestamp_ms: placed.timestamp_ms ?? time }
}

export interface KrakenTrade {
  readonly trade_id?: bigint | number | null
  readonly pair?: string
  readonly price?: string
  readonly volume?: string
  /** Seconds and microseconds since 1970 as text. */
  readonly timestamp?: string
  readonly ingestion_timestamp?: bigint
}

/** A trade of Kraken's first feed, which has no ids, unless one is given. */
export function krakenRecord(exchange: Exchange, schemaId: number, trade: KrakenTrade): TestRecord {
  const { pair = 'XBT/USD', timestamp = `${START_MS / 1000}.000001` } = trade
  const value = framed(exchange, schemaId, {
    channel_id: 1,
    price: trade.price ?? '100.5',
    volume: trade.volume ?? '0.25',
    timestamp,
    side: 'b',
    order_type: 'l',
    misc: '',
    pair,
    ingestion_timestamp: trade.ingestion_timestamp ?? 1n,
    trade_id: trade.trade_id ?? null,
  })
  return { key: Buffer.from(pair), value, timestamp_ms: BigInt(Math.ceil(Number(timestamp) * 1000)) }
}

/** A key that the log sends to the partition. */
export function keyFor(partition: number, partitions: number): Uint8Array {
  for (let n = 0; ; n++) {
    const key = Buffer.from(`key-${n}`)
    if (partitionOf(key, partitions) === partition) return key
  }
}
