import { ExitCode } from './run/exit-code.js'
import { run } from './run/run.js'

// The least Node is ours to say, not the SDK's.
process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED ??= 'true'

const stop = new AbortController()

/** The first signal asks for a graceful end, the second ends at once. */
function onSignal(): void {
  if (stop.signal.aborted) process.exit(ExitCode.killed)
  stop.abort()
}

process.on('SIGINT', onSignal)
process.on('SIGTERM', onSignal)
// A reader that has seen enough (`assay sql … | head`) is no failure.
process.stdout.on('error', () => process.exit(ExitCode.done))

const code = await run(process.argv.slice(2), {
  stdin: process.stdin,
  stdout: process.stdout,
  stderr: process.stderr,
  stdoutIsTerminal: process.stdout.isTTY === true,
  stderrIsTerminal: process.stderr.isTTY === true,
  env: process.env,
  signal: stop.signal,
})
process.exitCode = code
