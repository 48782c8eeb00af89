import { GOLD_TABLE } from '@assay/medallion'
import { describe, expect, it } from 'vitest'
import { drain } from './support/drain.js'
import { checkInvariants } from './support/invariants.js'
import { binance, copyOf, kraken, type MemoryLake, memoryLake } from './support/memory-lake.js'
import { binanceRecord, keyFor, krakenRecord, produce, registerSchema, START_MS } from './support/records.js'
import { query } from './support/tables.js'
import { goldWorker, runAlone } from './support/workers.js'

const HOUR_MS = 3_600_000

async function counts(lake: MemoryLake): Promise<{ gold: number; duplicates: number; conflicts: number }> {
  const [row] = await query(
    lake,
    `SELECT (SELECT count(*) FROM gold_crypto_trades)::INTEGER AS gold, count(*)::INTEGER AS duplicates,
      (count(*) FILTER (is_conflict))::INTEGER AS conflicts FROM gold_duplicates`,
  )
  return row as { gold: number; duplicates: number; conflicts: number }
}

async function produceTrades(
  lake: MemoryLake,
  trades: readonly Parameters<typeof binanceRecord>[2][],
  lane = { partition: 0, of: 1 },
): Promise<void> {
  const id = await registerSchema(lake, binance)
  const key = keyFor(lane.partition, lane.of)
  await produce(
    lake,
    binance,
    trades.map((trade) => binanceRecord(binance, id, trade, { key })),
    lane.of,
  )
}

