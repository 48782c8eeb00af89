import { isStopped } from '@assay/core'
import { ExitCode, exitCodeOf } from './exit-code.js'
import { type Io, write } from './io.js'
import { errorJson, errorText } from './print-error.js'
import { readCommandLine } from './read-command-line.js'
import { wrapText } from './wrap.js'

/** Runs a command line to its end; never throws. */
export async function run(argv: readonly string[], io: Io): Promise<ExitCode> {
  try {
    const command = readCommandLine(argv, io)
    if (command.kind === 'job') return await command.job(io)
    const [output, width] = command.isAsked ? [io.stdout, io.stdoutWidth] : [io.stderr, io.stderrWidth]
    await write(output, wrapText(command.text, width))
    return command.isAsked ? ExitCode.done : ExitCode.usage
  } catch (error) {
    if (io.signal.aborted && isStopped(error)) return ExitCode.stopped
    await write(io.stderr, argv.includes('--json') ? errorJson(error) : wrapText(errorText(error), io.stderrWidth))
    return exitCodeOf(error)
  }
}
