import { CANDLE_SIZES, CANDLES_TABLE } from '@assay/candles'
import { seededRandom } from '@assay/core'
import { quoteText } from '@assay/engine'
import { sqlType } from '@assay/pipeline'
import { beforeAll, describe, expect, it } from 'vitest'
import {
  type BookTrade,
  type CandleRow,
  candlesOf,
  MINUTE_US,
  randomTrades,
  rowsSql,
  windowOf,
} from '../../../tests/support/candle-rows.js'
import { openSession } from '../../../tests/support/open-session.js'
import { HEARTBEATS_TABLE } from '../src/bronze/bronze-table.js'
import { candleViews } from '../src/candles/views.js'

/** Over the turn of 1970, and in the middle of an hour. */
const STARTS_US = [-17n * MINUTE_US, 1_767_226_000n * 1_000_000n - 40_000_000n]
const MINUTES = 34
const views = candleViews()
let session: Awaited<ReturnType<typeof openSession>>

beforeAll(async () => {
  session = await openSession()
  await setHeartbeats([])
})

/** Heartbeats of exchanges, at times. */
async function setHeartbeats(heartbeats: readonly { readonly exchange: string; readonly time_us: bigint }[]) {
  const rows = heartbeats.map(
    ({ exchange, time_us }) => `(encode(${quoteText(exchange)}), make_timestamptz(${time_us}))`,
  )
  const select = 'SELECT NULL::BLOB AS "key", NULL::TIMESTAMPTZ AS kafka_timestamp WHERE false'
  const values = rows.length > 0 ? ` UNION ALL VALUES ${rows.join(', ')}` : ''
  await session.createTable(HEARTBEATS_TABLE.name, select + values)
}

async function setRows(rows: readonly CandleRow[]): Promise<void> {
  await session.createTable(CANDLES_TABLE.name, rowsSql(CANDLES_TABLE, rows))
}

function selectOf(name: string): string {
  const view = views.find((one) => one.name === name)
  if (!view) throw new RangeError(`there is no view ${name}`)
  return view.select
}

const rowsOf = (name: string): Promise<Record<string, unknown>[]> =>
  session.rows(`SELECT * FROM (${selectOf(name)}) ORDER BY exchange, symbol, currency, window_start`)

/** Rows as the view orders them, with those columns alone that hang on trades. */
function measured(rows: readonly Record<string, unknown>[]): Record<string, unknown>[] {
  const key = ({ exchange, symbol, currency }: Record<string, unknown>): string => [exchange, symbol, currency].join()
  return rows
    .map(({ watermark, emitted_at, revision, ...row }) => row)
    .sort((a, b) => {
      if (key(a) !== key(b)) return key(a) < key(b) ? -1 : 1
      return (a.window_start as bigint) < (b.window_start as bigint) ? -1 : 1
    })
}

/** The watermark up to which rows of the exchange were written. */
function watermarks(rows: readonly CandleRow[]): Map<string, bigint> {
  const found = new Map<string, bigint>()
  for (const { exchange, watermark } of rows) {
    const before = found.get(String(exchange))
    if (before === undefined || (watermark as bigint) > before) found.set(String(exchange), watermark as bigint)
  }
  return found
}

const sliding = (time_us: bigint): ReturnType<ReturnType<typeof windowOf>> =>
  windowOf(
    '1m',
    MINUTE_US,
  )(time_us).flatMap(({ start_us }) =>
    [0n, 1n, 2n, 3n, 4n].map((back) => ({
      name: '5m',
      size_us: 5n * MINUTE_US,
      start_us: start_us - back * MINUTE_US,
    })),
  )

const minutesOf = (trades: readonly BookTrade[]): CandleRow[] => candlesOf(trades, windowOf('1m', MINUTE_US))

