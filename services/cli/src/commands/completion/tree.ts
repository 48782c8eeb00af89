import type { Argument, Command, Option } from 'commander'
import { listedValues } from '../../parse/listed-option.js'

/** What a shell offers for a word. */
export type Offer =
  | { readonly kind: 'words'; readonly words: readonly string[] }
  | { readonly kind: 'files' | 'folders' | 'nothing' }

interface OfferedOption {
  /** Short and long, with their dashes. */
  readonly flags: readonly string[]
  readonly description: string
  /** Undefined for an option that stands alone. */
  readonly value: Offer | undefined
}

/** A command as a shell completes it. */
export interface OfferedCommand {
  /** The words that lead to it, such as `assay dlq show`. */
  readonly path: string
  readonly subcommands: readonly { readonly name: string; readonly summary: string }[]
  readonly options: readonly OfferedOption[]
  /** For words that are neither options nor subcommands. */
  readonly argument: Offer
}

/** The program's commands, from the parser's own definitions, each after the one that it belongs to. */
export function offeredCommands(command: Command, above = ''): OfferedCommand[] {
  const path = `${above} ${command.name()}`.trim()
  const help = command.createHelp()
  const subcommands = help.visibleCommands(command)
  const own: OfferedCommand = {
    path,
    subcommands: subcommands.map((one) => ({ name: one.name(), summary: one.summary() || one.description() })),
    options: [...help.visibleOptions(command), ...help.visibleGlobalOptions(command)].map(offeredOption),
    argument: offerOf(command.registeredArguments[0]),
  }
  return [own, ...subcommands.flatMap((one) => offeredCommands(one, path))]
}

function offeredOption(option: Option): OfferedOption {
  const flags = [option.short, option.long].filter((flag) => flag != null)
  return { flags, description: option.description, value: option.required ? offerOf(option) : undefined }
}

/** By the choices, or by what the value is called. */
function offerOf(taken: Option | Argument | undefined): Offer {
  if (!taken) return { kind: 'nothing' }
  const words = listedValues(taken)
  if (words.length > 0) return { kind: 'words', words }
  const called = 'flags' in taken ? /[<[]([\w-]+)/.exec(taken.flags)?.[1] : taken.name()
  if (called === 'file' || called === 'files') return { kind: 'files' }
  return { kind: called === 'dir' || called === 'location' ? 'folders' : 'nothing' }
}

/** Names of options that take a value, by the command's path: the word behind them is no command. */
export function optionsWithValue(
  commands: readonly OfferedCommand[],
): readonly (readonly [path: string, flag: string, value: Offer])[] {
  return commands.flatMap(({ path, options }) =>
    options.flatMap(({ flags, value }) => (value ? flags.map((flag) => [path, flag, value] as const) : [])),
  )
}

/** A text in single quotes, as POSIX shells read it. */
export function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`
}
