import { AssayError, type Random, seededRandom } from '@assay/core'
import { FaultyStore, type StoreCall } from '@assay/object-store'
import { runReplay } from '@assay/operations'
import { publishPending } from '@assay/pipeline'
import { describe, expect, it } from 'vitest'
import { wrongCandles, wrongLedgers } from './support/candle-invariants.js'
import { NEVER, REPLAY, WRONG_RULES } from './support/dead-letters.js'
import { drain } from './support/drain.js'
import { sitesOf } from './support/fault-sites.js'
import { binance, copyOf, type MemoryLake, memoryLake } from './support/memory-lake.js'
import { binanceRecord, keyFor, produce, produceSimulated, registerSchema, START_MS } from './support/records.js'
import { query, withTables } from './support/tables.js'
import { candlesWorker, oneBatch, type SingleWorker } from './support/workers.js'

interface Trade {
  readonly id: number
  readonly at_s: number
  readonly price?: string
  readonly lane?: number
}

const LANES = 2
const MINUTE_US = 60_000_000n
const START_US = BigInt(START_MS) * 1000n
const ABOVE = ['bronze', 'silver', 'gold'] as const

async function trade(lake: MemoryLake, trades: readonly Trade[]): Promise<void> {
  const id = await registerSchema(lake, binance)
  const records = trades.map(({ id: trade_id, at_s, price = '50', lane = 0 }) =>
    binanceRecord(
      binance,
      id,
      { trade_id, price, quantity: '1', time: START_MS + Math.round(at_s * 1000) },
      { key: keyFor(lane, LANES) },
    ),
  )
  await produce(lake, binance, records, LANES)
}

/** What of candles may not depend on order, batches and moments. */
function sameAlways(lake: MemoryLake): Promise<Record<string, unknown>[]> {
  return query(
    lake,
    `SELECT * EXCLUDE (watermark, emitted_at, revision, late_trades, replayed_trades) FROM gold_candles ORDER BY ALL`,
  )
}

async function expectRight(lake: MemoryLake): Promise<void> {
  const wrong = await withTables(lake, async (tables) => [
    ...(await wrongCandles(lake, tables)),
    ...(await wrongLedgers(tables)),
  ])
  expect(wrong).toEqual([])
}

/** One turn of a worker that goes on for ever: a batch at most. */
async function turn(worker: SingleWorker): Promise<void> {
  if (await oneBatch(worker)) await publishPending(worker.main, worker.sides)
}

/** Starts of the minutes that have a candle, counted from the first. */
async function closedMinutes(lake: MemoryLake): Promise<number[]> {
  const rows = await query(lake, `SELECT window_start FROM gold_candles WHERE window_size = '1m' ORDER BY 1`)
  return rows.map(({ window_start }) => Number(((window_start as bigint) - START_US) / MINUTE_US))
}

const revisions = (lake: MemoryLake): Promise<Record<string, unknown>[]> =>
  query(lake, 'SELECT * EXCLUDE (revised_at) FROM gold_candle_revisions ORDER BY ALL')

/** Twenty minutes of trades, in any order and lane. */
function someTrades(): Trade[] {
  const random = seededRandom(6)
  return Array.from({ length: 60 }, (_, i) => ({
    id: i + 1,
    at_s: random.unit() * 1_200,
    price: String(40 + Math.floor(random.unit() * 20)),
    lane: Math.floor(random.unit() * LANES),
  }))
}

/** What closes their minutes and hour. */
const CLOSING: readonly Trade[] = [0, 1].flatMap((lane) => [
  { id: 901 + lane, at_s: 3_700, lane },
  { id: 903 + lane, at_s: 3_701, lane },
])

function shuffled(trades: readonly Trade[], random: Random): Trade[] {
  return trades
    .map((one) => ({ one: { ...one, lane: Math.floor(random.unit() * LANES) }, by: random.unit() }))
    .sort((a, b) => a.by - b.by)
    .map(({ one }) => one)
}

