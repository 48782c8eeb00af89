import { access, writeFile } from 'node:fs/promises'
import { exchanges } from '@assay/exchanges'
import { describe, expect, test } from 'vitest'
import { buildProgram } from '../src/program.js'
import { assay, BINANCE_BTC, here, temporaryFolder } from './assay.js'

const folder = temporaryFolder()

describe('help', () => {
  test('lists the commands, how to start, and the exit codes', async () => {
    const { code, stdout } = await assay(['--help'])
    expect(code).toBe(0)
    for (const text of [
      'up',
      'load',
      'simulate',
      'tables',
      'sql',
      'status',
      'gaps',
      'Exit codes',
      '--lake',
      '--json',
    ]) {
      expect(stdout.toString()).toContain(text)
    }
  })

  test('without a command goes to standard error, with 2', async () => {
    const { code, stdout, stderr } = await here([])
    expect([code, stdout.length]).toEqual([2, 0])
    expect(stderr).toContain('Usage: assay')
  })

  test('of a command has an example and the global options, and offers nothing that is not there', async () => {
    const { stdout } = await here(['up', '--help'])
    expect(stdout.toString()).toMatch(/Example[\s\S]*assay up/)
    expect(stdout.toString()).toContain('--lake <location>')
  })
})

test('--version tells the version and what it runs on, in one line', async () => {
  const { code, stdout, stderr } = await here(['--version'])
  expect([code, stderr]).toEqual([0, ''])
  expect(stdout.toString()).toMatch(/^assay \d+\.\d+\.\d+ \(Node \d+\.\d+\.\d+, \w+ \w+\)\n$/)
})

test('with --json an error is one line of JSON, a mistake in the command line too', async () => {
  const lake = ['--lake', folder.path('nowhere')]
  for (const [args, code, exit_code] of [
    [['status', ...lake], 'lake_missing', 2],
    [['dlq', 'list', '--limit', '0', '--error-types', 'prices', ...lake], 'bad_usage', 2],
    [['stauts'], 'bad_usage', 2],
  ] as const) {
    const ended = await here([...args, '--json'])
    expect([ended.code, ended.stdout.toString()]).toEqual([exit_code, ''])
    expect(JSON.parse(ended.stderr)).toEqual({
      error: { code, message: expect.any(String), hint: expect.stringContaining('assay'), exit_code },
    })
  }
})

