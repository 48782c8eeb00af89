import { AssayError, diskFailureInText, messageOf, OutageError, UsageError } from '@assay/core'
import { damagedFileHint, failureOf } from '../errors.js'

const FILE_GONE = /No files found that match|Cannot open file .*No such file/s
const NOT_AN_INTEGER_OF_38_DIGITS = /Could not cast value (\S+) to DECIMAL\(38,0\)/
/** A path, with the name of its file. The statement's own texts may hold some; those are shortened, too. */
const PATH = /\/(?:[^\s/"'`,:;()[\]]+\/)+([^\s/"'`,:;()[\]]*)/g

/** The AssayError for a statement of people's that failed: it names no path of the machine. */
export function queryError(error: unknown): AssayError {
  if (error instanceof AssayError) return error
  const message = forPeople(messageOf(error))
  switch (failureOf(error)) {
    case 'out_of_memory':
      return new AssayError('query_memory', message, { cause: error, hint: MEMORY_HINT })
    case 'refused_by_sandbox':
      return refused('it reads a file')
    case 'fatal':
      return new AssayError('query_crashed', message, { cause: error, hint: 'write the statement in another way' })
    default:
      return otherError(error, message)
  }
}

export const MEMORY_HINT =
  'narrow it to fewer days, symbols or columns, aggregate in steps, or give it more with assay sql --memory MIB'

function otherError(error: unknown, message: string): AssayError {
  if (FILE_GONE.test(message)) {
    return new AssayError('query_files_gone', 'a file of the tables was cleaned up under the query', {
      cause: error,
      hint: 'run it again: it will read the tables as they stand now',
      retryable: true,
    })
  }
  if (failureOf(error) === 'io') {
    const { hint } = diskFailureInText(message)
    return new OutageError('query_disk_failed', message, { cause: error, hint })
  }
  const damaged = damagedFileHint(messageOf(error))
  if (damaged !== undefined) {
    return new AssayError('query_file_damaged', `a data file of the tables can't be decoded: ${message}`, {
      cause: error,
      hint: damaged,
    })
  }
  const wide = NOT_AN_INTEGER_OF_38_DIGITS.exec(message)
  if (wide) return tooWide(String(wide[1]))
  return new UsageError('query_invalid', message, { cause: error, hint: 'mend the SQL as the message says' })
}

/** For an integer that no format but text holds. */
export function tooWide(value: string): UsageError {
  return new UsageError('value_too_wide', `${value} has more than the 38 digits that the format holds`, {
    hint: 'cast the column to VARCHAR, or write csv or json',
  })
}

/** DuckDB's advice is to change settings, which nobody here can. */
const ADVICE = /\s*(?:Possible solutions:|Use "SET|You can (?:set|increase)|See https?:).*$/s

function forPeople(message: string): string {
  return message.replace(ADVICE, '').replaceAll(PATH, '…/$1')
}

export function refused(why: string): UsageError {
  return new UsageError('query_refused', `The statement is refused: ${why}.`, {
    hint: 'write one SELECT (or EXPLAIN of one) over the tables and views that "show tables" lists',
  })
}
