import { access, mkdir, writeFile } from 'node:fs/promises'
import type { Command, Option } from 'commander'
import { beforeAll, describe, expect, test } from 'vitest'
import { allCommands, commandName, isRequired, typedArgument } from '../src/parse/describe.js'
import { buildProgram } from '../src/program.js'
import { readCommandLine } from '../src/run/read-command-line.js'
import { here, temporaryFolder } from './assay.js'

const folder = temporaryFolder()
const program = buildProgram({}, () => undefined)
const commands = allCommands(program).filter((command) => command.parent)

/** A value that an option takes, and values that it does not. */
interface Values {
  readonly right: string
  readonly wrong: readonly string[]
}

const WHOLE = ['-1', '1.5', 'abc', '99999999999999999999']
const TIMES = ['yesterday', '2026-02-30', '2026-02-30T12:00:00Z', '-5m', '10y']

/** By the placeholder of an option's value, or by the option where one placeholder stands for several things. */
const VALUES: Readonly<Record<string, Values>> = {
  '<location>': { right: 'LAKE', wrong: ['ftp://host/lake', 's3://', 's3://Bucket'] },
  '<n>': { right: '5', wrong: WHOLE },
  '--rate': { right: '1.5', wrong: ['-1', '0', 'abc', '1e3', '1,5', '99999999999999999999'] },
  '--symbols': { right: '5', wrong: [...WHOLE, '0'] },
  '--partitions': { right: '5', wrong: [...WHOLE, '0'] },
  '--batch-rows': { right: '5', wrong: [...WHOLE, '0'] },
  '--limit': { right: '5', wrong: [...WHOLE, '0'] },
  '<offset>': { right: '5', wrong: WHOLE },
  '<seconds>': { right: '5', wrong: [...WHOLE, '0'] },
  '--watch': { right: '5', wrong: [...WHOLE.filter((text) => !text.startsWith('-')), '0'] },
  '<mib>': { right: '500', wrong: [...WHOLE, '0', '63'] },
  '<f>': { right: '0.1', wrong: ['-0.1', '1.1', 'abc', '.5', '10%'] },
  '--count': { right: '5000', wrong: WHOLE },
  '--start': { right: '2026-01-31T12:00:00Z', wrong: [...TIMES, '1970-01-01', '2200-01-01', '2026-01-31T12:00:00'] },
  '<shares>': {
    right: 'BTCUSDT=0.6,ETHUSDT=0.1',
    wrong: [
      'BTC',
      'BTCUSDT=',
      '=0.5',
      'BTCUSDT=0',
      'BTCUSDT=1.1',
      'BTCUSDT=60%',
      'BTCUSDT=.5',
      'BTCUSDT=-0.5',
      'FOO=0.5',
      'btcusdt=0.5',
      'BTCUSDT=0.5,',
      'BTCUSDT=0.5,BTCUSDT=0.1',
      'BTCUSDT=0.7,ETHUSDT=0.7',
    ],
  },
  '<symbols>': {
    right: 'SOLUSDT,BNBUSDT',
    wrong: ['FOO', 'solusdt', 'SOLUSDT,', 'SOLUSDT,,BTCUSDT', 'SOLUSDT,SOLUSDT'],
  },
  '<duration>': { right: '2s', wrong: ['2', '0s', '-2s', '1.5s', '2 s', '2S', '2y', '2d', '1h', 'abc'] },
  '<from/duration>': {
    right: '2s/10m',
    wrong: ['2s', '2s/', '/10m', '0s/10m', '2s/0s', '2s/10', '2/10m', '2s/10m/1s', '2s/8d', '1h/10m', '-2s/10m'],
  },
  '<n/duration>': {
    right: '100/30d',
    wrong: ['0', '1', '-100', '1.5', 'abc', '100/', '100/30', '/30d', '100/3651d', '100/30d/1s', '6000', '1e2'],
  },
  '<share>': { right: '0.99', wrong: ['0', '0.0', '-0.5', '1.5', '1.0000000001', '.5', '99%', 'most'] },
  '<z>': { right: '1', wrong: ['-1', '11', 'even'] },
  '<time>': { right: '2026-01-31', wrong: TIMES },
  '<when>': { right: '10m', wrong: [...TIMES, '2026'] },
  '<days>': {
    right: '2026-01-31',
    wrong: ['2026-02-30', '2026-01-02..2026-01-01', '2026-01-01..', '1..2..3', 'today'],
  },
  '<list>': { right: 'price_validation', wrong: ['prices', 'price_validation,', 'PRICE_VALIDATION'] },
  '--source-table': { right: 'silver_dlq_trades', wrong: ['silver_binance_trades', 'nowhere'] },
  '--target-table': { right: 'silver_binance_trades', wrong: ['silver_dlq_trades', 'silver_coinbase_trades'] },
  '--symbol': { right: 'BTCUSDT', wrong: [] },
  '<gap>': { right: '30s', wrong: ['30', '0s', '-30s', '1.5s', '25h', '2d', 'abc'] },
  '--size': { right: '5m', wrong: ['2m', '5M', '60'] },
  '--exchange': { right: 'binance', wrong: ['coinbase', 'Binance', 'binance,kraken'] },
  '--feed': { right: 'none', wrong: ['life', 'LIVE'] },
  '--format': { right: 'csv', wrong: ['xml', 'CSV'] },
  '<which>': { right: 'recorded', wrong: ['past'] },
  '<what>': { right: 'hour', wrong: ['day', 'minute'] },
  '<text>': { right: 'why', wrong: [] },
  '<dir>': { right: 'INTO', wrong: ['s3://bucket/again', 'USED', 'FILE'] },
  '<file>': { right: 'FILE', wrong: ['MISSING', 'USED'] },
  '--output': { right: 'out.csv', wrong: ['out.dat', 'out', 'NOWHERE/out.csv'] },
}

