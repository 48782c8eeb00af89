import type { Command, Option } from 'commander'

/** What the parser takes without a word though it has no effect. */
interface GivenOptions {
  /** Once a command line was read: each option that the command would ignore. */
  mistakes(): string[]
}

/**
 * Looks over the parser's shoulder: an option of a parent command reaches its subcommands unread, and of an option
 * given twice the first value is dropped. Both would be accepted and ignored.
 */
export function watchOptions(program: Command): GivenOptions {
  const counts = new Map<Option, number>()
  let ran: Command | undefined
  program.hook('preAction', (_program, command) => {
    ran = command
  })
  const commands = allCommands(program)
  for (const command of commands) {
    for (const option of command.options) {
      command.on(`option:${option.name()}`, () => counts.set(option, (counts.get(option) ?? 0) + 1))
    }
  }
  return {
    mistakes() {
      if (!ran) return []
      const repeated = [...counts].filter(([option, count]) => count > 1 && !option.isBoolean() && !option.variadic)
      return [
        ...repeated.map(([{ long }]) => `${long} is given more than once`),
        ...between(ran, program).flatMap((parent) =>
          parent.options
            .filter((option) => counts.has(option))
            .map(
              ({ long }) => `${long} is an option of "${nameOf(parent)}"; "${nameOf(ran as Command)}" does not take it`,
            ),
        ),
      ]
    },
  }
}

function allCommands(command: Command): Command[] {
  return [command, ...command.commands.flatMap(allCommands)]
}

/** The commands that a command belongs to, without the program, whose options all take. */
function between(command: Command, program: Command): Command[] {
  const { parent } = command
  return !parent || parent === program ? [] : [parent, ...between(parent, program)]
}

function nameOf(command: Command): string {
  return command.parent ? `${nameOf(command.parent)} ${command.name()}` : command.name()
}
