import { AssayError, diskFailureInText, messageOf, OutageError } from '@assay/core'

/** What DuckDB's message says went wrong; its C interface tells no error code, only a message with a fixed prefix. */
type Failure = 'out_of_memory' | 'interrupted' | 'fatal' | 'refused_by_sandbox' | 'io' | 'other'

export function failureOf(error: unknown): Failure {
  const message = messageOf(error)
  if (/^(?:Out of Memory Error|OutOfMemory)/.test(message) || /\bstd::bad_alloc\b/.test(message)) return 'out_of_memory'
  if (message.startsWith('INTERRUPT Error')) return 'interrupted'
  if (/^(?:FATAL|INTERNAL) Error/.test(message)) return 'fatal'
  if (message.startsWith('Permission Error')) return 'refused_by_sandbox'
  if (isDiskError(message)) return 'io'
  return 'other'
}

/**
 * The operating system refused something with a file: the engine's own words, then what the C library calls it. A file
 * that is named by a query and isn't there, or is shorter than it says, is no outage.
 */
const DISK_ERROR =
  /^IO Error: (?:Cannot open file|Could not (?:read from|write|seek to|truncate|fsync|remove|rename|set lock on|get file position)|Failed to (?:create directory|get stats for|get file size))/

function isDiskError(message: string): boolean {
  return DISK_ERROR.test(message)
}

/** A Parquet file whose bytes are not what was written: in the engine's words, some of which name no file. */
const DAMAGED_FILE =
  /^(?:Invalid Input Error: (?:Failed to read file |No magic bytes found |File '.*' too small to be a Parquet)|Invalid Error: Out of buffer|.*TProtocolException|IO Error: Could not read enough bytes from file )/

/** What to do about a file that can't be decoded; undefined where the message tells of something else. */
export function damagedFileHint(message: string): string | undefined {
  if (!DAMAGED_FILE.test(message)) return undefined
  return '"assay verify" names every file that can\'t be read; restore it from a copy'
}

/** Parquet files that a statement reads, as it quotes them. */
const PARQUET_FILE = /'((?:[^']|'')+\.parquet)'/g
/** More are not listed one by one. */
const FILES_TOLD_MAX = 3

/** The engine does not always say which of the statement's files it could not decode. */
function withFiles(message: string, sql: string): string {
  if (!DAMAGED_FILE.test(message) || message.includes('.parquet')) return message
  const files = [...new Set([...sql.matchAll(PARQUET_FILE)].map(([, path = '']) => path.replaceAll("''", "'")))]
  if (files.length === 0) return message
  const others = files.length > FILES_TOLD_MAX ? ` and ${files.length - FILES_TOLD_MAX} more` : ''
  return `${message}; ${files.length === 1 ? 'it reads' : 'one of'} ${files.slice(0, FILES_TOLD_MAX).join(', ')}${others}`
}

/**
 * The AssayError for a failed statement: `engine_out_of_memory`, `engine_interrupted`, `engine_broken`
 * (the instance refuses all further work), `engine_statement_failed`, or an OutageError: `engine_disk_full`,
 * `engine_disk_denied`, `engine_disk_too_many_files`, `engine_disk_failed`. `sql` is the statement that failed.
 */
export function engineError(error: unknown, sql = ''): AssayError {
  if (error instanceof AssayError) return error
  const message = messageOf(error)
  switch (failureOf(error)) {
    case 'out_of_memory':
      return new AssayError('engine_out_of_memory', message, {
        cause: error,
        hint: 'give the engine more memory (ASSAY_MEMORY_BYTES) or more room for what it spills (ASSAY_WORK_DIR), or make batches smaller (ASSAY_BATCH_ROWS, ASSAY_BATCH_BYTES)',
      })
    case 'interrupted':
      return new AssayError('engine_interrupted', message, {
        cause: error,
        hint: 'the statement was stopped on purpose; run it again if it is still wanted',
      })
    case 'fatal':
      return new AssayError('engine_broken', message, { cause: error, hint: 'restart the process' })
    case 'io': {
      const { fault, hint } = diskFailureInText(message)
      return new OutageError(`engine_disk_${fault}`, message, { cause: error, hint })
    }
    default:
      return new AssayError('engine_statement_failed', withFiles(message, sql), {
        cause: error,
        hint: damagedFileHint(message) ?? 'read the message of the engine: it names the statement and the place in it',
      })
  }
}
