import type { Argument, Command, Option } from 'commander'

/** What marks in its description an option that a command can't do without. */
const REQUIRED = ' (required)'

/** An option as it is typed: `--count <n>`. */
export function typed(option: Option): string {
  return option.flags.replace(/^-\w, /, '')
}

/** What an option is for, without the mark of those that have to be given. */
export function meaning({ description }: Option | Argument): string {
  return description.endsWith(REQUIRED) ? description.slice(0, -REQUIRED.length) : description
}

/** Whether the option has to be given; the parser itself would tell only the first that is missing. */
export function isRequired({ description }: Option): boolean {
  return description.endsWith(REQUIRED)
}

/** An argument as it is typed: `<files...>`. */
export function typedArgument(argument: Argument): string {
  const name = `${argument.name()}${argument.variadic ? '...' : ''}`
  return argument.required ? `<${name}>` : `[${name}]`
}

/** A command as it is typed: `assay dlq list`. */
export function commandName(command: Command): string {
  return command.parent ? `${commandName(command.parent)} ${command.name()}` : command.name()
}

/** The command and all below it. */
export function allCommands(command: Command): Command[] {
  return [command, ...command.commands.flatMap(allCommands)]
}