/** The same for arguments. */
const ARGUMENTS: Readonly<Record<string, Values>> = {
  '<coordinate>': { right: 'topic/0/1', wrong: ['topic', 'topic/0', 'topic/-1/1', 'topic/0/x', '/0/1'] },
  '[coordinates...]': { right: 'topic/0/1', wrong: ['topic', 'topic/0'] },
  '<shell>': { right: 'bash', wrong: ['tcsh', 'BASH'] },
  '<lane>': { right: 'topic/0', wrong: ['topic', 'topic/x', '/0'] },
  '<id>': { right: 'BINANCE-1', wrong: ['00000000-0000-4000-8000-000000000000', 'x'.repeat(1_001)] },
  '<statement>': { right: 'SELECT 1', wrong: [] },
  '<file>': { right: 'FILE', wrong: ['MISSING', 'USED'] },
  '<files...>': { right: 'FILE', wrong: ['MISSING', 'USED'] },
}

beforeAll(async () => {
  await mkdir(folder.path('USED'))
  await writeFile(folder.path('USED/one'), '')
  await writeFile(folder.path('FILE'), '')
})

const inFolder = (text: string): string => (/^[A-Z]{4,}(\/.*)?$/.test(text) ? folder.path(text) : text)

function valuesOf({ flags, long }: Option): Values {
  const placeholder = /<.*>/.exec(flags)?.[0]
  const found = VALUES[`${long}`] ?? VALUES[`${placeholder}`]
  if (!found) throw new Error(`say in VALUES what ${flags} takes and what it does not`)
  return found
}

const takesValue = (option: Option): boolean => !option.isBoolean()
const given = (option: Option): string[] =>
  takesValue(option) ? [`${option.long}`, inFolder(valuesOf(option).right)] : [`${option.long}`]

const names = (command: Command): string[] => commandName(command).split(' ').slice(1)
const operands = (command: Command): string[] =>
  command.registeredArguments.filter(({ required }) => required).map((one) => right(typedArgument(one)))

function right(argument: string): string {
  const found = ARGUMENTS[argument]
  if (!found) throw new Error(`say in ARGUMENTS what ${argument} takes and what it does not`)
  return inFolder(found.right)
}

