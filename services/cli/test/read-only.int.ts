import { spawnSync } from 'node:child_process'
import { chmod, mkdir, readdir, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { assay, here, json, temporaryFolder } from './assay.js'

const folder = temporaryFolder()
const lake = (): string => folder.path('lake')

/** Every file and folder of the lake, with what a write would change. */
async function traces(): Promise<string[]> {
  const found = [await trace(lake())]
  for (const entry of await readdir(lake(), { recursive: true, withFileTypes: true })) {
    found.push(await trace(join(entry.parentPath, entry.name)))
  }
  return found.sort()
}

async function trace(path: string): Promise<string> {
  const { size, mtimeMs, ino, mode } = await stat(path)
  return `${path} ${ino} ${mode} ${size} ${mtimeMs}`
}

/** What only reads; each also where there is nothing to tell. */
const READING: readonly (readonly string[])[] = [
  ['tables'],
  ['status'],
  ['sql', 'SELECT count(*) AS n FROM gold_crypto_trades'],
  ['sql', 'SELECT * FROM silver_binance_trades', '--format', 'csv'],
  ['sql', 'SELECT * FROM silver_binance_trades', '--format', 'parquet'],
  ['verify'],
  ['verify', '--from-log'],
  ['trace', 'market.crypto.trades.binance.raw/0/5'],
  ['dlq'],
  ['dlq', 'show', 'LETTER'],
  ['gaps'],
  ['rules', 'list'],
  ['rules', 'test', 'RULES'],
  ['replay', '--target-table', 'silver_binance_trades', '--dry-run'],
  ['maintain', '--compact', '--expire', '--orphans', '--retention', '--dry-run'],
  ['rebuild', '--into', 'AGAIN', '--compare'],
]

let rulesFile = ''
let deadLetter = ''
beforeAll(async () => {
  rulesFile = folder.path('rules.json')
  await writeFile(rulesFile, JSON.stringify(await json(['rules', 'list', '--lake', lake()])))
  const feed = ['--exchange', 'binance', '--count', '150', '--invalid', '0.2', '--duplicates', '0.1']
  await json(['simulate', ...feed, '--lake', lake()])
  await here(['up', '--drain', '--lake', lake()])
  const place = `SELECT topic || '/' || "partition" || '/' || kafka_offset AS place FROM silver_dlq_open LIMIT 1`
  const [found] = await json<readonly { readonly place: string }[]>(['sql', place, '--lake', lake()])
  deadLetter = found?.place ?? ''
})

const argumentsOf = (command: readonly string[], again: string): string[] => [
  ...command.map((part) => ({ RULES: rulesFile, LETTER: deadLetter, AGAIN: folder.path(again) })[part] ?? part),
  '--lake',
  lake(),
]

describe('commands that only read', () => {
  test.each(READING)('D4: leave no trace in the lake: %s %s', async (...command) => {
    const before = await traces()
    const { code, stderr } = await here(argumentsOf(command, `again-${command.length}`))
    // Dead letters would still fail, which is an answer.
    expect([code, stderr]).toEqual([command[0] === 'replay' ? 1 : 0, expect.not.stringContaining('error')])
    expect(await traces()).toEqual(before)
  })

  const setpriv = ['--reuid=65534', '--regid=65534', '--clear-groups']
  const canDropRights = process.getuid?.() === 0 && spawnSync('setpriv', [...setpriv, 'true']).status === 0

  test.skipIf(!canDropRights)('D4: need rights to read alone', async () => {
    const home = folder.path('home')
    await mkdir(home)
    for (const path of [folder.path('.'), lake(), rulesFile]) await chmod(path, 0o755)
    await chmod(home, 0o777)
    for (const command of [['status'], ['verify', '--from-log']]) {
      const ended = await assay(argumentsOf(command, 'unused'), '', { TMPDIR: home }, ['setpriv', ...setpriv])
      expect([command, ended.code, ended.stderr]).toEqual([command, 0, expect.not.stringContaining('error')])
    }
  })

  test.skipIf(!canDropRights)(
    'a data file without rights is told by verify as that, not as a damaged one',
    async () => {
      const files = await readdir(lake(), { recursive: true })
      const file = files.find((name) => /silver_binance_trades\/data\/.*\.parquet$/.test(name)) ?? ''
      await chmod(folder.path('lake'), 0o755)
      await chmod(join(lake(), file), 0o000)
      const env = { TMPDIR: folder.path('home') }
      const { code, stdout } = await assay(['verify', '--lake', lake()], '', env, ['setpriv', ...setpriv])
      await chmod(join(lake(), file), 0o644)
      expect(code).toBe(1)
      const told = stdout
        .toString()
        .split('\n')
        .filter((line) => line.includes(`${file} cannot be`))
      expect(told).toEqual([expect.stringMatching(/cannot be opened: .*Permission denied.*\[engine_disk_denied\]/)])
    },
  )
})
