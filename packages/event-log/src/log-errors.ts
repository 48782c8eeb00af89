import { AssayError, diskFailure, type Lane, laneKey, OutageError } from '@assay/core'

/** What the file system said, as an error that a caller can handle. Errors of ours pass unchanged. */
export function logError(cause: unknown, doing: string): AssayError {
  if (cause instanceof AssayError) return cause
  const { fault, hint } = diskFailure(errorCode(cause))
  const message = `${doing}: ${cause instanceof Error ? cause.message : String(cause)}`
  return new OutageError(`log_${fault}`, message, { hint, cause })
}

/** `ENOENT` and its like, or undefined for what isn't an error of the file system. */
export function errorCode(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error)) return undefined
  return typeof error.code === 'string' ? error.code : undefined
}

/** Undefined instead of the error when a file or folder is not there. */
export async function unlessMissing<T>(step: Promise<T>): Promise<T | undefined> {
  try {
    return await step
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined
    throw error
  }
}

/** The error for a file that somebody else takes away under our hands. */
export function vanished(path: string, doing: 'made' | 'opened'): OutageError {
  return new OutageError('log_failed', `${path} vanishes as it is ${doing}`, {
    hint: 'another program removes or renames files of the log: find it, and try again',
  })
}

export function unknownTopic(topic: string): AssayError {
  return new AssayError('unknown_topic', `the log has no topic ${topic}`, { hint: 'make it with ensureTopic first' })
}

export function unknownLane(lane: Lane): AssayError {
  return new AssayError('unknown_lane', `the log has no lane ${laneKey(lane)}`, {
    hint: 'ask lanes() which partitions the topic has',
  })
}

export function logClosed(): AssayError {
  return new AssayError('log_closed', 'the log has been closed', { hint: 'open it again' })
}
