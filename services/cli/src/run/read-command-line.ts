import { AssayError, UsageError } from '@assay/core'
import { type Command, CommanderError } from 'commander'
import { allCommands, commandName } from '../parse/describe.js'
import { type Mistake, mistakeTexts } from '../parse/mistake.js'
import { buildProgram } from '../program.js'
import type { Io } from './io.js'
import type { Job } from './job.js'
import { parserMistake } from './parser-mistakes.js'
import { watchOptions } from './watch-options.js'

/** What the parser calls a command line that asks for a text. */
const TEXTS: ReadonlySet<string> = new Set(['commander.help', 'commander.helpDisplayed', 'commander.version'])

/** What a command line comes to: a text to print (help, the version), or a job. */
type CommandLine = Text | { readonly kind: 'job'; readonly job: Job }

/** `isAsked`: false of the help that stands for a command that is missing. */
type Text = { readonly kind: 'text'; readonly text: string; readonly isAsked: boolean }

/** How wide help is where nobody says how wide the terminal is. */
const HELP_COLUMNS = 80

type Terminal = Pick<Io, 'env' | 'stdoutWidth'>

/**
 * Reads a command line without running anything. Throws a UsageError `bad_usage` that lists every mistake: an
 * unknown option is noted and left out, and the rest read again.
 */
export function readCommandLine(argv: readonly string[], terminal: Terminal): CommandLine {
  const mistakes: Mistake[] = []
  let rest = [...argv]
  for (;;) {
    // The value of an unknown option that was left out looks like an argument too many.
    const attempt = parse(rest, terminal, { allowExcess: mistakes.length > 0 })
    if (attempt.kind === 'text') return attempt
    if (attempt.kind === 'job') {
      mistakes.push(...attempt.mistakes)
      if (mistakes.length === 0) return attempt
      throw badUsage(mistakes, attempt.command)
    }
    mistakes.push({ text: attempt.mistake })
    const left = withoutUnknownOption(attempt.error, rest)
    if (!left) throw badUsage(mistakes, attempt.command)
    rest = left
  }
}

type Attempt =
  | Text
  | { readonly kind: 'job'; readonly job: Job; readonly mistakes: readonly Mistake[]; readonly command: string }
  | { readonly kind: 'wrong'; readonly error: CommanderError; readonly mistake: string; readonly command: string }

function parse(
  argv: readonly string[],
  { env, stdoutWidth }: Terminal,
  { allowExcess }: { readonly allowExcess: boolean },
): Attempt {
  let accepted: { job: Job; mistakes: readonly Mistake[] } | undefined
  let text = ''
  const program = buildProgram(env, (mistakes, job) => {
    accepted = { mistakes, job }
  })
  const width = Number.isFinite(stdoutWidth) ? stdoutWidth : HELP_COLUMNS
  const helpWidth = { getOutHelpWidth: () => width, getErrHelpWidth: () => width }
  const given = watchOptions(program)
  let refused: Command = program
  for (const command of allCommands(program)) {
    if (allowExcess) command.allowExcessArguments()
    command.exitOverride((error) => {
      refused = command
      throw error
    })
    const keep = (part: string): void => {
      text += part
    }
    command.configureOutput({ writeOut: keep, writeErr: keep, outputError: () => undefined, ...helpWidth })
  }
  try {
    program.parse(argv, { from: 'user' })
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error
    const isAsked = error.exitCode === 0
    if (TEXTS.has(error.code) && (isAsked || !argv.includes('--json'))) return { kind: 'text', text, isAsked }
    const mistake = TEXTS.has(error.code) ? noCommand(refused) : parserMistake(error, refused, program)
    return { kind: 'wrong', error, mistake, command: commandName(refused) }
  }
  const command = given.ran()
  if (accepted && command) {
    const mistakes = [...given.mistakes(), ...accepted.mistakes]
    return { kind: 'job', job: accepted.job, mistakes, command: commandName(command) }
  }
  throw new AssayError('no_command', 'the command line came to nothing', { hint: '"assay --help" lists the commands' })
}

function noCommand(command: Command): string {
  const names = command.commands.map((one) => one.name())
  return `"${commandName(command)}" needs a command: one of ${names.join(', ')}`
}

/** The command line without the option that is unknown, or undefined if that is not what is wrong. */
function withoutUnknownOption(error: CommanderError, argv: readonly string[]): string[] | undefined {
  if (error.code !== 'commander.unknownOption') return undefined
  const flag = /'([^']+)'/.exec(error.message)?.[1]
  const at = argv.findIndex((arg) => arg === flag || arg.startsWith(`${flag}=`))
  return at < 0 ? undefined : [...argv.slice(0, at), ...argv.slice(at + 1)]
}

function badUsage(mistakes: readonly Mistake[], command: string): UsageError {
  const texts = mistakeTexts(mistakes)
  const message = texts.length === 1 ? texts.join('') : texts.map((text) => `- ${text}`).join('\n')
  return new UsageError('bad_usage', message, { hint: `"${command} --help" shows what it takes` })
}
