import type { Command } from 'commander'
import { lakeAsGiven } from '../../parse/global-options.js'
import { ListedArgument } from '../../parse/listed-option.js'
import { OptionReader } from '../../parse/options.js'
import { ExitCode } from '../../run/exit-code.js'
import { write } from '../../run/io.js'
import type { Accept } from '../../run/job.js'
import { bashScript } from './bash.js'
import { fishScript } from './fish.js'
import { offeredCommands } from './tree.js'
import { zshScript } from './zsh.js'

const SCRIPTS = { bash: bashScript, zsh: zshScript, fish: fishScript } as const

export function addCompletion(program: Command, accept: Accept): void {
  program
    .command('completion')
    .summary('print a script by which a shell completes commands, options and files')
    .description(
      'Prints a script for the shell, made from what this version takes; it asks nothing while it completes.',
    )
    .addArgument(new ListedArgument('<shell>', Object.keys(SCRIPTS).join(', '), Object.keys(SCRIPTS)))
    .addHelpText(
      'after',
      '\nExamples:\n  source <(assay completion bash)          in ~/.bashrc' +
        '\n  source <(assay completion zsh)           in ~/.zshrc, behind compinit' +
        '\n  assay completion fish | source           in ~/.config/fish/config.fish',
    )
    .action((shell: string, _options: unknown, command: Command) => {
      const reader = new OptionReader()
      lakeAsGiven(command, reader)
      if (!isShell(shell))
        reader.wrong('<shell>', `<shell> takes one of ${Object.keys(SCRIPTS).join(', ')}, not "${shell}"`)
      accept(reader.mistakes, async (io) => {
        if (isShell(shell)) await write(io.stdout, SCRIPTS[shell](offeredCommands(program)))
        return ExitCode.done
      })
    })
}

function isShell(text: string): text is keyof typeof SCRIPTS {
  return Object.hasOwn(SCRIPTS, text)
}
