import { AssayError, OutageError, UsageError } from '@assay/core'

/** What the process ends with. `stopped`: a signal came before there was a result. */
export const ExitCode = { done: 0, found_wrong: 1, usage: 2, outage: 3, stopped: 130 } as const
export type ExitCode = (typeof ExitCode)[keyof typeof ExitCode]

export function exitCodeOf(error: unknown): ExitCode {
  if (error instanceof UsageError) return ExitCode.usage
  if (error instanceof OutageError) return ExitCode.outage
  return error instanceof AssayError && error.retryable ? ExitCode.outage : ExitCode.found_wrong
}
