import { Argument, Option } from 'commander'

/** An option whose value is one of a list, which its own reader checks with all other mistakes. */
export class ListedOption extends Option {
  readonly values: readonly string[]

  constructor(flags: string, description: string, values: readonly string[]) {
    super(flags, description)
    this.values = values
  }
}

/** The same for an argument. */
export class ListedArgument extends Argument {
  readonly values: readonly string[]

  constructor(name: string, description: string, values: readonly string[]) {
    super(name, description)
    this.values = values
  }
}

/** The values that an option or argument can have; none where it may be anything. */
export function listedValues(taken: Option | Argument): readonly string[] {
  return taken instanceof ListedOption || taken instanceof ListedArgument ? taken.values : []
}
