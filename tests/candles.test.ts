import { parseTraceTarget, type TracedCandle, traceTarget } from '@assay/audit'
import { readCandleState } from '@assay/candles'
import { describe, expect, it } from 'vitest'
import { candleRows, expectedCandles } from './support/candles.js'
import { drain } from './support/drain.js'
import { binance, kraken, type MemoryLake, memoryLake } from './support/memory-lake.js'
import { binanceRecord, keyFor, produce, produceSimulated, registerSchema, START_MS } from './support/records.js'
import { query } from './support/tables.js'
import { candlesWorker, oneBatch } from './support/workers.js'

interface Trade {
  readonly id: number
  readonly at_s: number
  readonly price?: string
  readonly lane?: number
  readonly quantity?: string
}

const LANES = 2

/** Trades of a symbol at seconds since the start. */
async function trade(lake: MemoryLake, ...trades: readonly Trade[]): Promise<void> {
  const id = await registerSchema(lake, binance)
  const records = trades.map(({ id: trade_id, at_s, price = '100', quantity = '1', lane = 0 }) =>
    binanceRecord(
      binance,
      id,
      { trade_id, price, quantity, time: START_MS + Math.round(at_s * 1000) },
      { key: keyFor(lane, LANES) },
    ),
  )
  await produce(lake, binance, records, LANES)
}

