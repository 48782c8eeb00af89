import { AssayError, type Lane, type LaneKey, type Position, parseLaneKey, position } from '@assay/core'
import { MemoryLog, type ReadLimits, type ReadResult } from '@assay/event-log'
import { acceptGap, bronzeTable, GAPS_TABLE } from '@assay/medallion'
import { describe, expect, it } from 'vitest'
import { commitsOf, drain } from './support/drain.js'
import { checkInvariants } from './support/invariants.js'
import { binance, type MemoryLake, memoryLake } from './support/memory-lake.js'
import { binanceRecord, keyFor, produce, registerSchema, START_MS, type TestRecord } from './support/records.js'
import { query } from './support/tables.js'
import { VirtualClock } from './support/virtual-clock.js'

const DAY_MS = 86_400_000
const TOPIC = binance.topic

/** Valid trades with ids from `first` on, in one partition. */
async function produceTrades(
  lake: MemoryLake,
  first: number,
  count: number,
  { partition = 0, of = 1 } = {},
): Promise<void> {
  const id = await registerSchema(lake, binance)
  const key = keyFor(partition, of)
  const trades = Array.from({ length: count }, (_, i) => binanceRecord(binance, id, { trade_id: first + i }, { key }))
  await produce(lake, binance, trades, of)
}

async function accept(lake: MemoryLake, lane: string, to: number): Promise<string> {
  const [status] = await lake.log.lanes(TOPIC)
  const accepted = await acceptGap({
    main: await lake.table(bronzeTable('binance')),
    gaps: await lake.table(GAPS_TABLE),
    session: await (await lake.engine()).session(),
    clock: lake.clock,
    lane: lane as LaneKey,
    to: position(to),
    note: 'lost for good',
    topicId: status?.topicId ?? '',
  })
  return accepted.lane
}

async function ledger(lake: MemoryLake): Promise<unknown[][]> {
  const rows = await query(
    lake,
    `SELECT topic || '/' || "partition" AS lane, from_offset, to_offset, accepted_at IS NOT NULL AS accepted
     FROM gaps ORDER BY accepted, lane`,
  )
  return rows.map((row) => [row.lane, row.from_offset, row.to_offset, row.accepted])
}

async function offsetsOf(lake: MemoryLake, lane: string): Promise<number[]> {
  const { topic, partition } = parseLaneKey(lane)
  const rows = await query(
    lake,
    `SELECT "offset"::INTEGER AS o FROM bronze_binance_trades
     WHERE topic = '${topic}' AND "partition" = ${partition} ORDER BY 1`,
  )
  return rows.map(({ o }) => o as number)
}

