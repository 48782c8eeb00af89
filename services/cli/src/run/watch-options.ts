import type { Argument, Command, Option } from 'commander'
import { allCommands, commandName, meaning, typed, typedArgument } from '../parse/describe.js'
import type { Mistake } from '../parse/mistake.js'

/** What the parser takes without a word though it has no effect, or none that was meant. */
interface GivenOptions {
  /** The command that the line was found to ask for, once it was read. */
  ran(): Command | undefined
  /** Once a command line was read: what is wrong with it that the parser let pass. */
  mistakes(): Mistake[]
}

/**
 * Looks over the parser's shoulder: an option of a parent command reaches its subcommands unread, of an option given
 * twice the first value is dropped, an option before its value is taken for the value, and so is an empty text.
 */
export function watchOptions(program: Command): GivenOptions {
  const given = new Map<Option, unknown[]>()
  let ran: Command | undefined
  program.hook('preAction', (_program, command) => {
    ran = command
  })
  for (const command of allCommands(program)) {
    for (const option of command.options) {
      command.on(`option:${option.name()}`, (value: unknown) =>
        given.set(option, [...(given.get(option) ?? []), value]),
      )
    }
  }
  return {
    ran: () => ran,
    mistakes() {
      if (!ran) return []
      const known = [program, ...parentsOf(ran, program), ran].flatMap(({ options }) => options)
      return [
        ...strayOptions(ran, program, given),
        ...[...given].flatMap(([option, values]) => wrongValues(option, values, known)),
        ...emptyArguments(ran),
      ]
    },
  }
}

/** Options of the parents, which would be ignored; one that the command has, too, it reads from there. */
function strayOptions(ran: Command, program: Command, given: ReadonlyMap<Option, unknown>): Mistake[] {
  return parentsOf(ran, program).flatMap((parent) =>
    parent.options
      .filter((option) => given.has(option) && !ran.options.some(({ long }) => long === option.long))
      .map(({ long }) => ({
        subject: `${long}`,
        text: `${long} is an option of "${commandName(parent)}"; "${commandName(ran)}" does not take it`,
      })),
  )
}

function wrongValues(option: Option, values: readonly unknown[], known: readonly Option[]): Mistake[] {
  if (option.isBoolean()) return []
  const subject = `${option.long}`
  const takes = `${typed(option)}, ${meaning(option)}`
  const isFlag = (value: unknown): boolean => known.some(({ long, short }) => value === long || value === short)
  const flag = values.find(isFlag)
  if (flag !== undefined) return [{ subject, text: `${subject} has no value before ${flag}; it is ${takes}` }]
  if (values.some(isBlank)) return [{ subject, text: `${subject} has an empty value; it is ${takes}` }]
  if (values.length > 1 && !option.variadic) return [{ subject, text: `${subject} is given more than once` }]
  return []
}

function emptyArguments({ args, registeredArguments }: Command): Mistake[] {
  if (!args.some(isBlank)) return []
  const argument = (i: number): Argument | undefined => registeredArguments[i] ?? registeredArguments.at(-1)
  const found = argument(args.findIndex(isBlank))
  if (!found) return []
  const subject = typedArgument(found)
  return [{ subject, text: `${subject} is an empty text; it is: ${meaning(found)}` }]
}

function isBlank(value: unknown): boolean {
  return typeof value === 'string' && value.trim() === ''
}

/** The commands that a command belongs to, without the program, whose options all take. */
function parentsOf(command: Command, program: Command): Command[] {
  const { parent } = command
  return !parent || parent === program ? [] : [parent, ...parentsOf(parent, program)]
}
