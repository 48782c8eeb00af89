import { AssayError } from '@assay/core'

/** Bytes that are not what was written, a batch beyond the limit, one of a format from before Kafka 0.11. */
const CODES = new Set(['log_corrupt', 'batch_too_large', 'log_format_unsupported'])

/** True of an error that says that one lane can't be read at one position; the other lanes can. */
export function isUnreadable(error: unknown): error is AssayError {
  return error instanceof AssayError && CODES.has(error.code)
}
