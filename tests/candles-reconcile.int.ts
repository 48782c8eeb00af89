import { verifyLake } from '@assay/audit'
import { CANDLES_TABLE, readCandleState } from '@assay/candles'
import { GOLD_TABLE } from '@assay/medallion'
import { runReconcile } from '@assay/operations'
import { commitBatch } from '@assay/pipeline'
import { describe, expect, it } from 'vitest'
import { candleRows, expectedCandles } from './support/candles.js'
import { altered, type Change, fileOf, rewriteFile, without } from './support/damage.js'
import { drain } from './support/drain.js'
import { binance, type MemoryLake, memoryLake } from './support/memory-lake.js'
import { binanceRecord, produce, registerSchema, START_MS } from './support/records.js'
import { digests, query } from './support/tables.js'
import { candlesWorker, oneBatch } from './support/workers.js'

const NEVER = new AbortController().signal
const DAY_S = 86_400

/** Trades by their number, at so many seconds since the start. */
async function trade(lake: MemoryLake, ...trades: readonly (readonly [id: number, at_s: number])[]): Promise<void> {
  const id = await registerSchema(lake, binance)
  await produce(
    lake,
    binance,
    trades.map(([trade_id, at_s]) => binanceRecord(binance, id, { trade_id, time: START_MS + at_s * 1000 })),
  )
}

async function changeGold(lake: MemoryLake, change: Change): Promise<void> {
  const { files } = await fileOf(lake, GOLD_TABLE)
  for (let nth = 0; nth < files; nth++) await rewriteFile(lake, GOLD_TABLE, change)
}

/** The checks of candles that fail. */
async function failures(lake: MemoryLake): Promise<string[]> {
  const { checks } = await verifyLake(lake, { fromLog: false, signal: NEVER, onCheck: () => undefined })
  return checks
    .filter(({ promise, outcome }) => promise.startsWith('W') && outcome === 'failed')
    .map(({ promise, subject, note }) => `${promise} ${subject}: ${note ?? ''}`)
}

const reconcile = (lake: MemoryLake, days = {}) => runReconcile(lake, { days }, NEVER)
const COUNTS = `SELECT window_size AS size, epoch_us(window_start) // 60000000 - ${START_MS / 60_000} AS minute, trades, revision
  FROM gold_candles WHERE window_size = '1m' ORDER BY ALL`

describe('candles after another engine has changed gold', () => {
  it('W1 W2: are reconciled: revised with their cause, removed where no trade is left, and once', async () => {
    const lake = memoryLake()
    await trade(lake, [1, 1], [2, 2], [3, 70], [4, 130], [5, DAY_S + 1], [6, DAY_S + 90])
    await drain(lake)
    await trade(lake, [8, 3])
    await drain(lake)
    expect(await reconcile(lake)).toMatchObject({ looked: 7, revised: 0, added: 0, removed: 0, finished: true })
    // The second trade, all of the second minute, and another price in the next day.
    await changeGold(lake, without('source_sequence IN (2, 3)'))
    await changeGold(lake, altered('price', 'price + 7', 'source_sequence = 6'))
    expect(await failures(lake)).toEqual([
      expect.stringMatching(/^W1 gold_candles: .*assay candles reconcile/),
      expect.stringMatching(/^W2 gold_candles/),
    ])
    // Of the first day: its minute, the hour and the day that are revised, and a minute without a trade.
    const first = Math.floor(START_MS / DAY_S / 1000)
    expect(await reconcile(lake, { to: first })).toMatchObject({ looked: 5, revised: 3, added: 0, removed: 1 })
    expect(await reconcile(lake, { from: first + 1 })).toMatchObject({ looked: 2, revised: 1, added: 0, removed: 0 })
    expect(await failures(lake)).toEqual([])
    expect(await candleRows(lake)).toEqual(await expectedCandles(lake))
    const rows = await query(lake, COUNTS)
    expect(rows.slice(0, 2)).toEqual([
      { size: '1m', minute: 0n, trades: 2n, revision: 3 },
      { size: '1m', minute: 2n, trades: 1n, revision: 1 },
    ])
    const ledger = `SELECT window_size AS size, revision, old_trades, new_trades, new_open IS NULL AS is_gone, trades_added, cause_topic
      FROM gold_candle_revisions WHERE cause = 'reconcile' ORDER BY window_start, size LIMIT 4`
    const line = { revision: 3, old_trades: 5n, new_trades: 3n, is_gone: false, trades_added: -2n, cause_topic: null }
    expect(await query(lake, ledger)).toEqual([
      { size: '1d', ...line },
      { size: '1h', ...line },
      { size: '1m', ...line, old_trades: 3n, new_trades: 2n, trades_added: -1n },
      { size: '1m', ...line, revision: 2, old_trades: 1n, new_trades: 0n, is_gone: true, trades_added: -1n },
    ])
    const before = await digests(lake, (name) => name.startsWith('gold_candle'))
    expect(await reconcile(lake)).toMatchObject({ looked: 6, revised: 0, added: 0, removed: 0 })
    expect(await digests(lake, (name) => name.startsWith('gold_candle'))).toEqual(before)
    // Trades of the minute that was removed come again: it has a candle, and verify holds.
    await trade(lake, [30, 75])
    await drain(lake)
    expect(await candleRows(lake)).toEqual(await expectedCandles(lake))
    expect(await failures(lake)).toEqual([])
    await lake.close()
  })

  it('W1: a candle that was lost comes again', async () => {
    const lake = memoryLake()
    await trade(lake, [1, 1], [2, 65], [3, 130])
    await drain(lake)
    await rewriteFile(lake, CANDLES_TABLE, without(`window_size = '1m'`))
    expect(await reconcile(lake)).toMatchObject({ revised: 0, added: 3, removed: 0 })
    expect(await candleRows(lake)).toEqual(await expectedCandles(lake))
    await lake.close()
  })

  it('T21: a worker that has decided on what was before is refused, and derives again', async () => {
    const lake = memoryLake()
    const candles = await candlesWorker(lake)
    await trade(lake, [1, 1], [2, 2], [3, 70], [4, 71])
    await drain(lake, { layers: ['bronze', 'silver', 'gold'] })
    await oneBatch(candles)
    await trade(lake, [5, 135], [6, 136])
    await drain(lake, { layers: ['bronze', 'silver', 'gold'] })
    const before = (await candles.main.pin()).checkpoint
    // What it remembers has the trade that is gone.
    await changeGold(lake, without('source_sequence = 3'))
    const decided = await candles.stage.run(before, NEVER)
    if (decided.kind !== 'batch') throw new Error('no window has closed')
    expect(await reconcile(lake)).toMatchObject({ looked: 1, revised: 0 })
    expect(readCandleState((await candles.main.pin()).checkpoint).generation).toBe(1)
    expect(await commitBatch(candles.main, candles.sides, decided)).toMatchObject({ kind: 'refused' })
    candles.stage.forget()
    await oneBatch(candles)
    expect(await candleRows(lake)).toEqual(await expectedCandles(lake))
    await lake.close()
  })
})
