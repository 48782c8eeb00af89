import { readFileSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { beforeAll, expect, test } from 'vitest'
import { assay, BINANCE_BTC, here, json, rowsOf, type TablesJson, temporaryFolder } from './assay.js'

const SYMBOLS = fileURLToPath(new URL('../../../examples/reference/symbols.csv', import.meta.url))
const ENRICHED = `SELECT count(*)::INTEGER AS trades, count(*) FILTER (ref_missing)::INTEGER AS missing, any_value(base) AS base
  FROM gold_trades_enriched`

const folder = temporaryFolder()
let at: readonly string[] = []

beforeAll(async () => {
  at = ['--lake', folder.path('lake')]
  for (const args of [
    ['load', BINANCE_BTC, '--exchange', 'binance'],
    ['up', '--drain'],
  ]) {
    expect((await here([...args, ...at])).code).toBe(0)
  }
})

const rows = async (): Promise<number | undefined> => rowsOf(await json<TablesJson>(['tables', ...at])).ref_symbols

test('reference load: the view has every trade without the table, with an old one, and with the file that was loaded', async () => {
  const trades = 2_001
  expect(await json(['sql', ENRICHED, ...at])).toEqual([{ trades, missing: trades, base: null }])

  const dry = await here(['reference', 'load', SYMBOLS, '--dry-run', ...at])
  expect([dry.code, dry.stdout.toString()]).toEqual([
    0,
    '5 rows: 5 added, 0 ended, 0 changed, 0 removed, 0 unchanged\n' +
      'gold has no trade yet of BINANCE/ETHUSDT, KRAKEN/BTCUSDT, KRAKEN/ETHUSDT\ndry run: nothing was written\n',
  ])
  expect(await rows()).toBe(0)

  const loaded = await assay(['reference', 'load', '-', '--json', ...at], readFileSync(SYMBOLS))
  expect(JSON.parse(loaded.stdout.toString())).toEqual({
    ...{ rows: 5, added: 5, ended: 0, changed: 0, removed: 0, unchanged: 0, dry_run: false },
    not_in_gold: ['BINANCE/ETHUSDT', 'KRAKEN/BTCUSDT', 'KRAKEN/ETHUSDT'],
    not_in_gold_total: 3,
  })
  expect(await rows()).toBe(5)
  expect(await json(['sql', ENRICHED, ...at])).toEqual([{ trades, missing: 0, base: 'BTC' }])
  expect((await here(['verify', ...at])).code).toBe(0)
})

test('reference load: a file with a mistake, or none at all, ends with 2 and changes nothing', async () => {
  const wrong = folder.path('wrong.csv')
  await writeFile(wrong, readFileSync(SYMBOLS, 'utf8').replace('0.0001', '-1').replace('2022-09-13', '2016-09-13'))
  const before = await rows()
  const { code, stdout, stderr } = await here(['reference', 'load', wrong, ...at])
  expect([code, stdout.length]).toEqual([2, 0])
  expect(stderr).toContain('bad_reference_file')
  expect(stderr).toContain('line 2: valid_to "2016-09-13T06:00:00Z": expected a time behind valid_from')
  expect(stderr).toContain('line 4: lot_size "-1": expected a number above 0')
  const none = await here(['reference', 'load', folder.path('missing.csv'), ...at])
  expect([none.code, none.stderr]).toEqual([2, expect.stringContaining('there is no such file [file_unreadable]')])
  expect(await rows()).toBe(before)
})
