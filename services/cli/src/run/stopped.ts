import { AssayError } from '@assay/core'

/** The work's result; on abort it is left to itself, and `command_stopped` thrown at once. */
export async function untilAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  let stop = (): void => undefined
  const aborted = new Promise<never>((_, reject) => {
    stop = () => reject(commandStopped())
    if (signal.aborted) stop()
    else signal.addEventListener('abort', stop)
  })
  // The outcome of a stopped command is of no interest.
  work.catch(() => undefined)
  try {
    return await Promise.race([work, aborted])
  } finally {
    signal.removeEventListener('abort', stop)
  }
}

function commandStopped(): AssayError {
  return new AssayError('command_stopped', 'the command was stopped', { hint: 'run it again if it is still wanted' })
}
