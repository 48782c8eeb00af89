import { isStopped } from '@assay/core'
import { ExitCode, exitCodeOf } from './exit-code.js'
import { type Io, write } from './io.js'
import { errorJson, errorText } from './print-error.js'
import { readCommandLine } from './read-command-line.js'

/** Runs a command line to its end; never throws. */
export async function run(argv: readonly string[], io: Io): Promise<ExitCode> {
  try {
    const command = readCommandLine(argv, io.env)
    if (command.kind === 'job') return await command.job(io)
    await write(command.isAsked ? io.stdout : io.stderr, command.text)
    return command.isAsked ? ExitCode.done : ExitCode.usage
  } catch (error) {
    if (io.signal.aborted && isStopped(error)) return ExitCode.stopped
    await write(io.stderr, argv.includes('--json') ? errorJson(error) : errorText(error))
    return exitCodeOf(error)
  }
}
