import { compileEncoder } from '@assay/avro'
import { OutageError, seededRandom } from '@assay/core'
import { MemoryLog, originHeaders } from '@assay/event-log'
import type { SchemaRegistry } from '@assay/schema-registry'
import { openEmbeddedRegistry, wireHeader } from '@assay/schema-registry'
import { describe, expect, it } from 'vitest'
import { commitsOf, drain } from './support/drain.js'
import { checkInvariants } from './support/invariants.js'
import { binance, kraken, type MemoryLake, memoryLake, TestStore } from './support/memory-lake.js'
import {
  binanceRecord,
  framed,
  krakenRecord,
  produce,
  produceSimulated,
  registerSchema,
  START_MS,
  type TestRecord,
} from './support/records.js'
import { digests, query } from './support/tables.js'
import { VirtualClock } from './support/virtual-clock.js'

const DAY_MS = 86_400_000

/** Reason of each dead letter by offset. */
async function reasons(lake: MemoryLake): Promise<Record<string, unknown>> {
  const rows = await query(lake, 'SELECT kafka_offset, error_reason FROM silver_dlq_trades ORDER BY 1')
  return Object.fromEntries(rows.map((row) => [String(row.kafka_offset), row.error_reason]))
}

describe('where a row came from', () => {
  it('A3: a load says so in the headers of its records, everything else is a feed, in silver and gold', async () => {
    const lake = memoryLake()
    const id = await registerSchema(lake, binance)
    const record = (trade_id: number) => binanceRecord(binance, id, { trade_id })
    const load = { origin: 'load', id: 'load-1' }
    const headers = [undefined, originHeaders(load), originHeaders(load), Uint8Array.of(7, 7), undefined]
    await produce(
      lake,
      binance,
      headers.map((own, i) => (own ? { ...record(i), headers: own } : record(i))),
    )
    await drain(lake)
    // A batch of one origin, and one of a load alone.
    await produce(lake, binance, [record(5)])
    await drain(lake)
    await produce(lake, binance, [{ ...record(6), headers: originHeaders({ ...load, id: 'load-2' }) }])
    await drain(lake)
    await checkInvariants(lake)
    const expected = [null, 'load-1', 'load-1', null, null, null, 'load-2'].map((origin_id) => ({
      origin: origin_id === null ? 'feed' : 'load',
      origin_id,
      lateness_ms: 0n,
    }))
    for (const table of ['silver_binance_trades', 'gold_crypto_trades']) {
      expect(await query(lake, `SELECT origin, origin_id, lateness_ms FROM ${table} ORDER BY "offset"`)).toEqual(
        expected,
      )
    }
    await lake.close()
  })
})

