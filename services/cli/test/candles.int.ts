import { beforeAll, expect, test } from 'vitest'
import { BINANCE_BTC, here, json, temporaryFolder } from './assay.js'

interface CandlesJson {
  readonly candles: readonly Record<string, unknown>[]
  readonly watermarks: Readonly<Record<string, string>>
}

const folder = temporaryFolder()
let at: readonly string[] = []

beforeAll(async () => {
  at = ['--lake', folder.path('lake')]
  expect((await here(['load', BINANCE_BTC, '--exchange', 'binance', ...at])).code).toBe(0)
})

test('candles: says that there are none before a window was closed, then shows what is; unknown symbols end with 1 and the nearest', async () => {
  const none = await here(['candles', ...at])
  expect([none.code, none.stdout.toString()]).toEqual([0, expect.stringContaining('No candle has been written yet')])
  expect((await here(['up', '--drain', ...at])).code).toBe(0)

  const { candles, watermarks } = await json<CandlesJson>(['candles', '--size', '1m', ...at])
  expect(candles).toMatchObject([
    { exchange: 'BINANCE', symbol: 'BTCUSDT', currency: 'USDT', trades: 2001, revision: 1 },
  ])
  expect(watermarks).toEqual({ BINANCE: '2021-01-08T00:01:00.000000Z' })

  const text = (await here(['candles', '--exchange', 'binance', '--symbol', 'btcusdt', ...at])).stdout.toString()
  expect(text).toMatch(/2021-01-08T00:00Z .* 2,001 /)
  const open = await here(['candles', '--size', '5m', ...at])
  expect([open.code, open.stdout.toString()]).toEqual([
    0,
    'No candle of 5m here.\nBINANCE: windows are closed up to 2021-01-08T00:01:00Z\n',
  ])
  const unknown = await here(['candles', '--symbol', 'BTCUSD', ...at])
  expect([unknown.code, unknown.stdout.length, unknown.stderr]).toEqual([
    1,
    0,
    'No candle of BTCUSD (Did you mean BTCUSDT?)\n',
  ])
})

test('candles reconcile: says what it looked at and changed, and that it has no other options of candles', async () => {
  const counts = { looked: 1, revised: 0, added: 0, removed: 0, finished: true }
  expect(await json(['candles', 'reconcile', ...at])).toEqual(counts)
  const text = await here(['candles', 'reconcile', '--from', '2021-01-08', '--to', '2021-01-08', ...at])
  expect([text.code, text.stdout.toString()]).toEqual([0, '1 candles looked at: 0 revised, 0 added, 0 removed\n'])
  expect(await json(['candles', 'reconcile', '--to', '2021-01-07', ...at])).toEqual({ ...counts, looked: 0 })
  const wrong = await here(['candles', 'reconcile', '--size', '5m', '--from', 'monday', ...at])
  expect([wrong.code, wrong.stderr]).toEqual([
    2,
    expect.stringMatching(/--size is an option of "assay candles".*"monday" is neither/s),
  ])
})

test('candles --follow: shows each candle once, as it is, until it is stopped', async () => {
  const stop = new AbortController()
  const following = here(['candles', '--follow', '--json', ...at], {}, stop.signal)
  setTimeout(() => stop.abort(), 4_500)
  const { code, stdout } = await following
  const lines = stdout.toString().trimEnd().split('\n')
  expect([code, lines.map((line) => (JSON.parse(line) as { trades: number }).trades)]).toEqual([0, [2001]])
})