describe('bronze', () => {
  it('B1 B4 T13: keeps whatever the log holds, byte for byte, and never parses it', async () => {
    const lake = memoryLake()
    const id = await registerSchema(lake, binance)
    const good = binanceRecord(binance, id, { trade_id: 1 })
    const values: (Uint8Array | null)[] = [
      null,
      new Uint8Array(),
      Uint8Array.of(0),
      Uint8Array.from({ length: 256 }, (_, i) => i),
      new Uint8Array(700_000).fill(7),
      good.value,
    ]
    const timestamps = [
      0n,
      -1n,
      -(2n ** 63n),
      2n ** 63n - 1n,
      9_214_646_399_999n,
      9_214_646_400_000n,
      6_248_131_200_000_000n,
    ]
    const records: TestRecord[] = [
      ...values.map((value) => ({ ...good, value })),
      ...timestamps.map((timestamp_ms) => ({ ...good, timestamp_ms })),
      { ...good, headers: Uint8Array.of(1, 2, 3) },
      { ...good, key: new Uint8Array() },
    ]
    await produce(lake, binance, records)
    await drain(lake, { limits: { maxRows: 4 } })
    await checkInvariants(lake)
    const [unusable] = await query(
      lake,
      `SELECT count(*)::INTEGER AS n, min(ingestion_date)::VARCHAR AS day FROM bronze_binance_trades WHERE kafka_timestamp IS NULL`,
    )
    expect(unusable).toEqual({ n: 5, day: '1970-01-01' })
    await lake.close()
  })

  it('T12: a lane that ends in control records is drained, in one commit more at most', async () => {
    const lake = memoryLake()
    await produceTrades(lake, 1, 5)
    lake.log.addHole({ topic: TOPIC, partition: 0 }, 3)
    await produceTrades(lake, 6, 5)
    lake.log.addHole({ topic: TOPIC, partition: 0 }, 7)
    const commits = commitsOf(await drain(lake))
    expect(commits).toEqual({ 'bronze-binance': 1, 'silver-binance': 1, gold: 1, candles: 1 })
    await checkInvariants(lake)
    lake.log.addHole({ topic: TOPIC, partition: 0 }, 1)
    expect(commitsOf(await drain(lake))).toEqual({ 'bronze-binance': 1, 'silver-binance': 1, gold: 1, candles: 1 })
    await checkInvariants(lake)
    expect(commitsOf(await drain(lake))).toEqual({})
    await lake.close()
  })

  it('a drain beside a producer that never stops ends with what the log held at its start', async () => {
    class BusyLog extends MemoryLog {
      produceMore: (() => Promise<unknown>) | undefined
      override async lanes(topic: string): ReturnType<MemoryLog['lanes']> {
        const found = await super.lanes(topic)
        await this.produceMore?.()
        return found
      }
    }
    const clock = new VirtualClock()
    const log = new BusyLog({ clock })
    const lake = memoryLake({ clock, log })
    await produceTrades(lake, 1, 20)
    let next = 100
    log.produceMore = () => produceTrades(lake, next++, 1)
    await drain(lake, { limits: { maxRows: 6 } })
    log.produceMore = undefined
    const [gold] = await query(lake, 'SELECT count(*)::INTEGER AS n FROM gold_crypto_trades')
    expect(gold?.n).toBeGreaterThanOrEqual(20)
    expect(gold?.n).toBeLessThan(30)
    await drain(lake)
    await checkInvariants(lake)
    await lake.close()
  })

  it('T12: positions that move without rows do not make a commit a second', async () => {
    const lake = memoryLake()
    await produceTrades(lake, 1, 1)
    await drain(lake)
    const before = (await (await lake.table(bronzeTable('binance'))).pin()).sequence
    const stop = new AbortController()
    const started_ms = lake.clock.now_ms()
    const { runWorkers } = await import('@assay/lake')
    const running = runWorkers(
      lake,
      {
        drain: false,
        adopt: false,
        interval_ms: 1_000,
        onEvent: () => undefined,
      },
      stop.signal,
    )
    while (lake.clock.now_ms() < started_ms + 60_000) {
      lake.log.addHole({ topic: TOPIC, partition: 0 }, 1)
      await new Promise(setImmediate)
    }
    stop.abort()
    await running
    const { sequence } = await (await lake.table(bronzeTable('binance'))).pin()
    expect(sequence - before).toBeGreaterThan(0)
    expect(sequence - before).toBeLessThanOrEqual(7)
    await lake.close()
  })

  it('T14 A6: ten thousand days are cut into batches of at most 64 files', async () => {
    const lake = memoryLake()
    const days = 130
    const records = Array.from({ length: days }, (_, i) => ({
      key: Buffer.from('k'),
      value: Uint8Array.of(1),
      timestamp_ms: BigInt(START_MS + ((i * 7919) % 10_000) * DAY_MS),
    }))
    await produce(lake, binance, records)
    const events = await drain(lake, { layers: ['bronze'] })
    expect(commitsOf(events)['bronze-binance']).toBe(Math.ceil(days / 64))
    const { version } = await (await lake.table(bronzeTable('binance'))).pin()
    for (const { summary } of version.metadata.snapshots) {
      expect(Number(summary['added-data-files'])).toBeLessThanOrEqual(64)
    }
    expect(await query(lake, 'SELECT count(DISTINCT ingestion_date)::INTEGER AS n FROM bronze_binance_trades')).toEqual(
      [{ n: days }],
    )
    await lake.close()
  })
})

