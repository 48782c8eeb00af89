import { type Random, seededRandom } from '@assay/core'
import { runReplay } from '@assay/operations'
import { describe, expect, it } from 'vitest'
import { ABOVE, expectRight, LANES, revisions, START_US, sameAlways, type Trade, trade } from './support/candle-lake.js'
import { NEVER, REPLAY, WRONG_RULES } from './support/dead-letters.js'
import { drain } from './support/drain.js'
import { binance, memoryLake } from './support/memory-lake.js'
import { produceSimulated } from './support/records.js'
import { query } from './support/tables.js'

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
