import { defineRuleSet, SILVER_RULES } from '@assay/rules'
import { wireHeader } from '@assay/schema-registry'
import { describe, expect, it } from 'vitest'
import { drain } from './support/drain.js'
import { checkInvariants } from './support/invariants.js'
import { binance, memoryLake } from './support/memory-lake.js'
import { binanceRecord, keyFor, produce, registerSchema, START_MS } from './support/records.js'
import { query } from './support/tables.js'
import { runAlone, silverWorker } from './support/workers.js'

const DAY_MS = 86_400_000
const MINUTE_MS = 60_000

describe('batches of silver', () => {
  it('S1 T14: cut by their partitions in the middle of lanes, they take each record once', async () => {
    const lake = memoryLake()
    const id = await registerSchema(lake, binance)
    for (const partition of [0, 1]) {
      const key = keyFor(partition, 2)
      const records = Array.from({ length: 12 }, (_, i) =>
        binanceRecord(
          binance,
          id,
          {
            trade_id: 100 * partition + i,
            time: START_MS + (5 * partition + (i >> 1)) * DAY_MS,
            price: i % 5 === 4 ? '0' : '1',
          },
          { key },
        ),
      )
      await produce(lake, binance, records, 2)
    }
    await drain(lake, { layers: ['bronze'] })
    const silver = await silverWorker(lake, binance, { limits: { maxPartitions: 2 } })
    await runAlone(silver)
    expect(silver.events.length).toBeGreaterThan(4)
    const taken = await query(
      lake,
      `SELECT "partition"::INTEGER AS p, "offset"::INTEGER AS o FROM silver_binance_trades
       UNION ALL SELECT "partition"::INTEGER, kafka_offset::INTEGER FROM silver_dlq_trades ORDER BY 1, 2`,
    )
    expect(taken).toEqual([0, 1].flatMap((p) => Array.from({ length: 12 }, (_, o) => ({ p, o }))))
    await drain(lake)
    await checkInvariants(lake)
    await lake.close()
  })

  it('S4: a schema id that nobody knew is asked for again by the same worker, and known once it is registered', async () => {
    const lake = memoryLake()
    const id = await registerSchema(lake, binance)
    const later = id + 1
    const record = (trade_id: number) => {
      const known = binanceRecord(binance, id, { trade_id })
      const value = (known.value as Uint8Array).slice()
      value.set(wireHeader(later))
      return { ...known, value }
    }
    const silver = await silverWorker(lake, binance)
    await produce(lake, binance, [record(1)])
    await drain(lake, { layers: ['bronze'] })
    await runAlone(silver)
    const { doc: _doc, ...schema } = JSON.parse(binance.schema) as { doc: string }
    expect(await lake.registry.register('later', JSON.stringify(schema))).toBe(later)
    await produce(lake, binance, [record(2)])
    await drain(lake, { layers: ['bronze'] })
    await runAlone(silver)
    expect(await query(lake, 'SELECT "offset"::INTEGER AS o FROM silver_binance_trades')).toEqual([{ o: 1 }])
    expect(await query(lake, 'SELECT kafka_offset::INTEGER AS o FROM silver_dlq_trades')).toEqual([{ o: 0 }])
    await lake.close()
  })

  it('S6: a record of exactly the greatest size is looked into', async () => {
    const lake = memoryLake()
    const id = await registerSchema(lake, binance)
    const value = new Uint8Array(2 ** 20)
    value.set(wireHeader(id))
    await produce(lake, binance, [{ key: new Uint8Array(), value, timestamp_ms: BigInt(START_MS) }])
    await drain(lake, { layers: ['bronze', 'silver'] })
    expect(await query(lake, 'SELECT error_reason AS r FROM silver_dlq_trades')).toEqual([{ r: 'avro_decode_failed' }])
    await lake.close()
  })

  it('T16 S2: what other rules had trusted makes no row late until another bears it out', async () => {
    const lake = memoryLake()
    const id = await registerSchema(lake, binance)
    const at = (trade_id: number, minute: number) =>
      binanceRecord(binance, id, { trade_id, time: START_MS + minute * MINUTE_MS })
    // Without a jump the one time far ahead is trusted at once.
    const { rules, lateness_delay_ms, reading, decoding } = SILVER_RULES
    const before = defineRuleSet(rules, lateness_delay_ms, { reading, decoding, lateness_jump_ms: undefined })
    await produce(lake, binance, [at(1, 0), at(2, 600)])
    await drain(lake, { layers: ['bronze'] })
    await runAlone(await silverWorker(lake, binance, { rules: before }))
    await produce(lake, binance, [at(3, 1), at(4, 2), at(5, 3)])
    await drain(lake, { layers: ['bronze'] })
    await runAlone(await silverWorker(lake, binance))
    expect(await query(lake, 'SELECT "offset"::INTEGER AS o FROM silver_binance_trades WHERE is_late')).toEqual([])
    expect(await query(lake, 'SELECT count(*)::INTEGER AS n FROM silver_binance_trades')).toEqual([{ n: 5 }])
    await lake.close()
  })
})