/** A log with a batch in partition 0 that can't be read. */
class DamagedLog extends MemoryLog {
  at: Position | undefined

  override async read(lane: Lane, from: Position, limits: ReadLimits, epoch?: number): Promise<ReadResult> {
    const read = await super.read(lane, from, limits, epoch)
    const { at } = this
    if (at === undefined || lane.partition !== 0 || from > at || read.kind !== 'records' || read.next <= at) return read
    if (from === at) throw new AssayError('batch_too_large', `${lane.topic} at offset ${at}`)
    return super.read(lane, from, { ...limits, maxRecords: Number(at - from) }, epoch)
  }
}

describe('a topic that others made', () => {
  const finding = { topic: TOPIC, setting: 'retention.ms', value: '1', message: 'old trades go at once' }

  it('is warned of, or refused, before anything of it is read', async () => {
    const lake = memoryLake()
    await produceTrades(lake, 0, 3)
    const set = (severity: 'warn' | 'refuse') =>
      Object.assign(lake.log, { inspectTopic: async () => [{ ...finding, severity }] })
    set('refuse')
    await expect(drain(lake)).rejects.toMatchObject({ code: 'topic_refused', message: expect.stringContaining(TOPIC) })
    expect(await query(lake, 'SELECT count(*)::INTEGER AS n FROM bronze_binance_trades')).toEqual([{ n: 0 }])
    set('warn')
    expect(await drain(lake)).toContainEqual(expect.objectContaining({ kind: 'topic_warning' }))
    expect(await offsetsOf(lake, `${TOPIC}/0`)).toHaveLength(3)
    await lake.close()
  })
})