/** What a command needs besides what is marked so: one of several options, in some of the possible ways. */
const BESIDES: Readonly<Record<string, readonly (readonly string[])[]>> = {
  'assay dlq resolve': [
    ['--purge', '--error-types', 'unknown_error'],
    ['--purge', '--date-range', '2026-01-31'],
    ['--reopen', '--error-types', 'unknown_error'],
    ['--purge'],
    ['--reopen'],
  ],
  'assay maintain': [['--compact']],
}

const besides = (command: Command): readonly string[] => BESIDES[commandName(command)]?.[0] ?? []

/** Options that a command can't do without. */
const needed = (command: Command, without?: Option): string[] => {
  const options = command.options.filter((option) => isRequired(option) && option !== without)
  return [...options.flatMap(given), ...(without ? [] : besides(command))]
}

function refusalOf(args: readonly string[]): string | undefined {
  try {
    readCommandLine(args, { env: {}, stdoutWidth: 80 })
    return undefined
  } catch (error) {
    return (error as Error).message
  }
}

interface Case {
  readonly args: readonly string[]
  /** What the answer has to say. */
  readonly says: readonly string[]
}

const EXPECTED =
  /takes|write |it is|is missing: .|known are|like|does not take|there is|one of|has no command|name a|that is there/

/** What is wrong with the answer to a wrong command line, as text or as JSON; empty if nothing. */
async function faultsOf({ args, says }: Case, asJson: boolean): Promise<string[]> {
  const lake = folder.path('LAKE')
  const before = [...(asJson ? ['--json'] : []), ...(args.includes('--lake') ? [] : ['--lake', lake])]
  const text = await here([...before, ...args], { COLUMNS: '80' })
  const faults: string[] = []
  const demand = (isMet: boolean, what: string): void => {
    if (!isMet) faults.push(`${args.join(' ')}: ${what}: ${text.stderr}`)
  }
  demand(text.code === 2, `exit ${text.code}`)
  demand(text.stdout.length === 0, 'standard output is not empty')
  demand(
    await access(lake).then(
      () => false,
      () => true,
    ),
    'made a lake',
  )
  if (asJson) {
    demand(/^\{"error":\{"code":"\w+","message":".*","exit_code":2\}\}\n$/.test(text.stderr), 'is not one line of JSON')
    const { message } = (JSON.parse(text.stderr) as { readonly error: { readonly message: string } }).error
    for (const part of says) demand(message.includes(part), `does not say ${part}`)
    return faults
  }
  const flat = text.stderr.replaceAll(/\s+/g, ' ')
  for (const part of says) demand(flat.includes(part), `does not say ${part}`)
  demand(EXPECTED.test(flat), 'does not say what is expected')
  demand(/--help|\n {2}.*name /.test(text.stderr), 'does not say what to type')
  const lines = text.stderr.trimEnd().split('\n')
  demand(lines.length <= 24, `takes ${lines.length} lines`)
  for (const one of lines) demand(one.length <= 80 || !one.trim().includes(' '), `has a line of ${one.length} columns`)
  return faults
}

async function faultsOfAll(cases: readonly Case[]): Promise<string[]> {
  expect(cases.length).toBeGreaterThan(0)
  const faults: string[] = []
  // Every fourth as JSON: how an error is printed does not depend on what is wrong. But with --json the name of a file
  // need not tell the format.
  for (const [i, one] of cases.entries()) {
    faults.push(...(await faultsOf(one, i % 4 === 3 && !one.args.includes('--output'))))
  }
  return faults
}

const acting = commands.filter(
  (command) => command.commands.length === 0 || command.options.length > 0 || command.name() === 'gaps',
)
const line = (command: Command): string[] => [...names(command), ...operands(command), ...needed(command)]
const own = (command: Command): readonly Option[] => [
  ...command.options,
  ...program.options.filter(({ long }) => long === '--lake'),
]