describe('exact values', () => {
  it('S3 T13: every awkward number is taken exactly or has its own reason, and none fails the batch', async () => {
    const lake = memoryLake()
    const id = await registerSchema(lake, binance)
    const digits = (n: number) => '1'.repeat(n)
    const prices: [price: string, reason?: string][] = [
      ['1_000.5', 'price_malformed'],
      [' 12 ', 'price_malformed'],
      ['1e-30', 'price_malformed'],
      ['NaN', 'price_malformed'],
      ['Infinity', 'price_malformed'],
      ['', 'price_is_null'],
      ['0x10', 'price_malformed'],
      [`0.${digits(19)}`, 'price_not_representable'],
      [digits(40), 'price_not_representable'],
      [digits(19), 'price_not_representable'],
      ['0', 'price_must_be_positive'],
      ['-3.5', 'price_must_be_positive'],
      [digits(18)],
      [`${'9'.repeat(18)}.${'9'.repeat(10)}`],
      ['0.0000000001'],
      ['16777217.1'],
    ]
    const quantities = ['12345678901.5', '0.1', '123456789012345678.0123456789']
    const records = [
      ...prices.map(([price], i) => binanceRecord(binance, id, { trade_id: i, price })),
      ...quantities.map((quantity, i) => binanceRecord(binance, id, { trade_id: 100 + i, quantity })),
    ]
    await produce(lake, binance, records)
    await drain(lake)
    await checkInvariants(lake)
    const expected = prices.flatMap(([, reason], i) => (reason ? [[String(i), reason]] : []))
    expect(await reasons(lake)).toEqual(Object.fromEntries(expected))
    const kept = await query(lake, `SELECT "offset"::INTEGER AS o, price, quantity FROM gold_crypto_trades ORDER BY 1`)
    expect(kept.map(({ o, price, quantity }) => [o, price, quantity])).toEqual([
      [12, `${digits(18)}.0000000000`, '0.2500000000'],
      [13, `${'9'.repeat(18)}.${'9'.repeat(10)}`, '0.2500000000'],
      [14, '0.0000000001', '0.2500000000'],
      [15, '16777217.1000000000', '0.2500000000'],
      [16, '100.5000000000', '12345678901.5000000000'],
      [17, '100.5000000000', '0.1000000000'],
      [18, '100.5000000000', '123456789012345678.0123456789'],
    ])
    await lake.close()
  })

  it('T13 S2: times far off go to the dead letters with their reason, judged by the Kafka timestamp alone', async () => {
    const lake = memoryLake()
    const id = await registerSchema(lake, binance)
    const kafka = (timestamp_ms: bigint) => binanceRecord(binance, id, { trade_id: 1 }, { timestamp_ms })
    const time = (at: bigint) =>
      binanceRecord(binance, id, { trade_id: 2, time: at }, { timestamp_ms: BigInt(START_MS) })
    const records: [TestRecord, string | undefined][] = [
      [time(2n ** 63n - 1n), 'timestamp_out_of_range'],
      [time(-(2n ** 63n)), 'timestamp_out_of_range'],
      [time(-1n), 'timestamp_out_of_range'],
      [kafka(-1n), 'timestamp_out_of_range'],
      [kafka(6_248_131_200_000_000n), 'timestamp_out_of_range'],
      [time(BigInt(START_MS + 5_001)), 'timestamp_in_future'],
      [time(BigInt(START_MS + 5_000)), undefined],
      [time(BigInt(START_MS - 365 * DAY_MS - 1)), 'timestamp_too_old'],
      [time(BigInt(START_MS - 365 * DAY_MS)), undefined],
    ]
    await produce(
      lake,
      binance,
      records.map(([record]) => record),
    )
    await drain(lake)
    await checkInvariants(lake)
    const expected = records.flatMap(([, reason], i) => (reason ? [[String(i), reason]] : []))
    expect(await reasons(lake)).toEqual(Object.fromEntries(expected))
    await lake.close()
  })

  it('S2 A3: the same log judged a year later, in other batches, gives the same rows', async () => {
    const found = []
    for (const [clock, maxRows] of [
      [new VirtualClock(), 37],
      [new VirtualClock(START_MS + 400 * DAY_MS), 200],
    ] as const) {
      const lake = memoryLake({ clock, exchanges: [kraken] })
      await produceSimulated(lake, kraken, { count: 120, duplicates: 0.1, invalid: 0.2, late: 0.1 }, 2)
      await drain(lake, { limits: { maxRows } })
      found.push(await digests(lake))
      await lake.close()
    }
    expect(found[0]).toEqual(found[1])
    expect(found[0]?.silver_dlq_trades?.rows).toBeGreaterThan(10n)
  })
})

describe('lateness', () => {
  it('T16: an event a day ahead that is rejected does not make the lane late, a late one is marked and enters gold', async () => {
    for (const maxRows of [1, 100]) {
      const lake = memoryLake()
      const id = await registerSchema(lake, binance)
      const trade = (trade_id: number, time: number, timestamp_ms = time) =>
        binanceRecord(binance, id, { trade_id, time }, { timestamp_ms: BigInt(timestamp_ms) })
      await produce(lake, binance, [
        trade(1, START_MS),
        trade(2, START_MS + DAY_MS, START_MS),
        trade(3, START_MS + 1_000),
        trade(4, START_MS - 59_000),
        trade(5, START_MS - 60_000),
      ])
      await drain(lake, { limits: { maxRows } })
      await checkInvariants(lake)
      expect(await reasons(lake)).toEqual({ '1': 'timestamp_in_future' })
      const rows = await query(
        lake,
        `SELECT source_sequence AS id, is_late, lateness_ms AS ms FROM silver_binance_trades ORDER BY 1`,
      )
      expect(rows.map(({ id: trade_id, is_late, ms }) => [trade_id, is_late, ms])).toEqual([
        [1n, false, 0n],
        [3n, false, 0n],
        [4n, false, 60_000n],
        [5n, true, 61_000n],
      ])
      expect(await query(lake, 'SELECT count(*)::INTEGER AS n FROM gold_crypto_trades')).toEqual([{ n: 4 }])
      await lake.close()
    }
  })
})

