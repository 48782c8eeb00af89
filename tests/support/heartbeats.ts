import { HEARTBEATS } from '@assay/exchanges'
import { FeedProducer } from '@assay/feed'
import type { MemoryLake } from './memory-lake.js'

interface TestHeartbeat {
  readonly exchange?: string
  /** The feed's time. */
  readonly at_ms: number
  /** By partition of the exchange's topic; where the log ends without. */
  readonly offsets?: readonly bigint[]
}

/** Heartbeats in the log, as feeds write them. */
export async function beat(lake: MemoryLake, ...heartbeats: readonly TestHeartbeat[]): Promise<void> {
  const producer = await FeedProducer.open(lake, HEARTBEATS)
  for (const { exchange = 'binance', at_ms, offsets } of heartbeats) {
    const topic = `market.crypto.trades.${exchange}.raw`
    const ends = offsets ?? (await lake.log.lanes(topic)).map(({ end }) => end)
    const event_time_us = BigInt(Math.floor(at_ms)) * 1000n
    const record = {
      exchange,
      connection_id: 'one',
      subscriptions_hash: '0123456789abcdef',
      subscriptions: null,
      exchange_time_us: null,
      feed_time_us: event_time_us,
      offsets: `[${ends.join(',')}]`,
    }
    producer.add({ key: Buffer.from(exchange), record, event_time_us })
  }
  await producer.flush()
}
