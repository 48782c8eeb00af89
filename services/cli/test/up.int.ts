import { access, appendFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test, vi } from 'vitest'
import { assay, json, KRAKEN_BTC, start, temporaryFolder } from './assay.js'

const folder = temporaryFolder()

describe('up', () => {
  test('T8: a worker that cannot go on ends it with 1, and says why and what to do', async () => {
    const lake = folder.path('replaced')
    await json(['load', KRAKEN_BTC, '--exchange', 'kraken', '--lake', lake])
    await json(['up', '--drain', '--lake', lake])
    await rm(join(lake, 'tables/market_data/bronze_kraken_trades'), { recursive: true })
    const { code, stdout, stderr } = await assay(['up', '--drain', '--json', '--lake', lake])
    expect([code, stdout.length]).toEqual([1, 0])
    expect(stderr).toContain('"code":"upstream_replaced"')
    expect(stderr).toContain('--adopt')
  }, 60_000)

  test('A7: feeds an empty lake, shows a line for each layer, and ends with 0 on the first signal', async () => {
    const lake = folder.path('fed')
    // As `npm start` starts it.
    const running = start(['up', '--lake', lake], { npm_command: 'start' })
    await running.shows(`lake ${lake}`)
    await running.shows('recorded trades are in the log')
    await running.shows('simulated trades begin')
    await running.shows('dlq ')
    running.process.kill('SIGTERM')
    const { code, stdout } = await running.ended
    expect(code).toBe(0)
    // What is to be typed next can be typed where npm has started it.
    expect(stdout.toString()).toContain(`\n  npx assay sql "FROM gold_crypto_trades LIMIT 5" --lake ${lake}\n`)
    expect(stdout.toString()).toContain(`"npx assay verify --lake ${lake}" proves`)
    for (const layer of ['bronze', 'silver', 'gold', 'dlq']) {
      expect(stdout.toString()).toMatch(new RegExp(`^${layer} +[\\d,]+ rows +[\\d,]+ rows/s`, 'm'))
    }
    expect(stdout.toString()).toMatch(/^bronze .* lag [\d,]+ rows/m)
    const loose = `SELECT count(*) AS n FROM silver_binance_trades ANTI JOIN bronze_binance_trades USING (topic, "partition", "offset")`
    expect(await json(['sql', loose, '--lake', lake])).toEqual([{ n: '0' }])
  }, 60_000)

  test('what the log warns of comes as a line of the log, above those that are redrawn', async () => {
    const lake = folder.path('torn')
    await json(['load', KRAKEN_BTC, '--exchange', 'kraken', '--lake', lake])
    await appendFile(join(lake, 'log/market.crypto.trades.kraken.raw/0/00000000000000000000.segment'), 'half a batch')
    const running = start(['up', '--feed', 'simulated', '--lake', lake])
    await running.shows('12 bytes that were never acknowledged were cut off')
    running.process.kill('SIGTERM')
    expect((await running.ended).stderr).toMatch(/^\[[\d:]+\] WARN: 12 bytes/m)
  }, 60_000)

  test('A7: ends at once on the second signal', async () => {
    const running = start(['up', '--lake', folder.path('killed')])
    await running.shows('lake ')
    running.process.kill('SIGTERM')
    running.process.kill('SIGINT')
    await running.ended
    expect(running.process.signalCode).toMatch(/^SIG(INT|TERM)$/)
  }, 60_000)

  test('A7: a load from a silent standard input ends on a signal, and says that it is not complete', async () => {
    const running = start(['load', '-', '--exchange', 'binance', '--lake', folder.path('silent')])
    // The topic is made when the lake is open.
    const topic = join(folder.path('silent'), 'log/market.crypto.trades.binance.raw')
    await vi.waitFor(() => access(topic), { timeout: 30_000 })
    running.process.kill('SIGTERM')
    const { code, stdout } = await running.ended
    expect(code).toBe(1)
    expect(stdout.toString()).toContain('stopped before the end')
  }, 60_000)
})
