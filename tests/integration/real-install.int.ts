import { execFile, execFileSync } from 'node:child_process'
import { chmodSync, chownSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type ServiceName, ServiceProcess } from './support/service-process.js'

const run = promisify(execFile)
const root = fileURLToPath(new URL('../../', import.meta.url))
const COMMAND_MS = 240_000
/** User id of `nobody`, who owns none of the files. */
const NOBODY = 65_534
const SIZE_MIB_MAX = 500

function canBecomeNobody(): boolean {
  try {
    execFileSync('setpriv', ['--version'], { stdio: 'ignore' })
    if (process.getuid?.() === 0) return true
  } catch {
    // The program is not installed.
  }
  process.stderr.write('SKIPPED: the production install does NOT run here: it takes root and setpriv (util-linux)\n')
  return false
}

describe.skipIf(!canBecomeNobody())('a production install', () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'assay-install-'))
  const app = path.join(folder, 'app')
  const work = path.join(folder, 'work')
  const asNobody = ['setpriv', `--reuid=${NOBODY}`, `--regid=${NOBODY}`, '--clear-groups']
  const env = { PATH: process.env.PATH, ASSAY_LAKE: path.join(work, 'lake'), NODE_ENV: 'production' }

  const asUser = async (...args: readonly string[]): Promise<string> => {
    const [program = '', ...rest] = [...asNobody, process.execPath, ...args]
    return (await run(program, rest, { cwd: app, env, timeout: COMMAND_MS })).stdout
  }
  const assay = (...args: readonly string[]) => asUser('services/cli/bin/assay.js', ...args)

  beforeAll(async () => {
    chmodSync(folder, 0o755)
    mkdirSync(work)
    chownSync(work, NOBODY, NOBODY)
    await run(process.execPath, ['scripts/production-files.mjs', app], { cwd: root, timeout: COMMAND_MS })
    await run('npm', ['ci', '--omit=dev'], { cwd: app, timeout: COMMAND_MS })
  })
  afterAll(() => rmSync(folder, { recursive: true, force: true }))

  it('holds no development dependency, no source and no test, and stays small', async () => {
    const { packages } = JSON.parse(readFileSync(path.join(root, 'package-lock.json'), 'utf8')) as {
      packages: Readonly<Record<string, { readonly dev?: boolean }>>
    }
    const development = Object.keys(packages).filter((place) => packages[place]?.dev)
    expect(development).toContain('node_modules/typescript')
    expect(development.filter((place) => existsSync(path.join(app, place)))).toEqual([])
    const { stdout: sources } = await run('find', ['packages', 'services', '-name', '*.ts', '-o', '-name', 'test'], {
      cwd: app,
    })
    expect(sources).toBe('')
    const { stdout } = await run('du', ['-sm', app])
    process.stderr.write(`the production install takes ${stdout.split('\t')[0]} MiB\n`)
    expect(Number.parseInt(stdout, 10)).toBeLessThan(SIZE_MIB_MAX)
  })

  it('has no install script', async () => {
    const scripts = await Promise.all(
      ['preinstall', 'install', 'postinstall'].map(async (name) => {
        const { stdout } = await run('npm', ['query', `:attr(scripts, [${name}])`], { cwd: app, timeout: COMMAND_MS })
        return (JSON.parse(stdout) as { name: string; path: string }[]).map((one) => `${name} of ${one.name}`)
      }),
    )
    expect(scripts.flat()).toEqual([])
  })

  it('runs the whole pipeline for a user who may not write in it', async () => {
    await expect(asUser('-e', 'require("fs").writeFileSync("mark", "")')).rejects.toThrow(/EACCES/)
    const simulated = await assay('simulate', '--exchange', 'binance', '--count', '2000', '--invalid', '0.01', '--json')
    expect(JSON.parse(simulated)).toMatchObject({ produced: 2000, is_complete: true })
    await assay('up', '--drain')
    await assay('verify', '--from-log')
    const gold = await assay('sql', 'SELECT count(*) AS n FROM gold_crypto_trades', '--format', 'csv')
    expect(Number(gold.split('\n')[1])).toBeGreaterThan(1_900)
  })

  it.each(['feed', 'bronze', 'silver', 'gold', 'candles'] as const)(
    'A7: starts and stops %s for that user',
    async (name: ServiceName) => {
      const command = [`services/${name}/dist/main.js`]
      const given = { ASSAY_LAKE: env.ASSAY_LAKE, ASSAY_FEED: 'none', NODE_ENV: 'production' }
      const service = new ServiceProcess(name, given, { command, cwd: app, wrap: asNobody })
      try {
        await service.untilReadiness(200)
        await service.stop()
      } finally {
        await service.end()
      }
    },
  )
})