describe('duplicates', () => {
  it('T1 G1: a worker that stood by while another one committed knows what that one put into gold', async () => {
    const lake = memoryLake()
    const lanes = [
      { partition: 0, of: 2 },
      { partition: 1, of: 2 },
    ] as const
    await produceTrades(lake, [{ trade_id: 1 }], lanes[0])
    await drain(lake, { layers: ['bronze', 'silver'] })
    const standby = await goldWorker(lake)
    await runAlone(standby)
    await produceTrades(lake, [{ trade_id: 2 }], lanes[0])
    await drain(lake)
    await produceTrades(lake, [{ trade_id: 2 }, { trade_id: 3 }], lanes[1])
    await drain(lake, { layers: ['bronze', 'silver'] })
    await runAlone(standby)
    await checkInvariants(lake)
    expect(await counts(lake)).toEqual({ gold: 3, duplicates: 1, conflicts: 0 })
    await lake.close()
  })

  it('G3: a duplicate is recognised years later, and after a restart that has to load the key set again', async () => {
    const first = memoryLake()
    await produceTrades(first, [
      { trade_id: 1 },
      { trade_id: 2, time: START_MS + HOUR_MS },
      { trade_id: 2n ** 62n },
      { trade_id: -7 },
    ])
    await drain(first)
    const lake = memoryLake({ store: first.store, log: first.log, clock: first.clock })
    await produceTrades(lake, [{ trade_id: 900, time: START_MS + 200 * 24 * HOUR_MS }])
    await drain(lake)
    await produceTrades(lake, [
      { trade_id: -7 },
      { trade_id: 2, time: START_MS + HOUR_MS },
      { trade_id: 2n ** 62n },
      { trade_id: 2n ** 62n + 1n },
    ])
    await drain(lake)
    await checkInvariants(lake)
    expect(await counts(lake)).toEqual({ gold: 6, duplicates: 3, conflicts: 0 })
    await first.close()
    await lake.close()
  })

  it('G4: the same id with another price, quantity, time or side is listed as a conflict, an equal row is not', async () => {
    const lake = memoryLake()
    await produceTrades(lake, [{ trade_id: 1 }, { trade_id: 1 }])
    await drain(lake)
    await produceTrades(lake, [
      { trade_id: 1, price: '100.50' },
      { trade_id: 1, price: '100.5000000001' },
      { trade_id: 1, quantity: '0.26' },
      { trade_id: 1, time: START_MS + 5 * HOUR_MS },
      { trade_id: 1, is_buyer_maker: true },
    ])
    await drain(lake)
    await produceTrades(lake, [{ trade_id: 1, time: START_MS + 60_000 }])
    await drain(lake)
    await checkInvariants(lake)
    const rows = await query(
      lake,
      'SELECT "offset"::INTEGER AS o, kept_offset::INTEGER AS kept, is_conflict FROM gold_duplicates ORDER BY 1',
    )
    expect(rows.map(({ o, kept, is_conflict }) => [o, kept, is_conflict])).toEqual([
      [1, 0, false],
      [2, 0, false],
      [3, 0, true],
      [4, 0, true],
      [5, 0, true],
      [6, 0, true],
      [7, 0, true],
    ])
    await lake.close()
  })

  it('G1: within a lane the first one wins, whatever the limits of the batches', async () => {
    for (const maxRows of [1, 2, 100]) {
      const lake = memoryLake()
      await produceTrades(lake, [
        { trade_id: 5, price: '1' },
        { trade_id: 5, price: '2' },
        { trade_id: 5, price: '3' },
      ])
      await drain(lake, { limits: { maxRows } })
      await checkInvariants(lake)
      expect(await query(lake, 'SELECT price FROM gold_crypto_trades')).toEqual([{ price: '1.0000000000' }])
      await lake.close()
    }
  })

  it('G1: two real fills without an id are two trades, a redelivered one is a duplicate', async () => {
    const lake = memoryLake({ exchanges: [kraken] })
    const id = await registerSchema(lake, kraken)
    const fill = (ingestion_timestamp: bigint) => krakenRecord(kraken, id, { ingestion_timestamp })
    await produce(lake, kraken, [fill(1n), fill(2n), fill(1n)])
    await drain(lake)
    await produce(lake, kraken, [fill(2n), fill(3n)])
    await drain(lake)
    await checkInvariants(lake)
    expect(await counts(lake)).toEqual({ gold: 3, duplicates: 2, conflicts: 0 })
    await lake.close()
  })

  it('A6 G2: a commit opens no more hours than it may, and duplicates of several days are each in their own', async () => {
    const lake = memoryLake()
    const trades = Array.from({ length: 5 }, (_, i) => ({ trade_id: i, time: START_MS + i * 24 * HOUR_MS }))
    await produceTrades(lake, trades)
    await drain(lake, { layers: ['bronze', 'silver'] })
    await drain(lake, { layers: ['gold'], limits: { maxPartitions: 2 } })
    const { version } = await (await lake.table(GOLD_TABLE)).pin()
    const opened = version.metadata.snapshots.map(({ summary }) => summary['changed-partition-count'])
    expect(opened).toEqual(['2', '2', '1'])
    await produceTrades(lake, trades)
    await drain(lake)
    await checkInvariants(lake)
    const days = await query(
      lake,
      'SELECT exchange_date::VARCHAR AS day, trade_id FROM gold_duplicates ORDER BY trade_id',
    )
    expect(days).toEqual(trades.map((_, i) => ({ day: `2026-01-0${i + 1}`, trade_id: `BINANCE-${i}` })))
    await lake.close()
  })

  it('G2: a batch cut short by partitions decides nothing of the rows behind the cut', async () => {
    const lake = memoryLake({ exchanges: [kraken] })
    const id = await registerSchema(lake, kraken)
    const at = (hour: number, ingestion_timestamp: bigint) =>
      krakenRecord(kraken, id, { timestamp: `${START_MS / 1000 + hour * 3600}.000001`, ingestion_timestamp })
    // Two new rows in the first hour; in the second, behind the cut, as many that repeat each other.
    await produce(lake, kraken, [at(0, 1n), at(0, 2n), at(1, 3n), at(1, 3n), at(1, 3n)])
    await drain(lake, { limits: { maxPartitions: 1 } })
    await checkInvariants(lake)
    expect(await counts(lake)).toEqual({ gold: 3, duplicates: 2, conflicts: 0 })
    await lake.close()
  })
})

describe('two exchanges in one batch, with the same ids', () => {
  /** Hours of the trades 1, 2, 3, … of each exchange, and how many partitions a batch may have. */
  const cases: Record<string, { binance: number[]; kraken: number[]; maxPartitions: number }> = {
    'cut in the first source': { binance: [0, 1, 0], kraken: [0, 1], maxPartitions: 1 },
    'cut within the second source': { binance: [0, 1], kraken: [0, 2, 0], maxPartitions: 2 },
  }

  it.each(Object.entries(cases))('G1 G2: %s: each trade of each exchange once', async (_name, hours) => {
    const lake = memoryLake({ exchanges: [binance, kraken] })
    const id = await registerSchema(lake, kraken)
    const at_ms = (hour: number) => START_MS + hour * HOUR_MS
    // Each trade comes twice, one behind the other: a row that a batch decided without having read it shows as a copy.
    const twice = <T>(one: T): T[] => [one, one]
    await produceTrades(
      lake,
      hours.binance.flatMap((hour, i) => twice({ trade_id: i + 1, time: at_ms(hour) })),
    )
    await produce(
      lake,
      kraken,
      hours.kraken.flatMap((hour, i) =>
        twice(
          krakenRecord(kraken, id, { trade_id: i + 1, pair: 'XBT/USDT', timestamp: `${at_ms(hour) / 1000}.000001` }),
        ),
      ),
    )
    await drain(lake, { limits: { maxPartitions: hours.maxPartitions } })
    await checkInvariants(lake)
    const trades = hours.binance.length + hours.kraken.length
    expect(await counts(lake)).toEqual({ gold: trades, duplicates: trades, conflicts: 0 })
    await lake.close()
  })
})

