import { spawnSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import type { Command } from 'commander'
import { beforeAll, describe, expect, test } from 'vitest'
import { allCommands, commandName } from '../src/parse/describe.js'
import { buildProgram } from '../src/program.js'
import { here, temporaryFolder } from './assay.js'

const folder = temporaryFolder()
const program = buildProgram({}, () => undefined)
const isThere = (shell: string): boolean => spawnSync(shell, ['-c', 'exit 0']).status === 0

async function script(shell: string): Promise<string> {
  const { code, stdout } = await here(['completion', shell])
  expect(code).toBe(0)
  return stdout.toString()
}

beforeAll(() => {
  for (const name of ['trades one.jsonl', 'trades-two.jsonl']) writeFileSync(folder.path(name), '')
  mkdirSync(folder.path('tradesdir'))
})

/** What a real bash offers for each line, as the last word of it stands. */
async function offers(lines: readonly string[]): Promise<string[][]> {
  const asked = lines.map((line) => {
    const words = line.split(' ').flatMap((word) => word.split(/(?<==)|(?==)/))
    return `COMP_WORDS=(${words.map((word) => `'${word}'`).join(' ')}); COMP_CWORD=${words.length - 1}; _assay; printf '%s\\n' "\${COMPREPLY[@]}" --`
  })
  const { stdout, stderr, status } = spawnSync('bash', ['--noprofile', '--norc'], {
    input: `${await script('bash')}\ncomplete -p assay >/dev/null || exit 9\n${asked.join('\n')}`,
    cwd: folder.path('.'),
    encoding: 'utf8',
  })
  expect([status, stderr]).toEqual([0, ''])
  return stdout
    .split(/^--\n/m)
    .slice(0, -1)
    .map((block) =>
      block
        .split('\n')
        .filter((word) => word !== '')
        .sort(),
    )
}

const subcommands = (command: Command): string[] =>
  command
    .createHelp()
    .visibleCommands(command)
    .map((one) => one.name())

describe('completion in a real bash', () => {
  test('offers the subcommands of every command that has some', async () => {
    const parents = allCommands(program).filter((command) => command.commands.length > 0)
    const found = await offers(parents.map((command) => `${commandName(command)} `))
    expect(found).toEqual(parents.map((command) => subcommands(command).sort()))
  })

  test('offers the options of every command, those of the program among them, and none of another', async () => {
    const commands = allCommands(program)
    const found = await offers(commands.map((command) => `${commandName(command)} --`))
    const expected = commands.map((command) => {
      const help = command.createHelp()
      const options = [...help.visibleOptions(command), ...help.visibleGlobalOptions(command)]
      return [...new Set(options.flatMap(({ long }) => long ?? []))].sort()
    })
    expect(found).toEqual(expected)
    expect(found[0]).toContain('--lake')
  })

  test.each<[string, readonly string[]]>([
    ['assay sta', ['status']],
    ['assay --json --lake x dlq sh', ['show']],
    ['assay --lake dlq sh', []],
    ['assay sql --format ', ['arrow', 'csv', 'json', 'ndjson', 'parquet', 'table']],
    ['assay sql --format=c', ['csv']],
    ['assay sql --lake=x --for', ['--format']],
    ['assay up --feed s', ['sample', 'simulated']],
    ['assay load --exchange k', ['kraken']],
    ['assay dlq list --source-table silver_dlq_trades_', ['silver_dlq_trades_archive']],
    ['assay completion ', ['bash', 'fish', 'zsh']],
    ['assay load trades', ['trades one.jsonl', 'trades-two.jsonl', 'tradesdir']],
    ['assay load trades-two.jsonl trades', ['trades one.jsonl', 'trades-two.jsonl', 'tradesdir']],
    ['assay sql -o trades-', ['trades-two.jsonl']],
    ['assay rebuild --into tr', ['tradesdir']],
    ['assay tables --lake tr', ['tradesdir']],
    ['assay load --rate ', []],
  ])('%s', async (line, expected) => {
    const [found] = await offers([line])
    expect(found).toEqual(expected)
  })
})

describe.each(['zsh', 'fish'] as const)('the script for %s', (shell) => {
  const syntax = { zsh: ['-n'], fish: ['--no-execute'] }[shell]
  if (!isThere(shell)) console.warn(`skipped: there is no ${shell} here to check the syntax of its script`)

  test.skipIf(!isThere(shell))('is one', async () => {
    // From a file: fish 3.6 reads no script to check from standard input.
    writeFileSync(folder.path(`completion.${shell}`), await script(shell))
    const { status, stderr } = spawnSync(shell, [...syntax, folder.path(`completion.${shell}`)], { encoding: 'utf8' })
    expect([status, stderr]).toEqual([0, ''])
  })

  test('names every command and every value to choose from', async () => {
    const text = await script(shell)
    for (const command of allCommands(program)) expect(text).toContain(`'${commandName(command)}'`.replace(/'$/, ''))
    for (const word of ['parquet', 'simulated', 'kraken', 'silver_dlq_trades_archive']) expect(text).toContain(word)
  })
})
