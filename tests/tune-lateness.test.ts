import { silverTable } from '@assay/medallion'
import { runReplay, tuneLateness } from '@assay/operations'
import { describe, expect, it } from 'vitest'
import { misjudgedLake, NEVER, produceBinance, REPLAY } from './support/dead-letters.js'
import { drain } from './support/drain.js'
import { START_MS } from './support/records.js'
import { query } from './support/tables.js'

/** Each second a trade, of which every third is 20 s late and every fourth is rejected at first. */
const trades = (from: number, count: number) =>
  Array.from({ length: count }, (_, k) => {
    const i = from + k
    return { trade_id: i + 1, price: i % 4 === 0 ? '500' : '50', time: START_MS + 1000 * (i % 3 === 0 ? i - 20 : i) }
  })
const SILVER = silverTable('binance').name
const HALF = { part: 1n, of: 2n }

describe('lateness of a lake', () => {
  it('is that of rows that came since the time, whatever their own is, but for those that a replay brought', async () => {
    const lake = await misjudgedLake(trades(0, 12))
    await runReplay(lake, REPLAY, NEVER)
    lake.clock.advance(60_000)
    const since_ms = lake.clock.now_ms()
    const before = await query(lake, `SELECT * FROM ${SILVER}`)
    expect(before.filter(({ replay_id }) => replay_id !== null)).toHaveLength(3)
    await produceBinance(lake, trades(12, 24))
    await drain(lake)
    const rows = await query(lake, `SELECT lateness_ms FROM ${SILVER} ORDER BY "offset" DESC LIMIT 24`)
    const lateness = rows.map(({ lateness_ms }) => Number(lateness_ms)).sort((a, b) => a - b)
    const counts = { rows: 24, p50_ms: lateness[11], max_ms: lateness[23] }
    expect(await tuneLateness(lake, since_ms, HALF, NEVER)).toMatchObject([{ exchange: 'binance', counts }])
    expect(lateness[23]).toBeGreaterThan(10_000)
    const [all] = await tuneLateness(lake, 0, HALF, NEVER)
    expect(all?.counts?.rows).toBe(before.length - 3 + 24)
    expect(await tuneLateness(lake, since_ms + 1000, HALF, NEVER)).toEqual([
      { exchange: 'binance', counts: undefined, newest_ms: since_ms },
    ])
    await lake.close()
  })
})
