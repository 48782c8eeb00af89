import { AssayError, isStopped } from '@assay/core'
import { ExitCode, exitCodeOf } from './exit-code.js'
import { type Io, write } from './io.js'
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

/** An error as people read it: what is wrong, its stable code, and how to mend it. */
export function errorText(error: unknown): string {
  if (!(error instanceof AssayError)) {
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error)
    return `error: ${text}\n  this is a defect of Assay: please report it with the text above\n`
  }
  const message = error.message.includes('\n')
    ? `error [${error.code}]:\n${indented(error.message)}`
    : `error: ${error.message} [${error.code}]`
  return error.hint === undefined ? `${message}\n` : `${message}\n${indented(error.hint)}\n`
}

/** The same as one line of JSON, for programs. */
function errorJson(error: unknown): string {
  const { code, message, hint } =
    error instanceof AssayError
      ? error
      : { code: 'defect', message: error instanceof Error ? error.message : String(error), hint: undefined }
  return `${JSON.stringify({ error: { code, message, ...(hint !== undefined && { hint }), exit_code: exitCodeOf(error) } })}\n`
}

function indented(text: string): string {
  return text.replaceAll(/^/gm, '  ')
}