describe('views of candles', () => {
  it('tell their columns and types as DuckDB has them', async () => {
    await setRows([])
    for (const { select, columns } of views) {
      const found = await session.rows(`DESCRIBE ${select}`)
      const said = columns.map(([name, type]) => [
        name,
        sqlType(type).replace('TIMESTAMPTZ', 'TIMESTAMP WITH TIME ZONE'),
      ])
      expect(found.map(({ column_name, column_type }) => [column_name, column_type])).toEqual(said)
    }
  })

  it('give the rows of a size as they are stored', async () => {
    const trades = randomTrades(seededRandom(1), STARTS_US[1] as bigint, MINUTES, 50)
    const all = CANDLE_SIZES.map(({ name, size_us }) => candlesOf(trades, windowOf(name, size_us)))
    await setRows(all.flat())
    for (const [i, { name }] of CANDLE_SIZES.entries()) {
      expect(measured(await rowsOf(`gold_candles_${name}`))).toEqual(measured(all[i] as CandleRow[]))
    }
  })

  it.each([
    ['gold_candles_5m', windowOf('5m', 5n * MINUTE_US)],
    ['gold_candles_15m', windowOf('15m', 15n * MINUTE_US)],
    ['gold_candles_5m_sliding_1m', sliding],
  ])('W1: %s is what the trades of each closed window add up to', async (name, windows) => {
    for (let seed = 1; seed <= 5; seed++) {
      const trades = randomTrades(seededRandom(seed), STARTS_US[seed % 2] as bigint, MINUTES, 12 * seed)
      const rows = minutesOf(trades)
      await setRows(rows)
      const closed = watermarks(rows)
      const expected = candlesOf(trades, windows)
        .filter(({ exchange, window_end }) => (window_end as bigint) <= (closed.get(String(exchange)) ?? 0n))
        // What is beyond the column has no average of its own here.
        .map((row) => (row.quote_volume === null || row.volume === null ? { ...row, vwap: null } : row))
      expect(measured(await rowsOf(name)), `seed ${seed}`).toEqual(measured(expected))
    }
  })

  it('have windows that end on a minute without a trade, once a candle of the exchange says that they are closed', async () => {
    const trade = {
      exchange: 'BINANCE',
      symbol: 'A',
      currency: 'USDT',
      price: 1n,
      quantity: 1n,
      isBuy: true,
      sequence: 1n,
    }
    const [row] = minutesOf([{ ...trade, time_us: 0n }]) as [CandleRow]
    const starts = async (watermark: bigint, name: string): Promise<unknown[]> => {
      await setRows([
        { ...row, watermark },
        { ...row, exchange: 'KRAKEN', window_start: 60n * MINUTE_US, watermark: 90n * MINUTE_US },
      ])
      const found = await session.rows(
        `SELECT * FROM (${selectOf(name)}) WHERE exchange = 'BINANCE' ORDER BY window_start`,
      )
      return found.map(({ window_start }) => Number(window_start) / Number(MINUTE_US))
    }
    expect(await starts(MINUTE_US, 'gold_candles_5m_sliding_1m')).toEqual([-4])
    expect(await starts(3n * MINUTE_US, 'gold_candles_5m_sliding_1m')).toEqual([-4, -3, -2])
    expect(await starts(5n * MINUTE_US, 'gold_candles_5m_sliding_1m')).toEqual([-4, -3, -2, -1, 0])
    expect(await starts(5n * MINUTE_US - 1n, 'gold_candles_5m')).toEqual([])
    expect(await starts(5n * MINUTE_US, 'gold_candles_5m')).toEqual([0])
  })

  it('count the changes of their minutes, and say when the last was written', async () => {
    const trade = { exchange: 'BINANCE', symbol: 'A', currency: 'USDT', price: 1n, quantity: 1n, isBuy: true }
    const times = [0n, MINUTE_US, 4n * MINUTE_US]
    const rows = minutesOf(times.map((time_us, i) => ({ ...trade, time_us, sequence: BigInt(i) })))
    await setRows(
      rows.map((row, i) => ({
        ...row,
        revision: [1, 4, 2][i] ?? 0,
        late_trades: BigInt(i),
        replayed_trades: 1n,
        watermark: BigInt(10 - i) * MINUTE_US,
        emitted_at: BigInt(20 - i) * MINUTE_US,
      })),
    )
    expect(await rowsOf('gold_candles_5m')).toMatchObject([
      {
        revision: 5,
        late_trades: 3n,
        replayed_trades: 3n,
        watermark: 10n * MINUTE_US,
        emitted_at: 20n * MINUTE_US,
      },
    ])
  })

  it('F12: a sum that no column holds is null, of a minute or of several, and the others stand', async () => {
    const trade = { exchange: 'BINANCE', symbol: 'A', currency: 'USDT', isBuy: true, sequence: 1n }
    const large = { ...trade, price: 999_999_999_995n * 10n ** 9n, quantity: 999_999_995n * 10n ** 9n }
    const half = { ...trade, price: 10n ** 19n, quantity: 6n * 10n ** 18n }
    const trades = [
      { ...large, time_us: 0n },
      { ...half, time_us: 10n * MINUTE_US },
      { ...half, time_us: 11n * MINUTE_US },
      { ...half, time_us: 15n * MINUTE_US },
      { ...trade, price: 5n, quantity: 10n ** 10n, time_us: 19n * MINUTE_US },
    ]
    await setRows([
      ...minutesOf(trades),
      { ...(minutesOf(trades)[0] as CandleRow), symbol: 'Z', watermark: 99n * MINUTE_US },
    ])
    const found = await session.rows(
      `SELECT volume, quote_volume, vwap, trades FROM (${selectOf('gold_candles_5m')}) WHERE symbol = 'A' ORDER BY window_start`,
    )
    expect(found.map((row) => Object.values(row))).toEqual([
      ['99999999.5000000000', null, null, 1n],
      ['1200000000.0000000000', null, null, 2n],
      ['600000001.0000000000', '600000000000000000.00000000050000000000', '999999998.3333333361', 2n],
    ])
  })

  it('the average is exact, and half way goes to the even', async () => {
    const trade = { exchange: 'BINANCE', symbol: 'A', currency: 'USDT', isBuy: true, sequence: 1n, quantity: 1n }
    const vwaps = [
      [1n, 2n],
      [2n, 3n],
      [1n, 1n, 2n],
      [10n ** 27n, 10n ** 27n + 1n],
      [10n ** 27n + 1n, 10n ** 27n + 2n],
    ].map(async (prices) => {
      const trades = prices.map((price, i) => ({ ...trade, price, time_us: BigInt(i) * MINUTE_US }))
      return rowsSql(
        CANDLES_TABLE,
        minutesOf(trades).map((row) => ({ ...row, watermark: 5n * MINUTE_US })),
      )
    })
    const found: unknown[] = []
    for (const sql of await Promise.all(vwaps)) {
      await session.createTable(CANDLES_TABLE.name, sql)
      found.push((await rowsOf('gold_candles_5m'))[0]?.vwap)
    }
    expect(found).toEqual([
      '0.0000000002',
      '0.0000000002',
      '0.0000000001',
      '100000000000000000.0000000000',
      '100000000000000000.0000000002',
    ])
  })

  it('gold_candles_gaps counts the numbers between a candle and those beside it, null where one is missing', async () => {
    for (let seed = 1; seed <= 5; seed++) {
      const trades = randomTrades(seededRandom(seed), STARTS_US[seed % 2] as bigint, MINUTES, 10 * seed)
      const rows = measured(minutesOf(trades))
      await setRows([...minutesOf(trades), ...candlesOf(trades, windowOf('1h', 60n * MINUTE_US))])
      const isBeside = (a: Record<string, unknown> | undefined, b: Record<string, unknown>): boolean =>
        a?.exchange === b.exchange && a?.symbol === b.symbol
      const between = (a: unknown, b: unknown): bigint | null =>
        typeof a === 'bigint' && typeof b === 'bigint' ? b - a - 1n : null
      const expected = rows.map((row, i) => {
        const [before, after] = [rows[i - 1], rows[i + 1]].map((one) => (isBeside(one, row) ? one : undefined))
        return {
          ...row,
          gap_before: between(before?.last_sequence, row.first_sequence),
          gap_after: between(row.last_sequence, after?.first_sequence),
        }
      })
      expect(measured(await rowsOf('gold_candles_gaps')), `seed ${seed}`).toEqual(expected)
    }
  })

  it('gold_candles_filled tells of each minute without a trade why it has none, and makes up no price', async () => {
    const book = { exchange: 'BINANCE', symbol: 'A', currency: 'USDT', price: 1n, quantity: 1n, isBuy: true }
    const at = (minute: bigint, sequence: bigint | undefined, symbol = 'A'): BookTrade => {
      return { ...book, symbol, sequence, time_us: minute * MINUTE_US + 1n }
    }
    const trades = [
      ...[at(0n, 1n), at(3n, 2n), at(8n, 9n)],
      ...[at(4n, undefined, 'B'), at(6n, undefined, 'B')],
      at(7n, 5n, 'C'),
    ]
    const rows = minutesOf(trades).map((row) => ({ ...row, watermark: 11n * MINUTE_US + 30_000_000n }))
    await setRows(rows)
    await setHeartbeats([
      { exchange: 'binance', time_us: 10n * MINUTE_US - 1n },
      { exchange: 'kraken', time_us: 10n * MINUTE_US },
    ])
    const found = await rowsOf('gold_candles_filled')
    const reasons = (symbol: string): unknown[] =>
      found
        .filter((row) => row.symbol === symbol)
        .map((row) => [(row.window_start as bigint) / MINUTE_US, row.fill_reason, row.missing_around, row.trades])
    expect(reasons('A')).toEqual([
      [0n, null, null, 1n],
      [1n, 'no_trades', 0n, 0n],
      [2n, 'no_trades', 0n, 0n],
      [3n, null, null, 1n],
      [4n, 'gap', 6n, null],
      [5n, 'not_listening', 6n, null],
      [6n, 'gap', 6n, null],
      [7n, 'gap', 6n, null],
      [8n, null, null, 1n],
      [9n, 'pending', null, null],
      [10n, 'not_listening', null, null],
    ])
    expect(reasons('B')[1]).toEqual([5n, 'not_listening', null, null])
    expect(reasons('C').map((row) => (row as unknown[])[1])).toEqual([null, 'pending', 'pending', 'not_listening'])
    const candles = found.filter((row) => row.fill_reason === null)
    expect(measured(candles.map(({ fill_reason, missing_around, ...row }) => row))).toEqual(measured(rows))
    const empty = found.find((row) => row.fill_reason === 'no_trades')
    expect(empty).toMatchObject({
      volume: '0.0000000000',
      open: null,
      close: null,
      vwap: null,
      window_end: 2n * MINUTE_US,
    })
    await setHeartbeats([])
  })

  it('gold_candles_filled fills no more than a day after a candle', async () => {
    const trade = { exchange: 'BINANCE', symbol: 'A', currency: 'USDT', price: 1n, quantity: 1n, isBuy: true }
    const days = [0n, 100n, 300n].map((day, i) => ({
      ...trade,
      sequence: BigInt(i),
      time_us: day * 1_440n * MINUTE_US,
    }))
    await setRows(minutesOf(days).map((row) => ({ ...row, watermark: 400n * 1_440n * MINUTE_US })))
    expect(await rowsOf('gold_candles_filled')).toHaveLength(3 + 3 * 1_440)
  })
})