describe('the same trades give the same candles', () => {
  it('L6: in batches of 1, 7 and all', async () => {
    const found: unknown[] = []
    for (const maxRows of [1, 7, 10_000]) {
      const lake = memoryLake()
      await trade(lake, [...someTrades().slice(0, 24), ...CLOSING])
      await drain(lake, { layers: ABOVE })
      await drain(lake, { layers: ['candles'], limits: { maxRows } })
      await expectRight(lake)
      found.push(await sameAlways(lake))
      await lake.close()
    }
    expect((found[0] as unknown[]).length).toBeGreaterThan(10)
    expect(found[1]).toEqual(found[0])
    expect(found[2]).toEqual(found[0])
  })

  it('L6: from lanes that are shuffled, and drained in between, so that most of them come late', async () => {
    const found: unknown[] = []
    const late: unknown[] = []
    for (const seed of [0, 1, 2]) {
      const lake = memoryLake()
      const trades = someTrades()
      const order = seed === 0 ? trades : shuffled(trades, seededRandom(seed))
      for (let i = 0; i < order.length; i += seed === 0 ? order.length : 20) {
        await trade(lake, order.slice(i, seed === 0 ? undefined : i + 20))
        await drain(lake)
      }
      await trade(lake, CLOSING)
      await drain(lake)
      await expectRight(lake)
      found.push(await sameAlways(lake))
      late.push((await revisions(lake)).length > 0)
      await lake.close()
    }
    expect(late).toEqual([false, true, true])
    expect(found[1]).toEqual(found[0])
    expect(found[2]).toEqual(found[0])
  })

  it('L6 A2: by two workers at once', async () => {
    const lake = memoryLake()
    const trades = someTrades()
    for (const part of [trades.slice(0, 20), trades.slice(20, 40), [...trades.slice(40), ...CLOSING]]) {
      await trade(lake, part)
      await drain(lake, { layers: ABOVE })
      const two = [0, 1].map(() => memoryLake({ store: lake.store, log: lake.log, clock: lake.clock }))
      await Promise.all(two.map((one) => drain(one, { layers: ['candles'], limits: { maxRows: 7 } })))
      for (const one of two) await one.close()
      await expectRight(lake)
    }
    const alone = memoryLake()
    await trade(alone, [...trades, ...CLOSING])
    await drain(alone)
    expect(await sameAlways(lake)).toEqual(await sameAlways(alone))
    await alone.close()
    await lake.close()
  })
})

/** Two minutes and an hour that are out, and trades in gold that close more and make two of them anew. */
async function halfMade(): Promise<MemoryLake> {
  const lake = memoryLake()
  await trade(
    lake,
    [1, 30, 65, 70, 3_700, 3_701].map((at_s, i) => ({ id: i + 1, at_s })),
  )
  await drain(lake)
  await trade(lake, [
    { id: 10, at_s: 20, price: '45' },
    { id: 11, at_s: 100 },
    { id: 12, at_s: 3_790 },
  ])
  await trade(lake, [{ id: 13, at_s: 3_800 }])
  await drain(lake, { layers: ABOVE })
  return lake
}

describe('a worker that is killed', () => {
  it('L6 A1: at any write, over a batch with late trades: another one ends with the same', async () => {
    const before = await halfMade()
    const undisturbed = await copyOf(before.store, before.clock)
    const calls: StoreCall[] = []
    const again = (store: typeof before.store, seed: number) =>
      memoryLake({ store, log: before.log, clock: before.clock, random: seededRandom(seed) })
    const run = async (lake: MemoryLake): Promise<MemoryLake> => {
      await drain(lake, { layers: ['candles'] })
      return lake
    }
    const noted = new FaultyStore(undisturbed, (call) => {
      calls.push(call)
      return 'none'
    })
    const whole = await run(again(noted, 77))
    const expected = [await sameAlways(whole), await revisions(whole)]
    expect(expected[1]?.map(({ window_size }) => window_size)).toEqual(['1h', '1m', '1m'])
    await whole.close()
    for (const { index: at, method, key } of calls.filter(sitesOf('error_after'))) {
      const store = await copyOf(before.store, before.clock)
      const dying = again(
        new FaultyStore(store, ({ index }) => {
          if (index >= at) throw new AssayError('killed', 'the process is gone')
          return 'none'
        }),
        77,
      )
      // A deletion that fails after the commit ends nobody.
      const ended = await run(dying).catch((error: unknown) => error)
      if (ended instanceof Error) expect(ended, `${at} ${method} ${key}`).toMatchObject({ code: 'killed' })
      await dying.close()
      const after = await run(again(store, 78))
      expect([at, await sameAlways(after), await revisions(after)]).toEqual([at, ...expected])
      await after.close()
    }
    await before.close()
  }, 60_000)
})