describe('mistakes in the command line', () => {
  test('are all told at once, with 2, and nothing is made', async () => {
    const lake = folder.path('unmade')
    const args = ['simulate', '--exchange', 'foo', '--count', 'abc', '--rate', '-1', '--sede', '4', '--lake', lake]
    const { code, stdout, stderr } = await here([...args, '--duplicates', '0.7', '--late', '0.7'])
    expect([code, stdout.length]).toEqual([2, 0])
    expect(stderr).toContain("unknown option '--sede' (Did you mean --seed?)")
    expect(stderr).toContain(
      `--exchange: there is no exchange "foo"; known are ${exchanges.map(({ name }) => name).join(', ')}`,
    )
    expect(stderr).toContain('--count takes an integer from 0')
    expect(stderr).toContain('--rate takes a number from')
    expect(stderr).toContain('--duplicates, --invalid and --late together are more than 1')
    await expect(access(lake)).rejects.toThrow()
  })

  test('are told of currencies and of bounds of time, too, before anything is made', async () => {
    const lake = folder.path('unpaired')
    for (const args of [
      ['up', '--drain'],
      ['rules', 'list'],
    ]) {
      const { code, stderr } = await here([...args, '--lake', lake], { ASSAY_PAIRS: 'ARBUSD' })
      expect([args, code]).toEqual([args, 2])
      expect(stderr).toContain('ASSAY_PAIRS must be at most 10000 pairs like BASE/QUOTE')
    }
    const load = ['load', BINANCE_BTC, '--exchange', 'binance', '--lake', lake]
    const wrong = await here([...load, '--not-before', 'yesterday', '--not-after', '2026-02-30'])
    expect(wrong.code).toBe(2)
    expect(wrong.stderr).toContain('--not-before: "yesterday" is neither a day nor a time')
    expect(wrong.stderr).toContain('--not-after: "2026-02-30" is neither a day nor a time')
    const crossed = await here([...load, '--not-before', '2026-01-02', '--not-after', '2026-01-01'])
    expect(crossed.stderr).toContain('--not-before lies after --not-after')
    await expect(access(lake)).rejects.toThrow()
  })

  test('are told of the symbols to follow live, too, before anything is made', async () => {
    const lake = folder.path('unfollowed')
    const { code, stderr } = await here(['up', '--feed', 'live', '--lake', lake], { ASSAY_SYMBOLS: 'binance:btc' })
    expect(code).toBe(2)
    expect(stderr).toContain('binance has no symbol like "btc", but like BTCUSDT')
    await expect(access(lake)).rejects.toThrow()
  })

  test.each([
    [['tabels'], "unknown command 'tabels' (Did you mean tables?)"],
    [['tables', 'x'], "'x' is one argument too many"],
    [['load'], '<files...> is missing: files to read'],
    [['load', BINANCE_BTC], '--exchange <name> is missing: whose format it is'],
    [
      ['sql', 'SELECT 1', '--format', 'xml'],
      '--format takes one of table, csv, json, ndjson, arrow, parquet, not "xml"',
    ],
    [['sql', 'SELECT 1', '--as-of', 'yesterday'], 'neither a time nor a snapshot'],
    [['sql', 'SELECT 1', '--format', 'csv', '--json'], '--format csv and --json ask for different formats'],
    [
      ['sql', 'SELECT 1', '-o', 'x.parquet', '--format', 'csv'],
      '--format csv and --output x.parquet ask for different formats',
    ],
    [['sql', 'SELECT 1', '-o', 'x.csv', '--json'], '--json and --output x.csv ask for different formats'],
    [['sql', 'SELECT 1', '-o', 'x.dat'], '--output x.dat does not tell the format'],
    [['sql', 'SELECT 1', '--timeout', '0'], '--timeout takes an integer from 1 to 604800 seconds, not "0"'],
    [['sql', ' '], '<statement> is an empty text'],
    [['up', '--feed', 'life'], '--feed takes one of sample, simulated, live, none, not "life"'],
    [['up', '--drain', '--feed', 'sample'], '--drain runs without a feed'],
    [['gaps', 'accept', 'lane', '--to', 'x', '--note', ' '], 'topic/partition'],
    [['tune-lateness', '--target', '0'], '--target: "0" is no share above 0 and up to 1'],
    [['tune-lateness', '--target', '1.5'], '--target: "1.5" is no share above 0 and up to 1'],
    [['tune-lateness', '--target', 'most'], '--target: "most" is no share above 0 and up to 1'],
    [['tune-lateness', '--since', 'soon'], '--since: "soon" is neither a time nor a duration'],
    [['reference', 'load'], '<file> is missing: rows of symbols'],
    [['tables', '--lake', 'ftp://host/lake'], 'must be a folder or s3://bucket/prefix'],
  ])('%j', async (args, message) => {
    const { code, stdout, stderr } = await here(args)
    expect([code, stdout.length]).toEqual([2, 0])
    expect(stderr).toContain(message)
    expect(stderr).toContain('--help')
  })

  const program = buildProgram({}, () => undefined)
  const subcommands = program.commands.flatMap((parent) => parent.commands.map((command) => ({ parent, command })))

  test('no option of a command is taken, and ignored, by its subcommands', async () => {
    const strays = subcommands.flatMap(({ parent, command }) =>
      parent.options
        .filter(({ long }) => !command.options.some((own) => own.long === long))
        .map((option) => ({ parent, command, option })),
    )
    expect(strays.length).toBeGreaterThan(0)
    for (const { parent, command, option } of strays) {
      const text = option.isBoolean() ? [`${option.long}`] : [`${option.long}`, 'x']
      const operands = command.registeredArguments.map(() => 'topic/0/1')
      for (const args of [
        [parent.name(), ...text, command.name(), ...operands],
        [parent.name(), command.name(), ...operands, ...text],
      ]) {
        const { code, stdout, stderr } = await here(args)
        expect([args, code, stdout.length]).toEqual([args, 2, 0])
        expect(stderr).toContain(`${option.long} is an option of "assay ${parent.name()}"`)
      }
    }
  })

  test('unreadable files are all named before anything is made', async () => {
    const lake = folder.path('unmade-too')
    const files = [BINANCE_BTC, folder.path('missing'), folder.path('missing-too')]
    const { code, stderr } = await here(['load', ...files, '--exchange', 'binance', '--lake', lake])
    expect(code).toBe(2)
    expect(stderr).toContain('missing: there is no such file')
    expect(stderr).toContain('missing-too: there is no such file')
    await expect(access(lake)).rejects.toThrow()
  })
})

describe('a lake that is not there', () => {
  test.each([['tables'], ['status'], ['gaps'], ['sql', 'SELECT 1']])('%s says how to make one', async (...args) => {
    const lake = folder.path('nowhere')
    const { code, stdout, stderr } = await here(args, { ASSAY_LAKE: lake })
    expect([code, stdout.length]).toEqual([2, 0])
    expect(stderr).toContain(lake)
    expect(stderr).toContain('assay up')
    expect(stderr).toContain('lake_missing')
    await expect(access(lake)).rejects.toThrow()
  })

  test('a file in its place is an error, not a crash', async () => {
    await writeFile(folder.path('file'), '')
    const { code, stderr } = await here(['up', '--drain', '--lake', folder.path('file')])
    expect(code).toBeGreaterThan(0)
    expect(stderr).toMatch(/^error/m)
    expect(stderr).not.toContain('defect')
  })
})
