import { hideSecretsOn, stopOnSignals, systemClock } from '@assay/core'

const stop = stopOnSignals(process, systemClock)
stop.stopWithReader(process.stdout)
// A closed standard error is no reason to end.
process.stderr.on('error', () => undefined)
for (const stream of [process.stdout, process.stderr]) hideSecretsOn(stream, process.env)
// Assay says which Node it needs, so the SDK's own warning is silenced.
process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED ??= 'true'

const { ExitCode } = await import('./run/exit-code.js')
const { run } = await stop.whileLoading(import('./run/run.js'), ExitCode.stopped)
const code = await run(process.argv.slice(2), {
  stdin: process.stdin,
  stdout: process.stdout,
  stderr: process.stderr,
  stdoutIsTerminal: process.stdout.isTTY === true,
  stderrIsTerminal: process.stderr.isTTY === true,
  // A terminal may be made larger or smaller meanwhile.
  get stdoutWidth() {
    return process.stdout.columns || Number(process.env.COLUMNS) || Number.POSITIVE_INFINITY
  },
  get stdoutHeight() {
    return process.stdout.rows || Number.POSITIVE_INFINITY
  },
  stderrWidth: process.stderr.columns || Number(process.env.COLUMNS) || Number.POSITIVE_INFINITY,
  env: process.env,
  signal: stop.signal,
})
// A reader that has seen enough (`assay sql … | head`) is no failure.
const isRead = stop.by !== undefined || !stop.signal.aborted
process.exitCode = code === ExitCode.stopped && !isRead ? ExitCode.done : code
if (stop.signal.aborted) await stop.exit(process.exitCode)
else stop.release()