describe('candles', () => {
  it('W1 W2: candles of both exchanges are what gold adds up to, in any size of batches', async () => {
    const rows: unknown[] = []
    for (const maxRows of [20, 10_000]) {
      const lake = memoryLake()
      await produceSimulated(lake, binance, { count: 600, duplicates: 0.1, invalid: 0.05, late: 0.1, rate: 2 }, 2)
      await produceSimulated(lake, kraken, { count: 300, duplicates: 0.1, invalid: 0.05, late: 0.1, rate: 1 }, 2)
      await drain(lake, { layers: ['bronze', 'silver', 'gold'] })
      await drain(lake, { layers: ['candles'], limits: { maxRows } })
      const found = await candleRows(lake)
      expect(found.length).toBeGreaterThan(20)
      expect(found).toEqual(await expectedCandles(lake))
      rows.push(found)
      await lake.close()
    }
    expect(rows[1]).toEqual(rows[0])
  })

  it('L2: a trade that comes after its window closed makes the candle anew, once, and says why', async () => {
    const lake = memoryLake()
    await trade(lake, { id: 1, at_s: 1 }, { id: 2, at_s: 30, price: '105' }, { id: 3, at_s: 65 }, { id: 4, at_s: 70 })
    await drain(lake)
    await trade(lake, { id: 5, at_s: 20, price: '90' }, { id: 5, at_s: 20, price: '90' })
    await drain(lake)
    await trade(lake, { id: 5, at_s: 20, price: '90' })
    await drain(lake)
    expect(await candleRows(lake)).toEqual(await expectedCandles(lake))
    const [candle] = await query(
      lake,
      `SELECT low, trades, revision, late_trades FROM gold_candles WHERE window_size = '1m' ORDER BY window_start`,
    )
    expect(candle).toEqual({ low: '90.0000000000', trades: 3n, revision: 2, late_trades: 1n })
    expect(
      await query(
        lake,
        'SELECT revision, cause, old_trades, new_trades, old_low, trades_added FROM gold_candle_revisions',
      ),
    ).toEqual([
      { revision: 2, cause: 'late', old_trades: 2n, new_trades: 3n, old_low: '100.0000000000', trades_added: 1n },
    ])
    expect(await query(lake, 'SELECT trade_id, window_start FROM gold_late_trades')).toEqual([
      { trade_id: 'BINANCE-5', window_start: BigInt(START_MS) * 1000n },
    ])
    await lake.close()
  })

  it('A5: a candle leads to its changes and to the trades that it adds up, and these to their bytes', async () => {
    const lake = memoryLake()
    await trade(lake, { id: 1, at_s: 1 }, { id: 2, at_s: 30, price: '105' }, { id: 3, at_s: 65 }, { id: 4, at_s: 70 })
    await drain(lake)
    await trade(lake, { id: 5, at_s: 20, price: '90' })
    await drain(lake)
    await trade(lake, { id: 6, at_s: 40, price: '80' })
    await drain(lake, { layers: ['bronze', 'silver', 'gold'] })
    const traced = (text: string) => traceTarget(lake, parseTraceTarget(text))
    const column = (rows: TracedCandle['trades'] | undefined, name: string): unknown[] =>
      rows?.rows.map((row) => row[rows.columns.findIndex((one) => one.name === name)]) ?? []
    for (const text of ['binance/btcusdt/1m/2026-01-01T00:00:59Z', 'BINANCE/BTCUSDT/USDT 1m 2026-01-01 00:00:00+00']) {
      const { candle, records } = await traced(text)
      expect([column(candle?.candle, 'low'), column(candle?.candle, 'trades')]).toEqual([['90.0000000000'], [3n]])
      expect(column(candle?.revisions, 'revision')).toEqual([2])
      // In the order of their times; the sixth is in gold, and candles have not taken it.
      expect(column(candle?.trades, 'trade_id')).toEqual(['BINANCE-1', 'BINANCE-5', 'BINANCE-2'])
      expect(records.map(({ record }) => record?.fields?.trade_id)).toEqual([1n, 5n, 2n])
      expect(records.map(({ bronze }) => bronze.rows.length)).toEqual([1, 1, 1])
    }
    const none = await traced('BINANCE/BTCUSDT/EUR/1m/2026-01-01')
    expect([none.candle?.candle.rows, none.records]).toEqual([[], []])
    expect(none.looked).toEqual(['gold_candles: 0 rows of the window', 'gold_crypto_trades: 0 rows of the window'])
    expect(() => parseTraceTarget('BINANCE/BTCUSDT/1m/yesterday')).toThrow(/"yesterday" is not a day or a time in UTC/)
    await lake.close()
  })

  it('L2: a trade of a window long closed, and one of a window that had none, find their candles', async () => {
    const lake = memoryLake()
    const hours = [0, 1, 2, 3].flatMap((h) => [0, 1, 2].map((m) => ({ id: 10 * h + m + 1, at_s: 3600 * h + 60 * m })))
    await trade(lake, ...hours)
    await drain(lake)
    await trade(lake, { id: 90, at_s: 30, price: '50' }, { id: 91, at_s: 1800 })
    await drain(lake)
    expect(await candleRows(lake)).toEqual(await expectedCandles(lake))
    const revised = `SELECT window_size, window_start, revision FROM gold_candles WHERE revision > 1 ORDER BY ALL`
    const start = BigInt(START_MS) * 1000n
    expect(await query(lake, revised)).toEqual([
      { window_size: '1h', window_start: start, revision: 2 },
      { window_size: '1m', window_start: start, revision: 2 },
    ])
    await lake.close()
  })

  it('L5: a trade dated 2100 closes no window early, wherever it stands, and a drain ends', async () => {
    for (const at of [0, 2, 4]) {
      const lake = memoryLake()
      const trades = [1, 30, 61, 62].map((at_s, i) => ({ id: i + 1, at_s }))
      const odd = { id: 99, at_s: 74 * 365.25 * 86_400 }
      await trade(lake, ...trades.slice(0, at), odd, ...trades.slice(at))
      await drain(lake)
      const found = await query(
        lake,
        `SELECT window_start, trades FROM gold_candles WHERE window_size = '1m' ORDER BY 1`,
      )
      const start = BigInt(START_MS) * 1000n
      expect([at, found]).toEqual([
        at,
        [
          { window_start: start, trades: 2n },
          { window_start: start + 60_000_000n, trades: 2n },
        ],
      ])
      await lake.close()
    }
  })

  it('L4: a lane that brings only duplicates holds no window back, and its late original revises', async () => {
    const lake = memoryLake()
    const candles = await candlesWorker(lake)
    const take = async (...some: readonly Trade[]): Promise<void> => {
      await trade(lake, ...some)
      await drain(lake, { layers: ['bronze', 'silver', 'gold'] })
      await oneBatch(candles)
    }
    const trades = [1, 30, 61, 62, 125, 126].map((at_s, i) => ({ id: i + 1, at_s }))
    await take(...trades)
    expect(await candleRows(lake)).toEqual([])
    await take(...trades.map((one) => ({ ...one, lane: 1 })))
    expect((await query(lake, 'SELECT DISTINCT "partition" FROM gold_crypto_trades')).length).toBe(1)
    // As with the first lane alone: the delay behind its newest trade.
    const { checkpoint } = await candles.main.pin()
    const start = BigInt(START_MS) * 1000n
    expect([...readCandleState(checkpoint).watermarks]).toEqual([['BINANCE', start + 125_000_000n]])
    expect(await candleRows(lake)).toHaveLength(2)
    expect(await candleRows(lake)).toEqual(await expectedCandles(lake))
    await take({ id: 7, at_s: 40, lane: 1 })
    const revised = 'SELECT revision, late_trades FROM gold_candles ORDER BY window_start'
    expect(await query(lake, revised)).toEqual([
      { revision: 2, late_trades: 1n },
      { revision: 1, late_trades: 0n },
    ])
    await lake.close()
  })

  it('L10: of trades of one time the number decides which is first and last, in any order of arrival', async () => {
    const found: unknown[] = []
    for (const order of [
      [1, 2, 3],
      [3, 1, 2],
      [2, 3, 1],
    ]) {
      const lake = memoryLake()
      await trade(lake, ...order.map((id) => ({ id, at_s: 5, price: String(100 + id) })), { id: 9, at_s: 61 })
      await trade(lake, { id: 10, at_s: 62 })
      await drain(lake)
      const [row] = await query(
        lake,
        `SELECT "open", "close" FROM gold_candles WHERE window_size = '1m' ORDER BY window_start`,
      )
      found.push(row)
      await lake.close()
    }
    expect(new Set(found.map((row) => JSON.stringify(row)))).toEqual(
      new Set([JSON.stringify({ open: '101.0000000000', close: '103.0000000000' })]),
    )
  })

  it('L13: a sum beyond the column makes that measure null, and the others stand', async () => {
    const lake = memoryLake()
    const big = { price: '99999999999.5', quantity: '99999999.5' }
    await trade(lake, { id: 1, at_s: 1, ...big }, { id: 2, at_s: 2, ...big }, { id: 3, at_s: 61 }, { id: 4, at_s: 62 })
    await drain(lake)
    const [row] = await query(
      lake,
      `SELECT volume, quote_volume, vwap, trades FROM gold_candles WHERE window_size = '1m' ORDER BY window_start`,
    )
    expect(row).toEqual({
      volume: '199999999.0000000000',
      quote_volume: null,
      vwap: '99999999999.5000000000',
      trades: 2n,
    })
    await lake.close()
  })
})
