import { verifyLake } from '@assay/audit'
import { CANDLES_TABLE, REVISIONS_TABLE } from '@assay/candles'
import { GOLD_TABLE } from '@assay/medallion'
import type { TableDefinition } from '@assay/pipeline'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { altered, type Change, doubled, fileOf, rewriteFile, without } from '../support/damage.js'
import { drain } from '../support/drain.js'
import { binance, copiedLake, type MemoryLake, memoryLake } from '../support/memory-lake.js'
import { binanceRecord, produce, produceSimulated, registerSchema, START_MS } from '../support/records.js'

const NEVER = new AbortController().signal

async function checked(lake: MemoryLake) {
  const { checks } = await verifyLake(lake, { fromLog: false, signal: NEVER, onCheck: () => undefined })
  return checks
}

async function failures(lake: MemoryLake): Promise<string[]> {
  return (await checked(lake))
    .filter(({ outcome }) => outcome === 'failed')
    .map(({ promise, subject, found }) => `${promise} ${subject}: ${found.join('; ')}`)
}

/** Two minutes of trades; a candle of each size that was revised twice, and one whose sums have more than 38 digits. */
async function revisedLake(): Promise<MemoryLake> {
  const lake = memoryLake()
  const id = await registerSchema(lake, binance)
  const trade = (trade_id: number, at_s: number, price = '100.5', quantity = '1') =>
    binanceRecord(binance, id, { trade_id, price, quantity, time: START_MS + at_s * 1000 })
  await produce(lake, binance, [trade(1, 1), trade(2, 30, '105'), trade(4, 30, '106.3', '0.7'), trade(6, 70)])
  await drain(lake)
  for (const [trade_id, at_s] of [
    [7, 20],
    [8, 21],
  ] as const) {
    await produce(lake, binance, [trade(trade_id, at_s, '90')])
    await drain(lake)
  }
  const large = ['99999999999.5', '99999999.5'] as const
  await produce(lake, binance, [trade(9, 200, ...large), trade(10, 201, ...large), trade(11, 300)])
  await drain(lake)
  return lake
}

const MEASURES = ['open', 'high', 'low', 'close', 'volume', 'quote_volume', 'vwap', 'trades', 'buy_trades']

function another(name: string): string {
  return `CASE WHEN window_size = '1m' AND revision = 3 THEN "${name}" + 1 ELSE "${name}" END AS "${name}"`
}

let whole: MemoryLake

beforeAll(async () => {
  whole = await revisedLake()
}, 60_000)

afterAll(() => whole.close())

describe('verify of candles', () => {
  it('W1 W2: holds for revised candles and for sums that no column can hold', async () => {
    expect(await failures(whole)).toEqual([])
    const own = (await checked(whole)).filter(({ promise }) => promise.startsWith('W'))
    expect(own.map(({ promise, subject, outcome }) => [promise, subject, outcome])).toEqual([
      ['W1', 'gold_candles', 'ok'],
      ['W2', 'gold_candles', 'ok'],
      ['W1', 'gold_candle_revisions', 'ok'],
    ])
    expect(own[0]?.numbers).toMatchObject({ of_gold: own[0]?.numbers.candles })
    expect(own[2]?.numbers.revisions).toBeGreaterThanOrEqual(2n)
  })

  it('W1 W2: holds for simulated trades in several batches', async () => {
    const lake = memoryLake()
    await produceSimulated(lake, binance, { count: 300, duplicates: 0.1, invalid: 0.05, late: 0.1, rate: 2 }, 2)
    await drain(lake, { limits: { maxRows: 50 } })
    expect(await failures(lake)).toEqual([])
    await lake.close()
  })

  const first = `window_size = '1m' AND revision = 3`
  const cases: readonly (readonly [string, TableDefinition, Change, RegExp])[] = [
    [
      'W1: every measure that is another',
      CANDLES_TABLE,
      (columns) => `SELECT ${columns} FROM (SELECT * REPLACE (${MEASURES.map(another).join(', ')}) FROM rows)`,
      new RegExp(
        `W1 gold_candles: BINANCE/BTCUSDT/USDT 1m .*: ${MEASURES.map((name) => `${name} is .*, not `).join('.*')}`,
      ),
    ],
    ['W1: a measure that is missing', CANDLES_TABLE, altered('volume', 'NULL', first), /W1 .*volume is NULL, not/],
    ['W1: a lost candle', CANDLES_TABLE, without(first), /W1 .*closed and has 5 trades in gold, but no candle.*W2/s],
    ['W2: a candle that is there twice', CANDLES_TABLE, doubled(first), /W2 gold_candles: .*is there 2 times/],
    ['W1: no revision', CANDLES_TABLE, altered('revision', '0', first), /W1 .*has revision 0/],
    [
      'W1: a candle of an open window',
      CANDLES_TABLE,
      altered('window_start', "window_start + INTERVAL '12 hours'", first),
      /W1 .*has a candle, but is open, or has no trade/,
    ],
    ['W1: a lost trade of gold', GOLD_TABLE, without('source_sequence = 7'), /W1 gold_candles.*trades is 5, not 4/s],
    [
      'W1: a lost revision',
      REVISIONS_TABLE,
      without(`window_size = '1m' AND revision = 2`),
      /W1 gold_candle_revisions: .*revision 3, but 1 changes/,
    ],
    [
      'W1: a revision that begins elsewhere',
      REVISIONS_TABLE,
      altered('old_low', 'old_low + 1', `window_size = '1m' AND revision = 3`),
      /W1 gold_candle_revisions: .*change 3 does not begin with what change 2 made/,
    ],
    [
      'W1: a revision that ends elsewhere',
      REVISIONS_TABLE,
      altered('new_low', 'new_low + 1', `window_size = '1m' AND revision = 3`),
      /W1 gold_candle_revisions: .*change 3 made another candle/,
    ],
  ]

  it.each(cases)('%s', async (_name, table, change, message) => {
    const lake = await copiedLake(whole)
    const { files } = await fileOf(lake, table)
    for (let nth = 0; nth < files; nth++) await rewriteFile(lake, table, change)
    expect((await failures(lake)).join('\n')).toMatch(message)
    await lake.close()
  })

  it('W1: skips a lake that has no candles yet', async () => {
    const lake = memoryLake()
    await produceSimulated(lake, binance, { count: 20 })
    await drain(lake, { layers: ['bronze', 'silver', 'gold'] })
    const own = (await checked(lake)).filter(({ promise }) => promise.startsWith('W'))
    expect(own.map(({ outcome, note }) => [outcome, note])).toEqual(
      Array.from({ length: 3 }, () => ['skipped', 'the lake has no candles yet']),
    )
    await lake.close()
  })
})
