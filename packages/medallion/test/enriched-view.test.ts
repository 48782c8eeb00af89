import fc from 'fast-check'
import { beforeAll, describe, expect, it } from 'vitest'
import { openSession } from '../../../tests/support/open-session.js'
import { GOLD_TABLE } from '../src/gold/gold-tables.js'
import { enrichedView } from '../src/reference/enriched-view.js'
import { REF_SYMBOLS_TABLE } from '../src/reference/ref-symbols-table.js'

const SECOND_US = 1_000_000
const { select } = enrichedView(GOLD_TABLE)
let session: Awaited<ReturnType<typeof openSession>>

beforeAll(async () => {
  session = await openSession()
})

interface Trade {
  readonly exchange: string
  readonly symbol: string
  readonly second: number
}

interface Row extends Omit<Trade, 'second'> {
  readonly from: number
  readonly to: number | null
}

const NO_COLUMNS = { price: '1', quantity: '1', hour: 7, day: "DATE '2024-01-07'" }

async function setTrades(trades: readonly (Trade & Partial<typeof NO_COLUMNS>)[]): Promise<void> {
  const values = trades.map((trade, i) => {
    const { exchange, symbol, second, price, quantity, hour, day } = { ...NO_COLUMNS, ...trade }
    return `('${i}', '${exchange}', '${symbol}', ${second * SECOND_US}, ${price}::DECIMAL(28,10),
      ${quantity}::DECIMAL(28,10), ${hour}, ${day})`
  })
  const names = 'trade_id, exchange, symbol, "timestamp", price, quantity, exchange_hour, exchange_date'
  await session.createTable(GOLD_TABLE.name, `FROM (VALUES ${values.join()}) t(${names})`)
}

async function setRows(rows: readonly Row[]): Promise<void> {
  const values = rows.map(({ exchange, symbol, from, to }, i) => {
    const end = to === null ? 'NULL::TIMESTAMPTZ' : `make_timestamptz(${to * SECOND_US})`
    return `('${exchange}', '${symbol}', 'B', 'Q', 0.01, 0.1, '${i}', make_timestamptz(${from * SECOND_US}), ${end})`
  })
  const names = REF_SYMBOLS_TABLE.columns.map(({ name }) => name).join()
  const none = `('', '', '', '', 0.0, 0.0, '', make_timestamptz(0), NULL::TIMESTAMPTZ)`
  await session.createTable(
    REF_SYMBOLS_TABLE.name,
    `FROM (VALUES ${[...values, none].join()}) t(${names}) WHERE exchange <> ''`,
  )
}

const exchange = fc.constantFrom('X', 'Y')
const symbol = fc.constantFrom('A', 'B')
const second = fc.integer({ min: 0, max: 9 })
const tradeLists = fc.array(fc.record({ exchange, symbol, second }), { minLength: 1, maxLength: 12 })
const rowLists = fc.array(fc.record({ exchange, symbol, from: second, to: fc.option(second) }), { maxLength: 8 })

const isTrueAt = (row: Row, trade: Trade): boolean =>
  row.exchange === trade.exchange &&
  row.symbol === trade.symbol &&
  row.from <= trade.second &&
  (row.to === null || trade.second < row.to)

/** The rows less those that are true for no time, or while one before them is. */
function withoutOverlaps(rows: readonly Row[]): Row[] {
  const kept: Row[] = []
  for (const row of rows) {
    const isFree = Array.from({ length: 10 }, (_, at) => ({ ...row, second: at })).every(
      (moment) => !isTrueAt(row, moment) || !kept.some((one) => isTrueAt(one, moment)),
    )
    if (isFree && (row.to === null || row.from < row.to)) kept.push(row)
  }
  return kept
}

describe('gold_trades_enriched', () => {
  it('G1: has every trade once, with the row that is true at its time: from its first moment, not at its last', async () => {
    await fc.assert(
      fc.asyncProperty(tradeLists, rowLists.map(withoutOverlaps), async (trades, rows) => {
        await setTrades(trades)
        await setRows(rows)
        const found = await session.rows(
          `SELECT trade_id, tier, ref_missing FROM (${select}) ORDER BY trade_id::INTEGER`,
        )
        const expected = trades.map((trade, i) => {
          const at = rows.findIndex((row) => isTrueAt(row, trade))
          return { trade_id: String(i), tier: at < 0 ? null : String(at), ref_missing: at < 0 }
        })
        expect(found).toEqual(expected)
      }),
      { numRuns: 25 },
    )
  })

  it('G1: has every trade once whatever another engine has written to the reference table', async () => {
    await fc.assert(
      fc.asyncProperty(tradeLists, rowLists, async (trades, rows) => {
        await setTrades(trades)
        await setRows(rows)
        const found = await session.rows(`SELECT trade_id FROM (${select}) ORDER BY trade_id::INTEGER`)
        expect(found).toEqual(trades.map((_, i) => ({ trade_id: String(i) })))
      }),
      { numRuns: 15 },
    )
  })

  it('S3: tells the size of a trade exactly, or null where no column holds it, with hour and ISO weekday', async () => {
    const trade = { exchange: 'X', symbol: 'A', second: 1 }
    await setTrades([
      { ...trade, price: '99.9999999999', quantity: '1' },
      { ...trade, price: '100', quantity: '1', day: "DATE '2024-01-01'", hour: 0 },
      { ...trade, price: '999.9999999999', quantity: '1' },
      { ...trade, price: '0.0000000001', quantity: '0.0000000001' },
      { ...trade, price: '1000', quantity: '1' },
      { ...trade, price: '99999999999.5', quantity: '99999999.5' },
    ])
    await setRows([])
    const found = await session.rows(
      `SELECT notional, amount_category, event_hour, event_weekday, ref_missing FROM (${select}) ORDER BY trade_id`,
    )
    expect(found.map((row) => Object.values(row))).toEqual([
      ['99.99999999990000000000', 'small', 7, 7, true],
      ['100.00000000000000000000', 'medium', 0, 1, true],
      ['999.99999999990000000000', 'medium', 7, 7, true],
      ['0.00000000000000000001', 'small', 7, 7, true],
      ['1000.00000000000000000000', 'large', 7, 7, true],
      [null, 'large', 7, 7, true],
    ])
  })
})