describe('the registry', () => {
  it('S4: while it is away nothing goes to the dead letters, and the work resumes by itself', async () => {
    const store = new TestStore()
    const real = openEmbeddedRegistry(store, 'schemas')
    let asked = 0
    const registry: SchemaRegistry = {
      register: (subject, schema) => real.register(subject, schema),
      schema: async (id) => {
        if (++asked <= 5) throw new OutageError('registry_unavailable', 'no answer')
        return real.schema(id)
      },
    }
    const lake = memoryLake({ store, registry })
    await produceSimulated(lake, binance, { count: 20 })
    const events = await drain(lake)
    const outages = events.filter((event) => event.kind === 'outage')
    expect(outages).toHaveLength(5)
    expect(outages.map((event) => event.worker)).toEqual(Array(5).fill('silver-binance'))
    await checkInvariants(lake)
    expect(await reasons(lake)).toEqual({})
    await lake.close()
  })

  it('S5: an id that nobody gave out is bad data, with all that is needed to find and retry it', async () => {
    const lake = memoryLake()
    const id = await registerSchema(lake, binance)
    const record = binanceRecord(binance, id, { trade_id: 1 })
    const value = (record.value as Uint8Array).slice()
    value.set(wireHeader(4711))
    await produce(lake, binance, [record, { ...record, value }])
    await drain(lake)
    await checkInvariants(lake)
    const [deadLetter] = await query(
      lake,
      `SELECT * EXCLUDE (error_timestamp, rule_version), rule_version = (SELECT rule_version FROM rule_sets) AS has_rule_version,
        error_timestamp IS NOT NULL AS has_time FROM silver_dlq_trades`,
    )
    expect({ ...deadLetter, raw_record: Buffer.from(deadLetter?.raw_record as Uint8Array) }).toEqual({
      raw_record: Buffer.from(value),
      error_reason: 'unknown_schema_id',
      error_type: 'unknown_error',
      error_detail: 'unknown_schema_id: 4711',
      bronze_source: 'bronze_binance_trades',
      topic: binance.topic,
      partition: 0,
      kafka_offset: 1n,
      schema_id: 4711,
      dlq_date: START_MS / DAY_MS,
      kafka_timestamp: BigInt(START_MS) * 1000n,
      has_rule_version: true,
      has_time: true,
    })
    await lake.close()
  })

  it('S4 S6: an id that it refuses while it shows others stops only its own records, one that refuses everything is waited for', async () => {
    const store = new TestStore()
    const real = openEmbeddedRegistry(store, 'schemas')
    let calls = 0
    const registry: SchemaRegistry = {
      register: (subject, schema) => real.register(subject, schema),
      schema: async (id, witness) => {
        const isAllRefused = ++calls <= 7
        if (!isAllRefused && id !== 4711) return real.schema(id)
        if (!isAllRefused && witness !== undefined) return { kind: 'denied', detail: 'HTTP 403' }
        throw new OutageError('registry_denied', 'refused')
      },
    }
    const lake = memoryLake({ store, registry })
    const id = await registerSchema(lake, binance)
    const good = binanceRecord(binance, id, { trade_id: 1 })
    const value = (good.value as Uint8Array).slice()
    value.set(wireHeader(4711))
    await produce(lake, binance, [{ ...good, value }, good, { ...good, value }])
    const outages = (await drain(lake)).filter(({ kind }) => kind === 'outage')
    await checkInvariants(lake)
    expect(outages.length).toBeGreaterThan(1)
    expect(await reasons(lake)).toEqual({ '0': 'unknown_schema_id', '2': 'unknown_schema_id' })
    expect(await query(lake, 'SELECT DISTINCT error_detail AS d FROM silver_dlq_trades')).toEqual([
      { d: 'unknown_schema_id: 4711, which the registry refuses to show (HTTP 403)' },
    ])
    expect(await query(lake, 'SELECT count(*)::INTEGER AS n FROM gold_crypto_trades')).toEqual([{ n: 1 }])
    await lake.close()
  })

  it('S6: thousands of random schema ids are cut into bounded look-ups, and the good records come through', async () => {
    const store = new TestStore()
    const real = openEmbeddedRegistry(store, 'schemas')
    const lookups: number[] = []
    const registry: SchemaRegistry = {
      register: (subject, schema) => real.register(subject, schema),
      schema: (id) => {
        lookups.push(id)
        return real.schema(id)
      },
    }
    const lake = memoryLake({ store, registry })
    const id = await registerSchema(lake, binance)
    const good = binanceRecord(binance, id, { trade_id: 1 })
    const hostile = Array.from({ length: 2_500 }, (_, i) => ({ ...good, value: wireHeader(1_000 + i) }))
    await produce(lake, binance, [...hostile, good])
    const events = await drain(lake)
    expect(commitsOf(events)['silver-binance']).toBe(3)
    expect(lookups).toHaveLength(2_501)
    await checkInvariants(lake)
    expect(await query(lake, 'SELECT count(*)::INTEGER AS n FROM gold_crypto_trades')).toEqual([{ n: 1 }])
    await lake.close()
  })
})