describe('several gold workers', () => {
  it('T1 A1: one trade in two lanes, two workers that take one lane each and commit at once: gold has it once', async () => {
    const before = memoryLake()
    // Rows of another hour end a batch, so that each worker takes the lane that its turn begins with and no other.
    await produceTrades(before, [{ trade_id: 1 }, { trade_id: 2 }], { partition: 0, of: 2 })
    const later = START_MS + HOUR_MS
    const theirs = [
      { trade_id: 1, time: later },
      { trade_id: 3, time: later },
    ]
    await produceTrades(before, theirs, { partition: 1, of: 2 })
    await drain(before, { layers: ['bronze', 'silver'] })
    const { store, log, clock } = before
    const [one, other] = [memoryLake({ store, log, clock }), memoryLake({ store, log, clock })]
    const limits = { maxPartitions: 1 }
    const workers = [await goldWorker(one, { limits }), await goldWorker(other, { limits })] as const
    const signal = new AbortController().signal
    await workers[1].stage.run((await workers[1].main.pin()).checkpoint, signal)
    workers[1].stage.forget()
    await Promise.all(workers.map(runAlone))
    expect(workers.some(({ events }) => events.some(({ kind }) => kind === 'refused'))).toBe(true)
    await checkInvariants(one)
    expect(await counts(one)).toEqual({ gold: 3, duplicates: 1, conflicts: 1 })
    for (const lake of [before, one, other]) await lake.close()
  })
})

describe('the saved key set', () => {
  /** A drained lake whose gold has saved its key set, and one trade repeated in the log after that. */
  async function lakeWithKeys(): Promise<{ lake: MemoryLake; path: string }> {
    const lake = memoryLake()
    await produceTrades(lake, [{ trade_id: 1 }, { trade_id: 2 }, { trade_id: 3 }])
    await drain(lake)
    await produceTrades(lake, [{ trade_id: 4 }])
    // A set that was built from all files, for want of a saved one, is saved with the next commit.
    await drain(memoryLake({ store: lake.store, log: lake.log, clock: lake.clock }))
    const { checkpoint } = await (await lake.table(GOLD_TABLE)).pin()
    const [path] = GOLD_TABLE.state?.files(checkpoint) ?? []
    if (path === undefined) throw new Error('no key set was saved')
    await produceTrades(lake, [{ trade_id: 1 }, { trade_id: 4 }, { trade_id: 5 }])
    return { lake, path }
  }

  const damages: Record<string, (bytes: Uint8Array) => Uint8Array | undefined> = {
    missing: () => undefined,
    truncated: (bytes) => bytes.slice(0, bytes.length - 9),
    empty: () => new Uint8Array(),
    'with a flipped bit in a key': (bytes) => bytes.map((byte, i) => (i === bytes.length - 40 ? byte ^ 1 : byte)),
    'with a flipped bit in its header': (bytes) => bytes.map((byte, i) => (i === 20 ? byte ^ 1 : byte)),
    'as it was written': (bytes) => bytes,
  }

  it('T19: a saved set that is missing, truncated or changed is built again', async () => {
    const { lake, path } = await lakeWithKeys()
    const bytes = (await lake.store.get(path)) as Uint8Array
    for (const [what, damage] of Object.entries(damages)) {
      const store = await copyOf(lake.store, lake.clock)
      const damaged = damage(bytes)
      if (damaged) await store.put(path, damaged)
      else await store.delete(path)
      const restarted = memoryLake({ store, log: lake.log, clock: lake.clock })
      await drain(restarted)
      await checkInvariants(restarted)
      expect([what, await counts(restarted)]).toEqual([what, { gold: 5, duplicates: 2, conflicts: 0 }])
      await restarted.close()
    }
    await lake.close()
  })

  it('G3: past its cap the worker stops with an error that says so, and gold stays right', async () => {
    const lake = memoryLake()
    await produceTrades(
      lake,
      Array.from({ length: 40 }, (_, i) => ({ trade_id: i * 2 })),
    )
    await expect(drain(lake, { keySet_bytes: 128 })).rejects.toMatchObject({ code: 'key_set_too_large' })
    await drain(memoryLake({ store: lake.store, log: lake.log, clock: lake.clock }))
    await checkInvariants(lake)
    await lake.close()
  })
})
