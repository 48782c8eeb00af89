interface ErrorDetails {
  /** What the reader of the message can do to mend it. */
  readonly hint?: string
  /** True when trying again later may succeed: an outage, not a mistake. */
  readonly retryable?: boolean
  readonly cause?: unknown
}

/** What to do about what can't happen as long as our own code is right. */
export const DEFECT_HINT = 'this is a defect of Assay: please report it with the log'

/** Base of every error that Assay throws on purpose. `code` is stable and in snake_case. */
export class AssayError extends Error {
  readonly code: string
  readonly hint: string | undefined
  readonly retryable: boolean

  constructor(code: string, message: string, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause })
    this.name = 'AssayError'
    this.code = code
    this.hint = details.hint
    this.retryable = details.retryable ?? false
  }
}

/** Something outside (store, log, registry, catalog) did not answer as it should; retryable. */
export class OutageError extends AssayError {
  constructor(code: string, message: string, details: Omit<ErrorDetails, 'retryable'> = {}) {
    super(code, message, { ...details, retryable: true })
    this.name = 'OutageError'
  }
}

/** Wrong usage or configuration: ends a command with exit code 2. */
export class UsageError extends AssayError {
  constructor(code: string, message: string, details: Omit<ErrorDetails, 'retryable'> = {}) {
    super(code, message, details)
    this.name = 'UsageError'
  }
}

export function isRetryable(error: unknown): boolean {
  return error instanceof AssayError && error.retryable
}

/** What is thrown by work that was told to stop, or lost what it works with because the process ends. */
const STOPPED: ReadonlySet<string> = new Set([
  'command_stopped',
  'engine_interrupted',
  'job_stopped',
  'log_closed',
  'query_stopped',
  'session_closed',
])

/** True of a failure that says nothing of the data: the work was stopped in its middle. */
export function isStopped(error: unknown): boolean {
  return error instanceof AssayError && STOPPED.has(error.code)
}
