import { AssayError, UsageError } from '@assay/core'
import { type Command, CommanderError } from 'commander'
import { buildProgram } from '../program.js'
import type { Io } from './io.js'
import type { Job } from './job.js'
import { watchOptions } from './watch-options.js'

/** What the parser calls a command line that asks for a text. */
const TEXTS: ReadonlySet<string> = new Set(['commander.help', 'commander.helpDisplayed', 'commander.version'])

/** What a command line comes to: a text to print (help, the version), or a job. */
type CommandLine =
  | { readonly kind: 'text'; readonly text: string; readonly isAsked: boolean }
  | { readonly kind: 'job'; readonly job: Job }

/**
 * Reads a command line without running anything. Throws a UsageError `bad_usage` that lists every mistake: an
 * unknown option is noted and left out, and the rest read again.
 */
export function readCommandLine(argv: readonly string[], env: Io['env']): CommandLine {
  const mistakes: string[] = []
  let rest = [...argv]
  for (;;) {
    // The value of an unknown option that was left out looks like an argument too many.
    const attempt = parse(rest, env, { allowExcess: mistakes.length > 0 })
    if (attempt.kind === 'text') return attempt
    if (attempt.kind === 'job') {
      mistakes.push(...attempt.mistakes)
      if (mistakes.length === 0) return attempt
      break
    }
    mistakes.push(messageOf(attempt.error))
    const left = withoutUnknownOption(attempt.error, rest)
    if (!left) break
    rest = left
  }
  throw new UsageError('bad_usage', listed(mistakes), { hint: `${helpCommand(argv, env)} shows what it takes` })
}

type Attempt =
  | { readonly kind: 'text'; readonly text: string; readonly isAsked: boolean }
  | { readonly kind: 'job'; readonly job: Job; readonly mistakes: readonly string[] }
  | { readonly kind: 'wrong'; readonly error: CommanderError }

function parse(argv: readonly string[], env: Io['env'], { allowExcess }: { readonly allowExcess: boolean }): Attempt {
  let accepted: { job: Job; mistakes: readonly string[] } | undefined
  let text = ''
  const program = buildProgram(env, (mistakes, job) => {
    accepted = { mistakes, job }
  })
  const keep = (part: string): void => {
    text += part
  }
  const given = watchOptions(program)
  for (const command of allCommands(program)) {
    if (allowExcess) command.allowExcessArguments()
    command.exitOverride().configureOutput({ writeOut: keep, writeErr: keep, outputError: () => undefined })
  }
  try {
    program.parse(argv, { from: 'user' })
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error
    if (TEXTS.has(error.code)) {
      return { kind: 'text', text, isAsked: error.exitCode === 0 }
    }
    return { kind: 'wrong', error }
  }
  if (accepted) return { kind: 'job', job: accepted.job, mistakes: [...given.mistakes(), ...accepted.mistakes] }
  throw new AssayError('no_command', 'the command line came to nothing', { hint: 'assay --help lists the commands' })
}

function allCommands(command: Command): Command[] {
  return [command, ...command.commands.flatMap(allCommands)]
}

/** The command line without the option that is unknown, or undefined if that is not what is wrong. */
function withoutUnknownOption(error: CommanderError, argv: readonly string[]): string[] | undefined {
  if (error.code !== 'commander.unknownOption') return undefined
  const flag = /'([^']+)'/.exec(error.message)?.[1]
  const at = argv.findIndex((arg) => arg === flag || arg.startsWith(`${flag}=`))
  return at < 0 ? undefined : [...argv.slice(0, at), ...argv.slice(at + 1)]
}

function messageOf(error: CommanderError): string {
  return error.message.replace(/^error: /, '').replaceAll(/\n+/g, ' ')
}

function listed(mistakes: readonly string[]): string {
  return mistakes.length === 1 ? mistakes.join('') : mistakes.map((mistake) => `- ${mistake}`).join('\n')
}

function helpCommand(argv: readonly string[], env: Io['env']): string {
  let at: Command = buildProgram(env, () => undefined)
  const names = ['assay']
  for (const arg of argv) {
    const found = at.commands.find((command) => command.name() === arg)
    if (found) {
      names.push(arg)
      at = found
    }
  }
  return [...names, '--help'].join(' ')
}