describe('lanes that are silent', () => {
  it('L4: the windows of the other close after the idle timeout; old trades of the silent one make revisions', async () => {
    const lake = memoryLake()
    await trade(lake, [{ id: 1, at_s: 1, lane: 1 }, { id: 2, at_s: 2, lane: 1 }, ...minutesOf(0, 4)])
    await drain(lake, { layers: ABOVE })
    const worker = await candlesWorker(lake)
    for (const [seconds, closed] of [
      [0, []],
      [29, []],
      [2, [0, 1, 2]],
    ] as const) {
      lake.clock.advance(seconds * 1_000)
      await turn(worker)
      expect([seconds, await closedMinutes(lake)]).toEqual([seconds, closed])
    }
    await trade(lake, [
      { id: 3, at_s: 3, lane: 1, price: '70' },
      { id: 4, at_s: 63, lane: 1 },
    ])
    await drain(lake, { layers: ABOVE })
    await turn(worker)
    expect(await query(lake, 'SELECT window_start, cause, trades_added FROM gold_candle_revisions ORDER BY 1')).toEqual(
      [
        { window_start: START_US, cause: 'late', trades_added: 1n },
        { window_start: START_US + MINUTE_US, cause: 'late', trades_added: 1n },
      ],
    )
    await expectRight(lake)
    await lake.close()
  })
})

/** Two trades of lane 0 in each of these minutes. */
function minutesOf(from: number, to: number): Trade[] {
  return Array.from({ length: to - from }, (_, i) => from + i).flatMap((minute) =>
    [5, 35].map((second) => ({ id: 100 + 2 * minute + (second > 5 ? 1 : 0), at_s: 60 * minute + second })),
  )
}

describe('a recording', () => {
  it("L12: January's, loaded today in two halves some minutes apart, gives no revision that one load would not", async () => {
    const halves = [minutesOf(0, 3), [...minutesOf(3, 6), { id: 500, at_s: 61 }, { id: 501, at_s: 370 }]]
    const found: unknown[] = []
    for (const parts of [halves, [halves.flat()]]) {
      const lake = memoryLake()
      const worker = await candlesWorker(lake)
      for (const part of parts) {
        await trade(lake, part)
        await drain(lake, { layers: ABOVE })
        for (const seconds of [0, 20, 20, 20, 20, 100]) {
          lake.clock.advance(seconds * 1_000)
          await turn(worker)
        }
      }
      found.push({ revisions: (await revisions(lake)).length, minutes: await closedMinutes(lake) })
      await expectRight(lake)
      await lake.close()
    }
    expect(found[0]).toEqual({ revisions: 1, minutes: [0, 1, 2, 3, 4, 5] })
    expect(found[1]).toEqual({ revisions: 0, minutes: [0, 1, 2, 3, 4, 5] })
  })
})