describe('missing values', () => {
  it('S1 S5: a null for a field that must have a value is told by the rule that knows it, else by its name', async () => {
    const lake = memoryLake()
    const { fields, ...schema } = JSON.parse(binance.schema) as { fields: { name: string; type: unknown }[] }
    const nullable = fields.map(({ name, type }) => ({ name, type: Array.isArray(type) ? type : ['null', type] }))
    const id = await lake.registry.register('nullable', JSON.stringify({ ...schema, fields: nullable }))
    const encode = compileEncoder(JSON.stringify({ ...schema, fields: nullable }))
    const trade: Record<string, unknown> = {
      event_type: 'trade',
      event_time_ms: START_MS,
      symbol: 'BTCUSDT',
      trade_id: 1,
      price: '1',
      quantity: '1',
      trade_time_ms: START_MS,
      is_buyer_maker: true,
      is_best_match: null,
      ingestion_timestamp: 1,
    }
    const values = [
      trade,
      ...Object.keys(trade).map((name) => ({ ...trade, [name]: null })),
      { ...trade, price: null, side: null },
    ]
    const records = values.map((value) => ({
      key: Buffer.from('k'),
      value: encode(value, wireHeader(id)),
      timestamp_ms: BigInt(START_MS),
    }))
    await produce(lake, binance, records)
    await drain(lake)
    await checkInvariants(lake)
    const deadLetters = await query(
      lake,
      'SELECT error_reason AS r, error_detail AS d FROM silver_dlq_trades ORDER BY kafka_offset',
    )
    const named = Object.keys(trade).filter((name) => name !== 'is_best_match')
    expect(deadLetters.map(({ r }) => r)).toEqual([
      'event_is_no_trade',
      'value_is_null',
      'symbol_required',
      'value_is_null',
      'price_is_null',
      'quantity_is_null',
      'timestamp_malformed',
      'invalid_side',
      'value_is_null',
      'price_is_null',
    ])
    named.forEach((name, i) => {
      expect(deadLetters[i]?.d).toContain(`value_is_null: field ${name}`)
    })
    await lake.close()
  })
})

