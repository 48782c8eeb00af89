import { existsSync, readFileSync } from 'node:fs'
import { posix } from 'node:path'
import { readConfig } from '@assay/lake'
import type { Command } from 'commander'
import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { buildProgram } from '../services/cli/src/program.js'
import { readCommandLine } from '../services/cli/src/run/read-command-line.js'
import { blocksOf, pages, proseOf, shellTextOf } from './support/pages.js'
import { type ShellCommand, shellCommands } from './support/shell.js'

const ROOT = new URL('../', import.meta.url)
const PAGES = pages()
/** Programs of the system, of other products, and what the shell itself knows. */
const OTHERS = new Set([
  'aws',
  'awk',
  'cd',
  'cp',
  'curl',
  'eval',
  'gunzip',
  'head',
  'java',
  'jq',
  'mkdir',
  'mv',
  'pip',
  'python',
  'python3',
  'spark-sql',
  '.',
])

interface Container {
  readonly entrypoint?: readonly string[]
  readonly profiles?: readonly string[]
}

const { services } = parse(readFileSync(new URL('docker-compose.yml', ROOT), 'utf8'), {
  merge: true,
  maxAliasCount: -1,
}) as {
  readonly services: Readonly<Record<string, Container>>
}
const manifest = JSON.parse(readFileSync(new URL('package.json', ROOT), 'utf8')) as {
  readonly scripts: Readonly<Record<string, string>>
}
const program = buildProgram({}, () => undefined)

const has = (path: string): boolean => existsSync(new URL(path, ROOT))

/** What is wrong with a command; undefined when it can be run as it is written. */
function mistakeIn({ assigned, words }: ShellCommand): string | undefined {
  const [name, ...rest] = words
  const mistake = mistakeInSettings(assigned)
  if (mistake !== undefined || name === undefined) return mistake
  if (name === 'assay') return mistakeInAssay(rest)
  if (name === 'export') return mistakeInSettings(Object.fromEntries(rest.map((word) => splitSetting(word))))
  if (name === 'npx') return mistakeInNpx(rest)
  if (name === 'npm') return mistakeInNpm(rest)
  if (name === 'node') return mistakeInNode(rest)
  if (name === 'docker') return mistakeInDocker(rest)
  if (name.includes('/')) return name.startsWith('/') || has(name) ? undefined : `there is no ${name}`
  return OTHERS.has(name) ? undefined : `what is "${name}"?`
}

function mistakeInAssay(args: readonly string[]): string | undefined {
  try {
    readCommandLine(args, { stdoutWidth: 120, env: {} })
    return undefined
  } catch (error) {
    return (error as Error).message
  }
}

/** The settings are known, and have values that are taken. */
function mistakeInSettings(assigned: Readonly<Record<string, string>>): string | undefined {
  const ours = Object.entries(assigned).filter(([name, value]) => name.startsWith('ASSAY_') && !value.includes('$'))
  try {
    readConfig({ ...Object.fromEntries(ours), ASSAY_LAKE: assigned.ASSAY_LAKE ?? './lake' })
    return undefined
  } catch (error) {
    return (error as Error).message
  }
}

function splitSetting(word: string): [string, string] {
  const at = word.indexOf('=')
  return [word.slice(0, at), word.slice(at + 1)]
}

function mistakeInNpx([name = '', ...rest]: readonly string[]): string | undefined {
  if (name === 'assay') return mistakeInAssay(rest)
  return has(`node_modules/.bin/${name}`) ? undefined : `npx knows no ${name}`
}

function mistakeInNpm([verb = '', name = '']: readonly string[]): string | undefined {
  if (verb === 'ci' || verb === 'install') return undefined
  const script = verb === 'run' ? name : verb
  return manifest.scripts[script] === undefined ? `package.json has no script ${script}` : undefined
}

function mistakeInNode([script = '', ...rest]: readonly string[]): string | undefined {
  if (script.startsWith('-')) return undefined
  const source = script.replace('/dist/', '/src/').replace(/(\/src\/.*)\.js$/, '$1.ts')
  if (!has(source)) return `there is no ${source}`
  return script.endsWith('/assay.js') ? mistakeInAssay(rest) : undefined
}

/** What `docker compose` is told is in docker-compose.yml; what runs in a container is looked at as if it ran here. */
function mistakeInDocker([compose, ...words]: readonly string[]): string | undefined {
  if (compose !== 'compose') return undefined
  const profile = words[0] === '--profile' ? words.splice(0, 2)[1] : undefined
  const known = Object.values(services).flatMap(({ profiles = [] }) => profiles)
  if (profile !== undefined && !known.includes(profile)) return `docker-compose.yml has no profile ${profile}`
  const [verb, ...rest] = words
  if (!['up', 'run', 'ps', 'logs', 'stop', 'down', 'build', 'config', 'exec'].includes(verb ?? ''))
    return `compose ${verb}?`
  const [name, ...args] = rest.filter(
    (word, i) => !(word.startsWith('-') && rest.slice(0, i).every((one) => one.startsWith('-'))),
  )
  if (name === undefined) return undefined
  const service = services[name]
  if (!service) return `docker-compose.yml has no service ${name}`
  return verb === 'run' ? mistakeInNode([...(service.entrypoint ?? ['node']).slice(1), ...args]) : undefined
}

