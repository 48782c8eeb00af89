import { readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { here, json, KRAKEN_BTC, rowsOf, type TablesJson, temporaryFolder } from './assay.js'

const folder = temporaryFolder()
const TOPIC = 'market.crypto.trades.kraken.raw'

interface VerifyJson {
  readonly checks: readonly { readonly promise: string; readonly outcome: string; readonly found: readonly string[] }[]
}
interface GapsJson {
  readonly ledger: readonly Record<string, unknown>[]
}

describe('a log whose last acknowledged batch is damaged', () => {
  /** A lake whose log has records in one lane at least, and the segment with the damage in its last batch. */
  async function loaded(name: string): Promise<{ lake: string[]; segment: string; lane: string }> {
    const directory = folder.path(name)
    const lake = ['--lake', directory]
    await json(['load', KRAKEN_BTC, '--exchange', 'kraken', ...lake])
    for (let partition = 0; ; partition++) {
      const segment = join(directory, 'log', TOPIC, String(partition), '00000000000000000000.segment')
      try {
        readFileSync(segment)
        return { lake, segment, lane: `${TOPIC}/${partition}` }
      } catch {
        if (partition > 16) throw new Error('nothing was loaded')
      }
    }
  }

  test.each([
    [
      'flipped',
      (file: string): void => {
        const bytes = readFileSync(file)
        bytes[bytes.length - 40] = (bytes[bytes.length - 40] ?? 0) ^ 4
        writeFileSync(file, bytes)
      },
    ],
    ['short', (file: string): void => truncateSync(file, readFileSync(file).length - 1)],
    ['missing', (file: string): void => rmSync(file)],
  ])(
    'B5 T24: %s, before bronze read it: the lane stops, producers refuse, verify fails, a word goes past it',
    async (how, damage) => {
      const { lake, segment, lane } = await loaded(how)
      damage(segment)
      const load = ['load', KRAKEN_BTC, '--exchange', 'kraken', ...lake]
      const refused = await here(load)
      expect(refused.code).not.toBe(0)
      expect(refused.stderr).toContain('log_corrupt')
      expect(refused.stderr).toContain(`assay gaps accept ${lane} --to 1000`)
      const stopped = await here(['up', '--drain', ...lake])
      expect(stopped.code).toBe(1)
      expect(stopped.stderr).toContain('log damaged')
      expect(stopped.stderr).toContain(`assay gaps accept ${lane} --to 1000`)
      expect((await here(['status', ...lake])).code).toBe(1)
      const verified = await here(['verify', '--from-log', '--json', ...lake])
      expect(verified.code).toBe(1)
      const { checks } = JSON.parse(verified.stdout.toString()) as VerifyJson
      const failed = checks.filter(({ outcome }) => outcome === 'failed')
      expect(failed.map(({ promise }) => promise)).toContain('B5')
      await json(['gaps', 'accept', lane, '--to', '1000', '--note', 'no copy', ...lake])
      await json(load)
      expect(rowsOf(await json<TablesJson>(['up', '--drain', ...lake]))).toMatchObject({ bronze_kraken_trades: 1000 })
      const { ledger } = await json<GapsJson>(['gaps', ...lake])
      expect(ledger).toContainEqual(
        expect.objectContaining({ topic: TOPIC, from_offset: 0, to_offset: 1000, note: 'no copy' }),
      )
      expect((await here(['verify', '--from-log', ...lake])).code).toBe(0)
      expect((await here(['status', ...lake])).code).toBe(0)
    },
    120_000,
  )

  test('B5: after bronze has read it: producers refuse all the same, and a word lets them go on', async () => {
    const { lake, segment, lane } = await loaded('read')
    await json(['up', '--drain', ...lake])
    truncateSync(segment, readFileSync(segment).length - 1)
    const status = await here(['status', ...lake])
    expect(status.code).toBe(1)
    expect(status.stdout.toString()).toContain('log damaged')
    expect((await here(['verify', '--from-log', ...lake])).code).toBe(1)
    const load = ['load', KRAKEN_BTC, '--exchange', 'kraken', ...lake]
    expect((await here(load)).stderr).toContain('log_corrupt')
    await json(['gaps', 'accept', lane, '--to', '1000', '--note', 'bronze has them', ...lake])
    await json(load)
    expect(rowsOf(await json<TablesJson>(['up', '--drain', ...lake]))).toMatchObject({ bronze_kraken_trades: 2000 })
    expect((await here(['verify', '--from-log', ...lake])).code).toBe(0)
  }, 120_000)
})
