import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { hasPython, pythonWith } from '../../packages/iceberg/test/python-readers.js'
import { type KafkaPart, needs, type RegistryPart, startKafka, startRegistry } from '../real-parts/real-parts.js'
import { blocksOf, exchangesIn, readPage } from '../support/pages.js'

const run = promisify(execFile)
const root = fileURLToPath(new URL('../../', import.meta.url))
const LIMIT_MS = 120_000
const page = readPage('docs/producers.md')

/** What follows a command in the page's sentence, up to its end. */
function installed(command: string): string[] {
  return new RegExp(`\`${command} ([^\`]+)\``).exec(page)?.[1]?.split(' ') ?? []
}

describe.skipIf(!hasPython() || !(await needs('kafka', 'registry')))(
  'what docs/producers.md says, on real servers',
  () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'assay-producers-'))
    let kafka: KafkaPart
    let registry: RegistryPart
    let env: NodeJS.ProcessEnv

    const type = (text: string) => run('bash', ['-e', '-c', text], { cwd: root, env, timeout: LIMIT_MS })

    beforeAll(async () => {
      const [python, ...parts] = await Promise.all([
        pythonWith(installed('pip install')),
        startKafka(),
        startRegistry(),
      ])
      ;[kafka, registry] = parts
      env = {
        PATH: `${path.dirname(python)}:${process.env.PATH}`,
        NODE_NO_WARNINGS: '1',
        ASSAY_LAKE: path.join(folder, 'lake'),
        ASSAY_KAFKA_BROKERS: kafka.broker,
        ASSAY_REGISTRY_URL: registry.url,
      }
    })
    afterAll(async () => {
      await Promise.all([kafka?.stop(), registry?.stop()])
      rmSync(folder, { recursive: true, force: true })
    })

    it('its producers and commands run in the order of the page, and show what it says', async () => {
      const blocks = blocksOf('docs/producers.md')
      const [level, ...others] = blocks.filter(({ language }) => language === 'sh')
      for (const { text } of others) await type(text)
      await type(level?.text ?? '')
      const exchanges = blocks.filter(({ language }) => language === 'console').flatMap(({ text }) => exchangesIn(text))
      const shown = await Promise.all(exchanges.map(({ typed }) => type(typed)))
      expect(shown.map(({ stdout }) => stdout.trim())).toEqual(exchanges.map((one) => one.shown))
    })

    it('sent again, everything is a duplicate; the level of the subject holds', async () => {
      const [, producers] = blocksOf('docs/producers.md').filter(({ language }) => language === 'sh')
      await type(producers?.text ?? '')
      const sql = async (statement: string) => (await type(`npx assay sql "${statement}" --json`)).stdout
      const counts =
        'SELECT (SELECT count(*) FROM gold_crypto_trades)::INT AS gold, count(*)::INT AS duplicates FROM gold_duplicates'
      expect(JSON.parse(await sql(counts))).toMatchObject([{ gold: 4, duplicates: 4 }])
      const text = readFileSync(path.join(root, 'schemas/BinanceRawTrade.avsc'), 'utf8')
      const schema = JSON.stringify({ ...JSON.parse(text), fields: [{ name: 'unheard', type: 'string' }] })
      const answer = await fetch(`${registry.url}/subjects/market.crypto.trades.binance.raw-value/versions`, {
        method: 'POST',
        headers: { 'content-type': 'application/vnd.schemaregistry.v1+json' },
        body: JSON.stringify({ schema }),
      })
      expect(answer.status).toBe(409)
    })
  },
)