describe('hostile records', () => {
  it('S6: bombs and garbage cost bounded time and never touch their neighbours', async () => {
    const log = new MemoryLog({ limits: { record_bytes_max: 4 * 2 ** 20 } })
    const lake = memoryLake({ log, exchanges: [binance, kraken] })
    const bombs = {
      nulls: { type: 'record', name: 'B', fields: [{ name: 'a', type: { type: 'array', items: 'null' } }] },
      nested: { type: 'record', name: 'N', fields: [{ name: 'n', type: ['null', 'N'] }] },
    }
    const nulls = await lake.registry.register('nulls', JSON.stringify(bombs.nulls))
    const nested = await lake.registry.register('nested', JSON.stringify(bombs.nested))
    const id = await registerSchema(lake, binance)
    const random = seededRandom(11)
    const noise = (length: number) => Uint8Array.from({ length }, () => Math.floor(random.unit() * 256))
    const good = (trade_id: number) => binanceRecord(binance, id, { trade_id })
    const values = [
      // 200 million nulls in five bytes; recursion 200,000 deep; a string that claims 2^62 bytes.
      Buffer.concat([wireHeader(nulls), Uint8Array.of(0x80, 0x88, 0xde, 0xbe, 0x01, 0)]),
      Buffer.concat([wireHeader(nested), new Uint8Array(200_000).fill(2), Uint8Array.of(0)]),
      Buffer.concat([wireHeader(id), Uint8Array.of(0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f)]),
      Buffer.concat([wireHeader(id), new Uint8Array(2 ** 20)]),
      ...Array.from({ length: 60 }, (_, i) => noise(i)),
      ...Array.from({ length: 60 }, (_, i) => Buffer.concat([wireHeader(id), noise(i)])),
    ]
    const records = values.flatMap((value, i) => [good(i), { ...good(0), value }])
    await produce(lake, binance, records)
    // Time of this process's own: what others do on the machine counts for nothing.
    const start = process.cpuUsage()
    await drain(lake)
    expect(process.cpuUsage(start).user / 1_000).toBeLessThan(20_000)
    await checkInvariants(lake)
    const [row] = await query(
      lake,
      `SELECT (SELECT count(*) FROM gold_crypto_trades)::INTEGER AS gold, (SELECT count(*) FROM silver_dlq_trades)::INTEGER AS dead_letters`,
    )
    expect(row).toEqual({ gold: values.length, dead_letters: values.length })
    await lake.close()
  })

  it('S6: `__proto__` as a map’s key, invalid UTF-8 and unknown sides the record is judged, not obeyed', async () => {
    const lake = memoryLake({ exchanges: [kraken] })
    const id = await registerSchema(lake, kraken)
    const { fields, ...schema } = JSON.parse(kraken.schema) as { fields: unknown[] }
    const withMap = { ...schema, fields: [...fields, { name: 'extra', type: { type: 'map', values: 'string' } }] }
    const mapId = await lake.registry.register('with a map', JSON.stringify(withMap))
    // One entry: the key __proto__ and a value of one letter.
    const map = Buffer.concat([Uint8Array.of(2, 18), Buffer.from('__proto__'), Uint8Array.of(2, 120, 0)])
    const valid = krakenRecord(kraken, id, { trade_id: 1 })
    const broken = (valid.value as Uint8Array).map((byte) => (byte === 'X'.charCodeAt(0) ? 0xff : byte))
    await produce(lake, kraken, [
      { ...valid, value: Buffer.concat([wireHeader(mapId), (valid.value as Uint8Array).subarray(5), map]) },
      { ...valid, value: broken },
      { ...valid, value: framed(kraken, id, { ...decodedKraken, side: 'B' }) },
      valid,
    ])
    await drain(lake)
    await checkInvariants(lake)
    expect(await reasons(lake)).toEqual({ '1': 'avro_decode_failed', '2': 'invalid_side' })
    expect(await query(lake, 'SELECT vendor_data FROM gold_crypto_trades')).toEqual([
      { vendor_data: '{"pair":"XBT/USD","channel_id":1,"order_type":"l","misc":"","extra":{"__proto__":"x"}}' },
    ])
    await lake.close()
  })
})

const decodedKraken = {
  channel_id: 1,
  price: '1',
  volume: '1',
  timestamp: `${START_MS / 1000}.0`,
  side: 'b',
  order_type: 'l',
  misc: '',
  pair: 'XBT/USD',
  ingestion_timestamp: 1n,
  trade_id: 2,
}