describe('a log that lost records', () => {
  it('B3: retention passed the position: the lane stops, the gap is noted once, other lanes go on, a word resumes it', async () => {
    const lake = memoryLake()
    for (const partition of [0, 1]) await produceTrades(lake, partition * 100, 4, { partition, of: 2 })
    await drain(lake)
    for (const partition of [0, 1]) await produceTrades(lake, partition * 100 + 4, 6, { partition, of: 2 })
    lake.log.deleteBefore({ topic: TOPIC, partition: 0 }, position(7))
    const lane = `${TOPIC}/0`
    const stops = (await drain(lake)).filter(({ kind }) => kind === 'lane_stopped')
    expect(stops).toMatchObject([{ worker: 'bronze-binance', lane, reason: 'records_lost' }])
    expect(await drain(lake)).toEqual([])
    expect(await ledger(lake)).toEqual([[lane, 4n, 7n, false]])
    expect(await offsetsOf(lake, lane)).toEqual([0, 1, 2, 3])
    expect(await offsetsOf(lake, `${TOPIC}/1`)).toHaveLength(10)
    await expect(accept(lake, lane, 6)).rejects.toMatchObject({ code: 'gap_not_covered' })
    await accept(lake, lane, 7)
    await expect(accept(lake, lane, 7)).rejects.toMatchObject({ code: 'lane_not_stopped' })
    await drain(lake)
    expect(await offsetsOf(lake, lane)).toEqual([0, 1, 2, 3, 7, 8, 9])
    expect(await ledger(lake)).toEqual([
      [lane, 4n, 7n, false],
      [lane, 4n, 7n, true],
    ])
    await checkInvariants(lake, { logIsWhole: false })
    await lake.close()
  })

  it('failure 15: what can never be read stops its lane, the others go on, and a word goes past it or tries again', async () => {
    const lake = memoryLake({ log: new DamagedLog() })
    for (const partition of [0, 1]) await produceTrades(lake, partition * 100, 8, { partition, of: 2 })
    const lane = `${TOPIC}/0`
    const damaged = lake.log as DamagedLog
    damaged.at = position(3)
    const stops = (await drain(lake)).filter(({ kind }) => kind === 'lane_stopped')
    expect(stops).toMatchObject([{ lane, reason: 'records_unreadable' }])
    expect(await offsetsOf(lake, lane)).toEqual([0, 1, 2])
    expect(await offsetsOf(lake, `${TOPIC}/1`)).toHaveLength(8)
    expect(await ledger(lake)).toEqual([[lane, 3n, 4n, false]])
    await accept(lake, lane, 3)
    expect((await drain(lake)).map(({ kind }) => kind)).toContain('lane_stopped')
    await accept(lake, lane, 5)
    await drain(lake)
    expect(await offsetsOf(lake, lane)).toEqual([0, 1, 2, 5, 6, 7])
    await checkInvariants(lake, { logIsWhole: false })
    await lake.close()
  })

  it('B3: a truncated lane stops and stays stopped when the log has grown past the position again', async () => {
    const lake = memoryLake()
    await produceTrades(lake, 0, 6)
    await drain(lake)
    lake.log.truncate({ topic: TOPIC, partition: 0 }, position(4))
    const events = await drain(lake)
    expect(events).toContainEqual(expect.objectContaining({ kind: 'lane_stopped', reason: 'log_truncated' }))
    await produceTrades(lake, 50, 5)
    await drain(lake)
    expect(await offsetsOf(lake, `${TOPIC}/0`)).toEqual([0, 1, 2, 3, 4, 5])
    expect(await accept(lake, `${TOPIC}/0`, 4)).toBe(`${TOPIC}@2/0`)
    await drain(lake)
    expect(await offsetsOf(lake, `${TOPIC}@2/0`)).toEqual([4, 5, 6, 7, 8])
    await checkInvariants(lake, { logIsWhole: false })
    const ids = await query(lake, 'SELECT count(*) - count(DISTINCT message_id) AS repeated FROM silver_binance_trades')
    expect(ids).toEqual([{ repeated: 0n }])
    await lake.close()
  })

  it('B3: a lane that was cut and filled up again before anybody looked is not read on', async () => {
    const lake = memoryLake()
    await produceTrades(lake, 0, 6)
    await drain(lake)
    lake.log.truncate({ topic: TOPIC, partition: 0 }, position(4))
    await produceTrades(lake, 50, 5)
    const events = await drain(lake)
    expect(events).toContainEqual(expect.objectContaining({ kind: 'lane_stopped', reason: 'log_truncated' }))
    expect(await offsetsOf(lake, `${TOPIC}/0`)).toEqual([0, 1, 2, 3, 4, 5])
    expect(await accept(lake, `${TOPIC}/0`, 4)).toBe(`${TOPIC}@2/0`)
    await drain(lake)
    expect(await offsetsOf(lake, `${TOPIC}@2/0`)).toEqual([4, 5, 6, 7, 8])
    await checkInvariants(lake, { logIsWhole: false })
    await lake.close()
  })

  it('B3: a topic deleted and made again is not the old one, even where its offsets would fit', async () => {
    const lake = memoryLake()
    for (const partition of [0, 1]) await produceTrades(lake, partition * 10, 3, { partition, of: 2 })
    await drain(lake)
    lake.log.recreateTopic(TOPIC, 2)
    for (const partition of [0, 1]) await produceTrades(lake, 100 + partition * 10, 5, { partition, of: 2 })
    const events = await drain(lake)
    const stopped = { kind: 'lane_stopped', reason: 'topic_recreated' }
    expect(events.filter(({ kind }) => kind === 'lane_stopped')).toMatchObject([stopped, stopped])
    expect(await offsetsOf(lake, `${TOPIC}/0`)).toEqual([0, 1, 2])
    await accept(lake, `${TOPIC}/0`, 0)
    await drain(lake)
    expect(await offsetsOf(lake, `${TOPIC}@2/0`)).toEqual([0, 1, 2, 3, 4])
    expect(await offsetsOf(lake, `${TOPIC}@2/1`)).toEqual([])
    await accept(lake, `${TOPIC}/1`, 0)
    await drain(lake)
    expect(await offsetsOf(lake, `${TOPIC}@2/1`)).toEqual([0, 1, 2, 3, 4])
    await checkInvariants(lake, { logIsWhole: false })
    expect(await query(lake, 'SELECT count(*)::INTEGER AS n FROM gold_crypto_trades')).toEqual([{ n: 16 }])
    await lake.close()
  })
})