describe('a replay', () => {
  it('L7: of ten trades of last month makes their candles anew, with that cause, and no other', async () => {
    const lake = memoryLake()
    const old = Array.from({ length: 40 }, (_, i) => ({
      id: i + 1,
      at_s: 600 * i + 1,
      price: i % 4 === 0 ? '500' : '50',
    }))
    const kept = old.map(({ id, at_s }) => ({ id: id + 100, at_s: at_s + (id % 8 === 1 ? 120 : 1) }))
    const later = [0, 1, 2].map((i) => ({ id: 300 + i, at_s: 31 * 86_400 + 60 * i }))
    await trade(
      lake,
      [...old, ...kept].sort((a, b) => a.at_s - b.at_s),
    )
    await trade(lake, later)
    await drain(lake, { rules: WRONG_RULES })
    const candles = 'SELECT * FROM gold_candles ORDER BY exchange, symbol, window_size, window_start'
    const before = await query(lake, candles)
    expect(await runReplay(lake, REPLAY, NEVER)).toMatchObject({ passed: 10 })
    await drain(lake, { layers: ['gold', 'candles'] })
    await expectRight(lake)
    const after = await query(lake, candles)
    const isTouched = ({ window_start, window_size }: Record<string, unknown>): boolean => {
      const size_us = { '1m': 60n, '1h': 3_600n, '1d': 86_400n }[window_size as '1m'] * 1_000_000n
      return old.some(({ at_s, price }) => {
        const behind_us = START_US + BigInt(at_s) * 1_000_000n - (window_start as bigint)
        return price === '500' && behind_us >= 0n && behind_us < size_us
      })
    }
    expect(after.filter((row) => !isTouched(row))).toEqual(before.filter((row) => !isTouched(row)))
    const ledger = await revisions(lake)
    expect(new Set(ledger.map(({ cause }) => cause))).toEqual(new Set(['replay']))
    // The minutes of five of them had no other trade, and so no candle.
    expect(after.length - before.length).toBe(5)
    expect(ledger.length).toBe(after.filter(isTouched).length - 5)
    await lake.close()
  })
})

describe('a recorded hour', () => {
  it("L9 W1: is what the engine's own aggregates make of gold", async () => {
    const lake = memoryLake()
    await produceSimulated(lake, binance, { count: 1_500, duplicates: 0.1, late: 0.1, rate: 0.4 }, LANES)
    await drain(lake)
    const order = '"timestamp", source_sequence, trade_id'
    const product = 'price::DECIMAL(18, 8)::DECIMAL(38, 8) * quantity::DECIMAL(18, 8)'
    const own = `SELECT exchange, symbol, currency, make_timestamptz("timestamp" // 60000000 * 60000000) AS window_start,
      arg_min(price, (${order})) AS "open", max(price) AS high, min(price) AS low, arg_max(price, (${order})) AS "close",
      sum(quantity) AS volume, sum(${product})::DECIMAL(38, 16) AS quote_volume, count(*) AS trades,
      count(*) FILTER (side = 'BUY') AS buy_trades, coalesce(sum(quantity) FILTER (side = 'BUY'), 0) AS buy_volume,
      min(source_sequence) AS first_sequence, max(source_sequence) AS last_sequence FROM gold_crypto_trades
      GROUP BY ALL`
    const [counts] = await query(
      lake,
      `WITH own AS (${own}), candles AS (
        SELECT * FROM gold_candles WHERE window_size = '1m'
      ) SELECT count(*) AS candles, count(*) FILTER (
        o."open" = c."open" AND o.high = c.high AND o.low = c.low AND o."close" = c."close" AND o.volume = c.volume
        AND o.quote_volume = c.quote_volume AND o.trades = c.trades AND o.buy_trades = c.buy_trades
        AND o.buy_volume = c.buy_volume AND o.first_sequence = c.first_sequence AND o.last_sequence = c.last_sequence
      ) AS same, (SELECT count(*) FROM own) AS windows
      FROM candles c LEFT JOIN own o USING (exchange, symbol, currency, window_start)`,
    )
    expect(counts).toEqual({ candles: counts?.windows, same: counts?.windows, windows: counts?.windows })
    expect(Number(counts?.candles)).toBeGreaterThan(60)
    await lake.close()
  })
})
