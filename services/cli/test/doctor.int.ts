import { spawnSync } from 'node:child_process'
import { access, chmod, mkdir, readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { assay, type Ended, here, json, temporaryFolder } from './assay.js'

const folder = temporaryFolder()
const lake = (): string => folder.path('lake')

interface Found {
  readonly check: string
  readonly level: string
  readonly found: string
  readonly next: string | null
}

function findingsOf({ stdout }: Ended): readonly Found[] {
  return (JSON.parse(stdout.toString()) as { readonly findings: readonly Found[] }).findings
}

/** All findings that are worse than fine. */
async function doctor(env: Readonly<Record<string, string>> = {}, place = lake()): Promise<[number | null, Found[]]> {
  const ended = await here(['doctor', '--json', '--lake', place], env)
  return [ended.code, findingsOf(ended).filter(({ level }) => level === 'warning' || level === 'failure')]
}

const names = async (): Promise<string[]> => (await readdir(lake(), { recursive: true })).sort()

beforeAll(async () => {
  await json(['simulate', '--exchange', 'binance', '--count', '50', '--lake', lake()])
  await here(['up', '--drain', '--lake', lake()])
})

describe('assay doctor on embedded parts', () => {
  test('finds nothing wrong with what works, says how large it is, and leaves nothing behind', async () => {
    const before = await names()
    const ended = await here(['doctor', '--json', '--lake', lake()])
    expect([ended.code, ended.stderr]).toEqual([0, ''])
    const { size, verdict } = JSON.parse(ended.stdout.toString())
    expect(verdict).toBe('fine')
    const kinds = new Map(size.kinds.map((one: { kind: string; files: number }) => [one.kind, one.files]))
    for (const kind of ['rows', 'metadata', 'manifests', 'log', 'schemas']) expect(kinds.get(kind)).toBeGreaterThan(0)
    expect(await names()).toEqual(before)
    const text = (await here(['doctor', '--lake', lake()], { COLUMNS: '50' })).stdout.toString()
    expect(text).toMatch(/^ok {7}lake rights {2}list, read, create, delete/m)
    const wide = text.split('\n').filter((line) => line.length > 50)
    // A word that is wider by itself, such as a path, stays whole, in a line of its own.
    expect(wide.filter((line) => /\S\s+\S/.test(line.replace(/^(ok|warning|skipped) +\w+( \w+)? {2,}/, '')))).toEqual(
      [],
    )
    expect(text.split('\n').filter((line) => /^\s/.test(line))).not.toEqual([])
    for (const line of text.split('\n')) expect(line).toMatch(/^((ok|warning|skipped) +\w| {22}\S|Nothing is wrong|$)/)
  })

  test('says that there is no lake yet, and makes none', async () => {
    const place = folder.path('nowhere')
    const [code, found] = await doctor({}, place)
    expect([code, found]).toEqual([0, [expect.objectContaining({ check: 'lake', level: 'warning' })]])
    await expect(access(place)).rejects.toThrow()
  })

  test('lists every mistake in the settings at once, and shows no secret', async () => {
    const ended = await here(['doctor', '--json', '--lake', lake()], {
      ASSAY_COMIT_INTERVAL_MS: '5',
      ASSAY_BATCH_ROWS: 'many',
      ASSAY_REGISTRY_PASSWORD: 'hush-hush',
    })
    const settings = findingsOf(ended).filter(({ check }) => check === 'settings')
    expect([ended.code, settings.map(({ level }) => level)]).toEqual([2, ['failure', 'failure', 'failure']])
    expect(JSON.stringify(settings)).toContain('did you mean ASSAY_COMMIT_INTERVAL_MS')
    expect(ended.stdout.toString()).not.toContain('hush-hush')
  })

  test('tells a pause with the command that ends it', async () => {
    await here(['maintain', '--pause', '--lake', lake()])
    const [code, found] = await doctor()
    await here(['maintain', '--resume', '--lake', lake()])
    expect([code, found]).toEqual([
      0,
      [expect.objectContaining({ check: 'pause', next: expect.stringContaining('--resume') })],
    ])
  })

  const setpriv = ['--reuid=65534', '--regid=65534', '--clear-groups']
  const canDropRights = process.getuid?.() === 0 && spawnSync('setpriv', [...setpriv, 'true']).status === 0
  if (!canDropRights) console.warn('skipped: this user can not run a command as another one (setpriv)')

  test.skipIf(!canDropRights)('tells a folder that may only be read, and looks at all the rest', async () => {
    const home = folder.path('home')
    await mkdir(home)
    for (const path of [folder.path('.'), lake()]) await chmod(path, 0o755)
    await chmod(home, 0o777)
    const ended = await assay(['doctor', '--json', '--lake', lake()], '', { TMPDIR: home }, ['setpriv', ...setpriv])
    const found = findingsOf(ended)
    expect([ended.code, found.filter(({ level }) => level === 'failure').map(({ check }) => check)]).toEqual([
      1,
      ['lake rights'],
    ])
    expect(found.find(({ check }) => check === 'tables')?.level).toBe('ok')
  })

  test('names a table that can not be used, with the way back', async () => {
    const metadata = join(lake(), 'tables/market_data/gold_crypto_trades/metadata')
    const newest = (await readdir(metadata))
      .filter((name) => name.endsWith('.metadata.json'))
      .sort((a, b) => Number(/\d+/.exec(b)) - Number(/\d+/.exec(a)))[0]
    await writeFile(join(metadata, newest ?? ''), '')
    const [code, found] = await doctor()
    expect(code).toBe(1)
    expect(found).toContainEqual(
      expect.objectContaining({
        check: 'tables',
        level: 'failure',
        found: expect.stringContaining('gold_crypto_trades'),
      }),
    )
  })
})
