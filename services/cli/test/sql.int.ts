import { spawn } from 'node:child_process'
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { setTimeout as delay } from 'node:timers/promises'
import { beforeAll, describe, expect, test } from 'vitest'
import { here, start, temporaryFolder, withoutProgress } from './assay.js'

const ENDLESS = 'SELECT i, i * 2 AS twice FROM range(100000000000) t(i)'
const folder = temporaryFolder()
let lake: readonly string[]

beforeAll(async () => {
  // A lake without tables: what is asked here is about the statement's process.
  await mkdir(folder.path('lake/log'), { recursive: true })
  lake = ['--lake', folder.path('lake')]
})

describe('Q3: an export is as large as its result', () => {
  test('past the rows that fit into memory, with a note of those that a table leaves out', async () => {
    const rows = 'SELECT i AS n FROM range(300000) t(i)'
    const csv = await here(['sql', rows, '--format', 'csv', ...lake])
    expect([csv.code, csv.stdout.toString().trimEnd().split('\n').length, csv.stdout.subarray(-7).toString()]).toEqual([
      0,
      300_001,
      '299999\n',
    ])
    const table = await here(['sql', rows, ...lake])
    expect(table.stdout.toString().split('\n').length).toBe(1_005)
    expect(table.stderr).toContain('these are the first 1,000 of 300,000 rows')
  }, 60_000)
})

describe('A11: a signal ends an export', () => {
  test.each([
    ['SIGINT', 'out.csv'],
    ['SIGTERM', 'out.parquet'],
  ] as const)('%s leaves nothing of %s', async (signal, name) => {
    await mkdir(folder.path(name), { recursive: true })
    const running = start(['sql', ENDLESS, '-o', folder.path(`${name}/${name}`), ...lake])
    for (let i = 0; i < 400 && (await readdir(folder.path(name))).length === 0; i++) await delay(25)
    await delay(300)
    expect(await readdir(folder.path(name))).toEqual([expect.stringContaining('.partial-')])
    running.process.kill(signal)
    const { code, stderr } = await running.ended
    expect([code, withoutProgress(stderr)]).toEqual([130, ''])
    expect(await readdir(folder.path(name))).toEqual([])
  })

  test('and so does a reader that has seen enough, without a word', async () => {
    const running = start(['sql', ENDLESS, '--format', 'csv', ...lake])
    running.process.stdout.once('data', () => running.process.stdout.destroy())
    const { code, stderr } = await running.ended
    expect([code, withoutProgress(stderr)]).toEqual([0, ''])
  })

  test('a slow reader slows the query down instead of filling memory', async () => {
    const running = start(['sql', ENDLESS, '--format', 'csv', ...lake])
    await running.shows('i,twice')
    running.process.stdout.pause()
    await delay(500)
    const status = await readFile(`/proc/${running.process.pid}/status`, 'utf8').catch(() => 'VmRSS: 0 kB')
    expect(Number(/VmRSS:\s+(\d+)/.exec(status)?.[1])).toBeLessThan(250_000)
    running.process.kill('SIGKILL')
    running.process.stdout.resume()
    await running.ended
  })
})

describe('errors tell what to type', () => {
  test.each([
    ['no/such/folder/x.csv', 'its folder is not there'],
    ['lake', 'it is a folder'],
  ])('--output %s', async (name, why) => {
    const { code, stderr } = await here(['sql', 'SELECT 1', '--format', 'csv', '-o', folder.path(name), ...lake])
    expect([code, stderr]).toEqual([2, expect.stringContaining('output_unwritable')])
    expect(stderr).toContain(why)
    expect(stderr).toContain('--output')
  })

  test('of a statement that ends its process, needs too much, takes too long', async () => {
    const crash = await here(['sql', "SELECT json_structure(repeat('[', 500000) || repeat(']', 500000))", ...lake])
    expect([crash.code, crash.stdout.length]).toEqual([1, 0])
    expect(crash.stderr).toContain('[query_crashed]')
    const large = await here(['sql', 'SELECT range(100000000)', ...lake])
    expect(large.stderr).toMatch(/\[query_memory\][\s\S]*--memory MIB/)
    const long = await here([
      'sql',
      'SELECT count(*) FROM range(1000000000000) WHERE range % 7 = 8',
      '--timeout',
      '1',
      ...lake,
    ])
    expect(long.stderr).toMatch(/took longer than 1 s \[query_timeout\][\s\S]*--timeout SECONDS/)
  }, 60_000)

  test('a result in the place of another is whole, and one that fails leaves the other', async () => {
    const path = folder.path('kept.csv')
    await writeFile(path, 'old')
    expect((await here(['sql', "SELECT error('no')", '-o', path, ...lake])).code).toBe(2)
    expect(await readFile(path, 'utf8')).toBe('old')
    expect((await here(['sql', 'SELECT 1 AS a', '-o', path, ...lake])).code).toBe(0)
    expect(await readFile(path, 'utf8')).toBe('a\n1\n')
    expect((await readdir(folder.path(''))).filter((name) => name.includes('partial'))).toEqual([])
  })

  test.runIf(process.platform === 'linux')('a device is written to, and stays one', async () => {
    expect((await here(['sql', 'SELECT 1', '--format', 'csv', '-o', '/dev/null', ...lake])).code).toBe(0)
    const kind = spawn('test', ['-c', '/dev/null'])
    expect(await new Promise((resolve) => kind.once('close', resolve))).toBe(0)
  })
})