describe('every command on a page can be run as it is written', () => {
  const blocks = PAGES.flatMap(blocksOf)

  it.each(PAGES.filter((page) => blocksOf(page).some((block) => shellTextOf(block) !== undefined)))('%s', (page) => {
    const wrong = blocksOf(page).flatMap((block) =>
      shellCommands(shellTextOf(block) ?? '').flatMap((command) => {
        const mistake = mistakeIn(command)
        return mistake === undefined ? [] : [`${page}:${block.line}: ${command.words.join(' ')}: ${mistake}`]
      }),
    )
    expect(wrong).toEqual([])
  })

  it('a block of commands is marked sh, one with what they show console', () => {
    const commands = /^\s*(\$ )?(assay|npx|npm|node|docker|scripts\/\S+|spark-sql|python3?|curl|cp|awk) /m
    const unmarked = blocks.filter(({ language, text }) => language === '' && commands.test(text))
    expect(unmarked.map(({ page, line }) => `${page}:${line}`)).toEqual([])
    const languages = new Set(blocks.map(({ language }) => language))
    expect([...languages].filter((one) => !LANGUAGES.has(one))).toEqual([])
  })
})

/** Languages of blocks; text is what is shown, or a drawing. */
const LANGUAGES = new Set(['', 'console', 'java', 'js', 'json', 'python', 'sh', 'sql', 'text', 'toml', 'ts', 'yaml'])

it('a command that could not be run would be found', () => {
  const wrong = [
    'assay sql --fromat csv "FROM t"',
    'assay dlq --by weather',
    'npx assay tabels',
    'npx no-such-program',
    'npm run no-such-script',
    'node services/no-such/dist/main.js',
    'scripts/no-such up',
    'docker compose --profile no-such up -d',
    'docker compose run --rm cli sql',
    'ASSAY_NO_SUCH=1 npm start',
    'export ASSAY_HTTP_PORT=many',
    'no-such-program',
    'cd lake && eval "$(scripts/no-such env)"',
  ]
  const found = wrong.map((line) => shellCommands(line).map(mistakeIn))
  expect(wrong.filter((_, i) => found[i]?.every((mistake) => mistake === undefined))).toEqual([])
})

it('a link within the project leads somewhere', () => {
  const anchors = new Map(PAGES.map((page) => [page, anchorsOf(page)]))
  const wrong = PAGES.flatMap((page) =>
    [...proseOf(page).matchAll(/\]\(([^)\s]+)\)/g)].flatMap(([, target = '']) => {
      if (/^[a-z]+:/.test(target)) return []
      const [path = '', anchor] = target.split('#')
      const file = path === '' ? page : posix.join(posix.dirname(page), path)
      const leads = has(file) && (anchor === undefined || anchors.get(file)?.has(anchor))
      return leads ? [] : [`${page}: ${target}`]
    }),
  )
  expect(wrong).toEqual([])
})

/** Anchors of a page's headings, as those who show Markdown make them. */
function anchorsOf(page: string): Set<string> {
  const headings = [...proseOf(page).matchAll(/^#+ (.*)$/gm)].map(([, heading = '']) => heading)
  return new Set(
    headings.map((heading) =>
      heading
        .toLowerCase()
        .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
        .replaceAll(' ', '-'),
    ),
  )
}

describe('what a sentence names of the command line is there', () => {
  it.each(PAGES)('%s', (page) => {
    const spans = [...proseOf(page).matchAll(/`([^`\n]+)`/g)].map(([, span = '']) => span)
    const wrong = spans.flatMap((span) => {
      const mistake = mistakeInSpan(span)
      return mistake === undefined ? [] : [`\`${span}\`: ${mistake}`]
    })
    expect(wrong).toEqual([])
  })

  it.each(commandsBelow(program).map((command) => [nameOf(command), command] as const))(
    'the help of %s',
    (_, command) => {
      let help = ''
      command.configureOutput({ writeOut: (text) => (help += text) }).outputHelp()
      const examples = help.split('\n').filter((line) => /^ {2}assay [a-z]/.test(line))
      const wrong = examples.flatMap((line) => shellCommands(line.replace(/ {2,}[a-z].*$/, '')).map(mistakeIn))
      expect(wrong.filter((mistake) => mistake !== undefined)).toEqual([])
    },
  )
})

/** Capitals and "…" in a sentence stand for values, so only names are looked at. */
function mistakeInSpan(span: string): string | undefined {
  const [name, ...rest] = span.replace(/^npx assay /, 'assay ').split(' ')
  if (name === 'npm') return mistakeInNpm(rest)
  if (name === 'node' && rest[0]?.includes('/')) return mistakeInNode([rest[0].replace(/\{.*$/, '')])
  if (name !== 'assay') return undefined
  let command: Command = program
  for (const word of rest) {
    const below = command.commands.find((one) => one.name() === word)
    if (below) command = below
    else if (command === program && /^[a-z]/.test(word)) return `there is no command ${word}`
    const option = /^(--?[a-z][a-z-]*)/.exec(word)?.[1]
    if (option !== undefined && !optionsOf(command).has(option)) return `${nameOf(command)} has no ${option}`
  }
  return undefined
}

function optionsOf(command: Command): Set<string> {
  const own = command.options.flatMap(({ long, short }) => [long, short])
  const above = command.parent ? optionsOf(command.parent) : new Set<string>(['--help', '-h'])
  return new Set([...above, ...own.filter((name) => name !== undefined && name !== null)])
}

function commandsBelow(command: Command): Command[] {
  return [command, ...command.commands.flatMap(commandsBelow)]
}

function nameOf(command: Command): string {
  return command.parent ? `${nameOf(command.parent)} ${command.name()}` : command.name()
}
