import { Command } from 'commander'

/** The root command, with the environment that it was started in. */
export class Program extends Command {
  readonly env: Readonly<Record<string, string | undefined>>

  constructor(name: string, env: Program['env']) {
    super(name)
    this.env = env
  }
}
