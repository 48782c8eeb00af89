import { checkReadable } from '@assay/avro'
import { AssayError, UsageError } from '@assay/core'

/** The schema by which the records of a subject are read; undefined for a subject that nobody here reads. */
export type ReaderOf = (subject: string) => string | undefined

/**
 * Throws `schema_incompatible`, naming the fields, unless the subject's reader can take all that the schema may hold.
 */
export function checkReader(subject: string, schema: string, readerOf: ReaderOf | undefined): void {
  const reader = readerOf?.(subject)
  if (reader === undefined) return
  try {
    checkReadable({ schema }, reader)
  } catch (error) {
    if (!(error instanceof AssayError) || error.code !== 'schema_incompatible') throw error
    throw new UsageError('schema_incompatible', `records of ${subject} could not be read: ${error.message}`, {
      hint: 'every one of them would be a dead letter: keep the fields that are wanted and their types, or use another topic',
      cause: error,
    })
  }
}
