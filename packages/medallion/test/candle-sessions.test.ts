import { seededRandom } from '@assay/core'
import { type Aggregate, session, sessionsOf, sessionWindow } from '@assay/pipeline'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openSession } from '../../../tests/support/open-session.js'
import { sessionsSql } from '../src/candles/sessions.js'

const DAY_US = 86_400_000_000n
const SECOND_US = 1_000_000n
const GAP_US = 30n * SECOND_US

let engine: Awaited<ReturnType<typeof openSession>>

beforeAll(async () => {
  engine = await openSession()
})

afterAll(() => engine.close())

interface Trade {
  readonly time_us: bigint
  readonly symbol?: string
  readonly price?: string
  readonly quantity?: string
  readonly side?: 'BUY' | 'SELL'
}

async function setGold(trades: readonly Trade[]): Promise<void> {
  const rows = trades.map(
    ({ time_us, symbol = 'A', price = '100', quantity = '1', side = 'BUY' }, i) =>
      `('BINANCE', '${symbol}', 'USDT', ${time_us}::BIGINT, ${price}::DECIMAL(28, 10), ${quantity}::DECIMAL(28, 10), '${side}', ${i}::BIGINT, 'T-${i}')`,
  )
  const names = 'exchange, symbol, currency, "timestamp", price, quantity, side, source_sequence, trade_id'
  await engine.createTable(
    'gold_crypto_trades',
    `SELECT *, make_timestamp("timestamp")::DATE AS exchange_date FROM (VALUES ${rows.join(', ')}) t(${names})`,
  )
}

const rowsOf = () =>
  engine.rows(`SELECT * FROM (${sessionsSql(GAP_US)}) ORDER BY exchange, symbol, currency, window_start`)

const COUNT: Aggregate<number, number> = { empty: () => 0, fold: (n) => n + 1, merge: (a, b) => a + b }

describe('sessions by query', () => {
  it('L8: a trade that comes between two sessions makes them one', async () => {
    const apart = [0n, 10n, 45n, 50n].map((s) => ({ time_us: s * SECOND_US }))
    await setGold(apart)
    expect((await rowsOf()).map(({ trades }) => trades)).toEqual([2n, 2n])
    await setGold([...apart, { time_us: 30n * SECOND_US, price: '70' }])
    expect(await rowsOf()).toMatchObject([
      {
        window_start: 0n,
        window_end: 80n * SECOND_US,
        trades: 5n,
        low: '70.0000000000',
        volume: '5.0000000000',
        vwap: '94.0000000000',
        close_time: 50n * SECOND_US,
      },
    ])
  })

  it('L8: one that comes as long after as the gap begins the next; the UTC day ends a session, also before 1970', async () => {
    await setGold([-1n, 0n, 29n, 59n].map((s) => ({ time_us: s * SECOND_US })))
    const found = (await rowsOf()).map((row) => [row.window_start, row.window_end, row.trades])
    expect(found).toEqual([
      [-SECOND_US, 0n, 1n],
      [0n, 59n * SECOND_US, 2n],
      [59n * SECOND_US, 89n * SECOND_US, 1n],
    ])
  })

  it('a sum that no column holds is null, and the others stand', async () => {
    const large = '99999999999.5'
    await setGold([
      { time_us: 0n, price: large, quantity: large, side: 'SELL' },
      { time_us: 1n, price: '2', quantity: '3' },
    ])
    expect(await rowsOf()).toMatchObject([
      {
        quote_volume: null,
        vwap: null,
        volume: '100000000002.5000000000',
        buy_quote_volume: '6.00000000000000000000',
        trades: 2n,
      },
    ])
  })

  it('are those that the windows of the package are, over random trades of two days', async () => {
    for (const seed of [1, 2, 3]) {
      const random = seededRandom(seed)
      const times = Array.from({ length: 400 }, () => BigInt(Math.floor(random.unit() * 14_400)) * SECOND_US)
        .map((time_us) => DAY_US - 7_200n * SECOND_US + time_us)
        .sort((a, b) => (a < b ? -1 : 1))
      await setGold(times.map((time_us, i) => ({ time_us, symbol: i % 2 === 0 ? 'A' : 'B' })))
      const expected = ['A', 'B'].flatMap((symbol, of) => {
        const own = BigInt64Array.from(times.filter((_, i) => i % 2 === of))
        const rows = Uint32Array.from(own.keys())
        return sessionsOf(COUNT, own, rows, session(GAP_US)).map((found) => {
          const { start_us, end_us } = sessionWindow(found, session(GAP_US))
          return [symbol, start_us, end_us, BigInt(found.value)]
        })
      })
      const found = (await rowsOf()).map((row) => [row.symbol, row.window_start, row.window_end, row.trades])
      expect(found, `seed ${seed}`).toEqual(expected)
      expect(found.length).toBeGreaterThan(50)
    }
  })
})
