import { UsageError } from '@assay/core'
import { embeddedParts, type LakeParts, readLakeParts } from '@assay/lake'
import { Command } from 'commander'
import type { Mistake } from './mistake.js'
import { OptionReader } from './options.js'

/** The lake that is meant when none is named. */
export const DEFAULT_LAKE = './lake'

/** The root command, with the environment that it was started in. */
export class Program extends Command {
  readonly env: Readonly<Record<string, string | undefined>>

  constructor(name: string, env: Program['env']) {
    super(name)
    this.env = env
  }
}

interface GlobalOptions {
  /** The lake that is meant, and the parts that the environment says it stands on. */
  readonly lake: LakeParts
  readonly json: boolean
}

/** `--lake` and `--json`, which stand before or after the command; options that are missing are noted. */
export function globalOptions(command: Command, reader: OptionReader): GlobalOptions {
  reader.required(command)
  const { lake, json } = command.optsWithGlobals<{ lake: string; json?: boolean }>()
  return { lake: readParts(command, lake, reader), json: json ?? false }
}

/** The same for who tells of mistakes in the environment himself: those in what was typed are noted alone. */
export function lakeAsGiven(
  command: Command,
  reader: OptionReader,
): { readonly location: string; readonly json: boolean; readonly env: Program['env'] } {
  const { lake, json } = command.optsWithGlobals<{ lake: string; json?: boolean }>()
  const all = new OptionReader()
  readParts(command, lake, all)
  reader.mistakes.push(...all.mistakes.filter(({ subject }) => subject === '--lake'))
  return { location: lake, json: json ?? false, env: environmentOf(command) }
}

function readParts(command: Command, location: string, reader: OptionReader): LakeParts {
  try {
    return readLakeParts(environmentOf(command), location)
  } catch (error) {
    if (!(error instanceof UsageError)) throw error
    for (const text of error.message.split('\n')) reader.mistakes.push(mistakeIn(text, command))
    return embeddedParts(location)
  }
}

/** A mistake in what was typed is told of the option, one in the environment of the setting. */
function mistakeIn(text: string, command: Command): Mistake {
  const isTyped = rootOf(command).getOptionValueSource('lake') === 'cli'
  if (!isTyped || !text.startsWith('ASSAY_LAKE ')) return { text }
  return { subject: '--lake', text: text.replace('ASSAY_LAKE', '--lake') }
}

function rootOf(command: Command): Command {
  return command.parent ? rootOf(command.parent) : command
}

function environmentOf(command: Command): Program['env'] {
  const root = rootOf(command)
  if (root instanceof Program) return root.env
  throw new RangeError('the command belongs to no program')
}