describe('every command refuses, with 2, what to type and no lake made,', () => {
  test('nothing that is right (so that what follows is wrong for the reason it is tested for)', () => {
    for (const command of acting) {
      const read = readCommandLine([...line(command), '--lake', folder.path('LAKE')], { env: {}, stdoutWidth: 80 })
      expect([commandName(command), read.kind]).toEqual([commandName(command), 'job'])
    }
  })

  test('an option that there is not, and suggests the one that was meant', async () => {
    const cases = acting.flatMap((command) => [
      { args: [...line(command), '--no-such-thing'], says: ["unknown option '--no-such-thing'"] },
      ...command.options.map(({ long }) => {
        const slip = `${long}${long?.at(-1)}`
        return { args: [...line(command), slip], says: [`'${slip}'`, `${long}`] }
      }),
    ])
    expect(await faultsOfAll(cases)).toEqual([])
  })

  test('an option of another command, and says whose it is', async () => {
    const all = new Map(commands.flatMap(({ options }) => options.map((option) => [`${option.long}`, option] as const)))
    // Each option once, and each command: all pairs would take ten times as long.
    const cases = [...all].map(([long, option], i) => {
      const others = acting.filter((one) => !one.options.some((known) => known.long === long))
      const command = others[i % others.length] as Command
      return {
        args: [...line(command), ...given(option)],
        says: [`${long} is an option of "assay `, `"${commandName(command)}" does not take it`],
      }
    })
    expect(await faultsOfAll(cases)).toEqual([])
  })

  test('an option without its value, with an empty one, with another option as its value, and given twice', async () => {
    const cases = acting.flatMap((command) =>
      own(command)
        .filter(takesValue)
        .flatMap((option) => {
          const base = [...names(command), ...operands(command), ...needed(command, option)]
          const says = [`${option.long}`]
          const twice = [...given(option), ...given(option)]
          const valueless = [
            { args: [...base, `${option.long}`], says: [...says, 'no value'] },
            ...command.options
              .filter((other) => other !== option)
              .slice(0, 1)
              .map(({ long }) => ({ args: [...base, `${option.long}`, `${long}`], says: [...says, 'no value'] })),
          ]
          return [
            ...(option.optional ? [] : valueless),
            { args: [...base, `${option.long}`, ''], says: [...says, 'empty'] },
            { args: [...base, ...twice], says: [...says, 'more than once'] },
          ]
        }),
    )
    expect(await faultsOfAll(cases)).toEqual([])
  })

  test('a value to an option that takes none', async () => {
    const cases = acting.flatMap((command) =>
      [...command.options, ...program.options]
        .filter((option) => !takesValue(option) && option.long !== '--version')
        .map(({ long }) => ({
          args: [...line(command), `${long}=yes`],
          says: [`${long} takes no value`],
        })),
    )
    expect(await faultsOfAll(cases)).toEqual([])
  })

  test('a value of the wrong type, out of range, or none of those to choose from', async () => {
    const cases = acting.flatMap((command) =>
      own(command)
        .filter(takesValue)
        .flatMap((option) =>
          valuesOf(option).wrong.map((value) => ({
            args: [
              ...names(command),
              ...operands(command),
              ...needed(command, option),
              `${option.long}`,
              inFolder(value),
            ],
            says: option.long === '--into' ? [inFolder(value)] : [`${option.long}`],
          })),
        ),
    )
    expect(await faultsOfAll(cases)).toEqual([])
  })

  test('an option or an argument that is missing, and says what it is', async () => {
    const cases = acting.flatMap((command) => [
      ...command.options.filter(isRequired).map((option) => ({
        args: [...names(command), ...operands(command), ...needed(command, option)],
        says: [`${option.long} <`, 'is missing: '],
      })),
      ...command.registeredArguments
        .filter(({ required }) => required)
        .map((one) => ({
          args: [...names(command), ...needed(command)],
          says: [`${typedArgument(one)} is missing: ${one.description}`],
        })),
    ])
    expect(await faultsOfAll(cases)).toEqual([])
  })

  test('an argument that is wrong, empty, or one too many', async () => {
    const cases = acting.flatMap((command) => [
      ...command.registeredArguments.flatMap((one) =>
        [...(ARGUMENTS[typedArgument(one)]?.wrong ?? []), '', '  '].map((value) => ({
          args: [...names(command), inFolder(value), ...needed(command)],
          says: typedArgument(one) === '<files...>' && value.trim() !== '' ? [inFolder(value)] : [typedArgument(one)],
        })),
      ),
      ...(command.registeredArguments.at(-1)?.variadic
        ? []
        : [{ args: [...line(command), 'one-more'], says: ["'one-more'", commandName(command)] }]),
    ])
    expect(await faultsOfAll(cases)).toEqual([])
  })

  test('two options that contradict each other, and names them', () => {
    const contradictory: string[] = []
    for (const command of acting) {
      for (const [i, first] of command.options.entries()) {
        for (const second of command.options.slice(i + 1)) {
          const others = command.options.filter((one) => isRequired(one) && one !== first && one !== second)
          const pair = [...names(command), ...operands(command), ...[first, second, ...others].flatMap(given)]
          const lines = [pair, ...(BESIDES[commandName(command)] ?? []).map((more) => [...pair, ...more])]
          const refusals = lines.map(refusalOf)
          if (refusals.some((refusal) => refusal === undefined)) continue
          contradictory.push(`${commandName(command)} ${first.long} ${second.long}`)
          expect(refusals.join(' ')).toMatch(new RegExp(`${first.long}|${second.long}`))
        }
      }
    }
    expect(contradictory).toMatchInlineSnapshot(`
      [
        "assay simulate --skew --pareto",
        "assay candles --size --session",
        "assay candles --session --follow",
        "assay dlq resolve --purge --reopen",
        "assay maintain --compact --pause",
        "assay maintain --expire --pause",
        "assay maintain --orphans --pause",
        "assay maintain --retention --pause",
        "assay maintain --relocate --pause",
        "assay maintain --pause --resume",
        "assay maintain --pause --dry-run",
        "assay maintain --resume --dry-run",
      ]
    `)
  })

  test('a command that there is not, and suggests the one that was meant', async () => {
    const cases = commands.map((command) => {
      const slip = `${command.name().slice(0, 1)}${command.name()}`
      const args = [...names(command).slice(0, -1), slip]
      return { args, says: [`'${slip}'`, `Did you mean ${command.name()}?`] }
    })
    expect(await faultsOfAll(cases)).toEqual([])
  })
})

