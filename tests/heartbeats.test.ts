import { verifyLake } from '@assay/audit'
import { AssayError } from '@assay/core'
import { HEARTBEATS } from '@assay/exchanges'
import { statusReport } from '@assay/lake'
import { describe, expect, it } from 'vitest'
import { drain } from './support/drain.js'
import { beat } from './support/heartbeats.js'
import { binance, memoryLake } from './support/memory-lake.js'
import { binanceRecord, produce, registerSchema, START_MS } from './support/records.js'
import { query } from './support/tables.js'

describe('heartbeats in bronze', () => {
  it('B1 B2: are kept byte for byte in a table of their own, that status and verify know', async () => {
    const lake = memoryLake()
    await beat(lake, { at_ms: START_MS }, { at_ms: START_MS + 1000, exchange: 'kraken' })
    const before = (await statusReport(lake)).lanes
    expect(before).toMatchObject([
      { layer: 'bronze', exchange: null, table: 'bronze_heartbeats', lane: `${HEARTBEATS.topic}/0`, lag_rows: 2n },
    ])
    await drain(lake)
    expect((await statusReport(lake)).lanes).toMatchObject([{ table: 'bronze_heartbeats', position: 2n, lag_rows: 0n }])
    const found = await query(
      lake,
      'SELECT decode(key) AS exchange, "offset", kafka_timestamp FROM bronze_heartbeats ORDER BY "offset"',
    )
    expect(found).toEqual([
      { exchange: 'binance', offset: 0n, kafka_timestamp: BigInt(START_MS) * 1000n },
      { exchange: 'kraken', offset: 1n, kafka_timestamp: BigInt(START_MS + 1000) * 1000n },
    ])
    const { signal } = new AbortController()
    const { checks, is_ok } = await verifyLake(lake, { fromLog: true, signal, onCheck: () => undefined })
    expect(is_ok).toBe(true)
    const compared = checks.find(({ promise, subject }) => promise === 'B1' && subject.startsWith('bronze_heartbeats'))
    expect(compared).toMatchObject({ outcome: 'ok', numbers: { in_log: 2n, in_bronze: 2n } })
    await lake.close()
  })

  it('that can not be kept stop no trade: it is told, and the other layers go on', async () => {
    const lake = memoryLake()
    const lanes = lake.log.lanes.bind(lake.log)
    lake.log.lanes = async (topic) => {
      if (topic === HEARTBEATS.topic) throw new AssayError('kafka_denied', 'not allowed to see it', { hint: 'ask' })
      return lanes(topic)
    }
    const id = await registerSchema(lake, binance)
    await produce(lake, binance, [binanceRecord(binance, id, { trade_id: 1 })])
    const events = await drain(lake)
    expect(events.filter(({ kind }) => kind === 'left_out')).toMatchObject([{ worker: 'bronze-heartbeats' }])
    expect((await statusReport(lake)).lanes).toHaveLength(4)
    expect(await query(lake, 'SELECT count(*) AS n FROM gold_crypto_trades')).toEqual([{ n: 1n }])
    await lake.close()
  })
})
