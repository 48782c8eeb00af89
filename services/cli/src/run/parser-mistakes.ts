import type { Command, CommanderError } from 'commander'
import { closest, distance } from 'fastest-levenshtein'
import { allCommands, commandName, meaning, typed, typedArgument } from '../parse/describe.js'

/** A name that differs by more letters is another word, not a slip. */
const SLIP_LETTERS_MAX = 3

/** What is wrong by the parser, with what was expected; `command` is the one that refused. */
export function parserMistake(error: CommanderError, command: Command, program: Command): string {
  const name = /'([^']*)'/.exec(error.message)?.[1] ?? ''
  switch (error.code) {
    case 'commander.unknownOption':
      return unknownOption(name, command, program) ?? plain(error)
    case 'commander.optionMissingArgument':
      return missingValue(name, command) ?? plain(error)
    case 'commander.missingArgument':
      return missingArgument(name, command) ?? plain(error)
    case 'commander.excessArguments':
      return excessArgument(command)
    default:
      return plain(error)
  }
}

function plain(error: CommanderError): string {
  return error.message.replace(/^error: /, '').replaceAll(/\n+/g, ' ')
}

function unknownOption(flag: string, command: Command, program: Command): string | undefined {
  const [name = '', value] = flag.split(/=(.*)/s)
  const own = command.options.concat(program.options).find(({ long }) => long === name)
  if (own && value !== undefined) return `${name} takes no value: drop "=${value}"`
  const others = allCommands(program).filter((other) => other.options.some(({ long }) => long === name))
  if (others.length === 0) return undefined
  const takers = others.map((other) => `"${commandName(other)}"`).join(', ')
  return `${name} is an option of ${takers}; "${commandName(command)}" does not take it`
}

function missingValue(flags: string, command: Command): string | undefined {
  const option = command.options.find((one) => one.flags === flags)
  return option && `${option.long} has no value; it is ${typed(option)}, ${meaning(option)}`
}

function missingArgument(name: string, command: Command): string | undefined {
  const argument = command.registeredArguments.find((one) => one.name() === name)
  return argument && `${typedArgument(argument)} is missing: ${meaning(argument)}`
}

function excessArgument(command: Command): string {
  const { args, registeredArguments, commands } = command
  const excess = args[registeredArguments.length] ?? ''
  const name = `"${commandName(command)}"`
  if (commands.length > 0) {
    const names = commands.map((one) => one.name())
    const nearest = closest(excess, names)
    const slip = distance(excess, nearest) <= SLIP_LETTERS_MAX ? ` (Did you mean ${nearest}?)` : ''
    return `${name} has no command '${excess}'${slip}; it has ${names.join(', ')}`
  }
  const takes = registeredArguments.map((one) => `${typedArgument(one)}, ${meaning(one)}`).join('; ')
  return `'${excess}' is one argument too many: ${name} takes ${takes === '' ? 'none' : `only ${takes}`}`
}