test('a command that is needed and missing is told as JSON, too', async () => {
  for (const args of [[], ['rules']]) {
    const { code, stderr } = await here([...args, '--json'])
    expect(code).toBe(2)
    expect(JSON.parse(stderr)).toMatchObject({
      error: { code: 'bad_usage', message: expect.stringContaining('needs a command') },
    })
  }
})

test('the command whose help is named is the one that was asked for, whatever the values are called', async () => {
  const { stderr } = await here(['--lake', 'status', 'simulate', '--exchange', 'verify', '--count', '1'])
  expect(stderr).toContain('"assay simulate --help" shows what it takes')
})

test('a setting that is malformed is named with what it takes, with 2, no secret repeated and no lake made', async () => {
  const lake = folder.path('LAKE')
  for (const [args, name, value] of [
    [['up', '--drain'], 'ASSAY_KAFKA_BROKERS', 'user:s3cr3t@broker:9092'],
    [['load', folder.path('FILE'), '--exchange', 'binance'], 'ASSAY_S3_ENDPOINT', 'http://user:s3cr3t@host'],
    [['sql', 'SELECT 1'], 'ASSAY_TOPIC_PARTITIONS', 'many'],
    [['rules', 'list'], 'ASSAY_PAIRS', 'ARBUSD'],
    [['replay', '--target-table', 'silver_binance_trades'], 'ASSAY_QUOTES', 'a b'],
    [['rebuild', '--into', folder.path('INTO')], 'ASSAY_BASES', '-'],
    [['up', '--feed', 'live'], 'ASSAY_SYMBOLS', 'binance:btc'],
    [['tables'], 'ASSAY_LAEK', 'x'],
  ] as const) {
    const { code, stdout, stderr } = await here([...args, '--lake', lake, '--json'], { [name]: value })
    expect([code, stdout.length]).toEqual([2, 0])
    const { error } = JSON.parse(stderr) as { readonly error: { readonly message: string; readonly hint: string } }
    expect(error.message).toMatch(new RegExp(`${name} (must|is not a setting; did you mean)`))
    expect(stderr).not.toContain('s3cr3t')
    await expect(access(lake)).rejects.toThrow()
  }
})
