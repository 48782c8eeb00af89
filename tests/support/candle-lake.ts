import { publishPending } from '@assay/pipeline'
import { expect } from 'vitest'
import { wrongCandles, wrongLedgers } from './candle-invariants.js'
import { binance, type MemoryLake } from './memory-lake.js'
import { binanceRecord, keyFor, produce, registerSchema, START_MS } from './records.js'
import { query, withTables } from './tables.js'
import { oneBatch, type SingleWorker } from './workers.js'

/** A trade of a book at so many seconds since `START_MS`. */
export interface Trade {
  readonly id: number
  readonly at_s: number
  readonly price?: string
  readonly lane?: number
}

export const LANES = 2
export const MINUTE_US = 60_000_000n
export const START_US = BigInt(START_MS) * 1000n
/** What candles stand on. */
export const ABOVE = ['bronze', 'silver', 'gold'] as const

/** Puts them into the log, in this order. */
export async function trade(lake: MemoryLake, trades: readonly Trade[]): Promise<void> {
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
export function sameAlways(lake: MemoryLake): Promise<Record<string, unknown>[]> {
  return query(
    lake,
    `SELECT * EXCLUDE (watermark, emitted_at, revision, late_trades, replayed_trades) FROM gold_candles ORDER BY ALL`,
  )
}

/** Candles and ledgers are what gold adds up to. */
export async function expectRight(lake: MemoryLake): Promise<void> {
  const wrong = await withTables(lake, async (tables) => [
    ...(await wrongCandles(lake, tables)),
    ...(await wrongLedgers(tables)),
  ])
  expect(wrong).toEqual([])
}

/** One turn of a worker that goes on for ever: a batch at most. */
export async function turn(worker: SingleWorker): Promise<void> {
  if (await oneBatch(worker)) await publishPending(worker.main, worker.sides)
}

/** Starts of the minutes that have a candle, counted from the first. */
export async function closedMinutes(lake: MemoryLake): Promise<number[]> {
  const rows = await query(lake, `SELECT window_start FROM gold_candles WHERE window_size = '1m' ORDER BY 1`)
  return rows.map(({ window_start }) => Number(((window_start as bigint) - START_US) / MINUTE_US))
}

/** The ledger, but for when it was written. */
export function revisions(lake: MemoryLake): Promise<Record<string, unknown>[]> {
  return query(lake, 'SELECT * EXCLUDE (revised_at) FROM gold_candle_revisions ORDER BY ALL')
}

/** Two trades of lane 0 in each of these minutes. */
export function minutesOf(from: number, to: number): Trade[] {
  return Array.from({ length: to - from }, (_, i) => from + i).flatMap((minute) =>
    [5, 35].map((second) => ({ id: 100 + 2 * minute + (second > 5 ? 1 : 0), at_s: 60 * minute + second })),
  )
}
