import { spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { seededRandom } from '@assay/core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

/** Double signals for each command; ASSAY_TEST_SIGNALS=200 for many. */
const TIMES = Number(process.env.ASSAY_TEST_SIGNALS ?? 4)
/** The promise is a second; a busy machine is given more before it is called a hang. */
const GONE_MS_MAX = Number(process.env.ASSAY_TEST_SIGNALS_MS ?? 5_000)
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const
const START_MS_MAX = 3_000

const root = fileURLToPath(new URL('../../', import.meta.url))
const CLI = join(root, 'services/cli/bin/assay.js')
const service = (name: string): string => join(root, `services/${name}/dist/main.js`)

let folder: string
let lake: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'assay-signals-'))
  lake = join(folder, 'lake')
  for (const exchange of ['binance', 'kraken']) {
    const made = spawn(process.execPath, [CLI, 'simulate', '--exchange', exchange, '--count', '30000', '--lake', lake])
    made.stdout.resume()
    made.stderr.resume()
    await new Promise((resolve) => made.on('exit', resolve))
  }
}, 120_000)
afterAll(() => rm(folder, { recursive: true, force: true, maxRetries: 5 }))

const COMMANDS: Readonly<Record<string, () => string[]>> = {
  up: () => [CLI, 'up', '--lake', lake],
  sql: () => [CLI, 'sql', 'SELECT count(*) FROM gold_crypto_trades a, gold_crypto_trades b', '--lake', lake],
  verify: () => [CLI, 'verify', '--from-log', '--lake', lake],
  simulate: () => [CLI, 'simulate', '--exchange', 'kraken', '--count', '100000', '--rate', '1000', '--lake', lake],
  maintain: () => [CLI, 'maintain', '--compact', '--lake', lake],
  rebuild: () => [CLI, 'rebuild', '--into', join(folder, `rebuilt-${performance.now()}`), '--lake', lake],
  feed: () => [service('feed')],
  bronze: () => [service('bronze')],
  silver: () => [service('silver')],
  gold: () => [service('gold')],
}

describe('A11: T28: two signals', () => {
  it.each(Object.keys(COMMANDS))(
    'at random moments end %s soon after the second',
    { timeout: TIMES * 20_000 },
    async (name) => {
      const random = seededRandom(28)
      for (let i = 0; i < TIMES; i += 1) {
        const args = COMMANDS[name]?.() ?? []
        const env = { PATH: process.env.PATH, ASSAY_LAKE: lake, ASSAY_HTTP_PORT: '0' }
        const child = spawn(process.execPath, args, { env, stdio: 'ignore' })
        const ended = new Promise<number | string | null>((resolve) => {
          child.on('exit', (code, signal) => resolve(code ?? signal))
        })
        const pick = () => SIGNALS[Math.floor(random.unit() * SIGNALS.length)]
        const [start_ms, gap_ms] = [random.unit() * START_MS_MAX, random.unit() * 100]
        await new Promise((resolve) => setTimeout(resolve, start_ms))
        child.kill(pick())
        await new Promise((resolve) => setTimeout(resolve, gap_ms))
        child.kill(pick())
        const hung = new Promise((resolve) => setTimeout(() => resolve('hung'), GONE_MS_MAX))
        const outcome = await Promise.race([ended, hung])
        child.kill('SIGKILL')
        await ended
        expect({ name, start_ms, gap_ms, outcome }).not.toMatchObject({ outcome: 'hung' })
      }
    },
  )
})
