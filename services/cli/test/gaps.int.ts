import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { here, json, KRAKEN_BTC, rowsOf, type TablesJson, temporaryFolder } from './assay.js'

const folder = temporaryFolder()
const TOPIC = 'market.crypto.trades.kraken.raw'

interface GapsJson {
  readonly ledger: readonly Record<string, unknown>[]
  readonly stopped: readonly { readonly next_step: string }[]
}

describe('a topic that was deleted and made again', () => {
  test("B3: its lane stops until an operator's word, and goes on as a lane of its own", async () => {
    const directory = folder.path('lake')
    const lake = ['--lake', directory]
    const load = ['load', KRAKEN_BTC, '--exchange', 'kraken', ...lake]
    await json(load)
    await json(['up', '--drain', ...lake])
    await rm(join(directory, 'log', TOPIC), { recursive: true })
    await json(load)

    const stopped = await here(['up', '--drain', ...lake])
    expect(stopped.code).toBe(1)
    expect(stopped.stderr).toContain(`assay gaps accept ${TOPIC}/0 --to 0`)
    const status = await here(['status', ...lake])
    expect(status.code).toBe(1)
    expect(status.stdout.toString()).toContain('topic recreated')
    expect(status.stdout.toString()).toContain('1,000')

    const refused = await here(['gaps', 'accept', `${TOPIC}/1`, '--to', '0', '--note', 'why', ...lake])
    expect([refused.code, refused.stdout.length]).toEqual([2, 0])
    const accepted = await json(['gaps', 'accept', `${TOPIC}/0`, '--to', '0', '--note', 'made anew', ...lake])
    expect(accepted).toMatchObject({ lane: `${TOPIC}@2/0` })

    const rows = rowsOf(await json<TablesJson>(['up', '--drain', ...lake]))
    expect(rows).toMatchObject({ bronze_kraken_trades: 2000, silver_kraken_trades: 2000, gold_crypto_trades: 1000 })
    const { ledger, stopped: still } = await json<GapsJson>(['gaps', ...lake])
    expect(still).toEqual([])
    expect(ledger).toContainEqual(expect.objectContaining({ topic: TOPIC, partition: 0, note: 'made anew' }))
    expect((await here(['status', ...lake])).code).toBe(0)
  }, 60_000)
})
