import { readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { assay, here, json, KRAKEN_BTC, rowsOf, type TablesJson, temporaryFolder, withoutProgress } from './assay.js'

const folder = temporaryFolder()
const LANE = 'market.crypto.trades.kraken.raw/0'
let lake: string[]

beforeAll(async () => {
  lake = ['--lake', folder.path('lake')]
  await json(['load', KRAKEN_BTC, '--exchange', 'kraken', ...lake])
  await json(['up', '--drain', ...lake])
}, 60_000)

async function filesOf(table: string): Promise<string[]> {
  const data = join(folder.path('lake'), 'tables/market_data', table, 'data')
  const entries = await readdir(data, { recursive: true, withFileTypes: true })
  return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name))
}

describe('trace', () => {
  test('A5: shows a record in every layer with its bytes, for people and as JSON', async () => {
    const text = await here(['trace', `${LANE}/7`, ...lake])
    expect([text.code, withoutProgress(text.stderr)]).toEqual([0, ''])
    for (const part of ['bronze_kraken_trades', 'record, schema id 1', 'silver_kraken_trades', 'gold_crypto_trades']) {
      expect(text.stdout.toString()).toContain(part)
    }
    const { found } = await json<{ found: { silver: { message_id: string; trade_id: string }[] }[] }>([
      'trace',
      `${LANE}/7`,
      ...lake,
    ])
    const { message_id = '', trade_id = '' } = found[0]?.silver[0] ?? {}
    for (const id of [message_id, trade_id]) expect(await json(['trace', id, ...lake])).toMatchObject({ found })
  })

  test('ends with 1 and says where it looked for what is not there', async () => {
    const { code, stdout, stderr } = await here(['trace', 'KRAKEN-XBT/USDT-1', ...lake])
    expect([code, stdout.length]).toEqual([1, 0])
    expect(stderr).toMatch(/looked in\n {2}gold_crypto_trades: 0 of \d+ files/)
    expect((await here(['trace', '00000000-0000-4000-8000-000000000000', ...lake])).code).toBe(2)
  })
})

describe('rebuild', () => {
  test('A3: makes the same rows in a new folder and says so; refuses one that is in use', async () => {
    const into = ['--into', folder.path('again')]
    const report = await json(['rebuild', ...into, '--compare', '--batch-rows', '300', ...lake])
    expect(report).toMatchObject({ finished: true, is_same: true })
    const { silver_kraken_trades, gold_crypto_trades } = rowsOf(
      await json<TablesJson>(['tables', '--lake', folder.path('again')]),
    )
    expect([silver_kraken_trades, gold_crypto_trades]).toEqual([1000, 1000])
    const again = await here(['rebuild', ...into, ...lake])
    expect([again.code, again.stderr]).toEqual([2, expect.stringContaining('is not empty')])
  }, 60_000)
})

describe('verify', () => {
  test('ends with 0 where all holds, and with 1 and the name of a file that is gone', async () => {
    const good = await here(['verify', '--from-log', ...lake])
    expect([good.code, withoutProgress(good.stderr)]).toEqual([0, ''])
    expect(good.stdout.toString()).toMatch(/ok {6}B1 {4}.*in log 1,000, in bronze 1,000\)[\s\S]* all hold\n$/)
    const [file = ''] = await filesOf('gold_crypto_trades')
    await rm(file)
    const bad = await assay(['verify', '--json', ...lake])
    expect(bad.code).toBe(1)
    const { is_ok, checks } = JSON.parse(bad.stdout.toString()) as { is_ok: boolean; checks: { found: string[] }[] }
    expect(is_ok).toBe(false)
    expect(checks.flatMap(({ found }) => found).some((text) => text.endsWith('.parquet is missing'))).toBe(true)
    const told = await here(['verify', ...lake])
    expect([told.code, told.stdout.toString()]).toEqual([1, expect.stringMatching(/FAILED +files.*: \d+ FAILED\n$/s)])
  }, 60_000)
})
