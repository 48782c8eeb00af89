import { AssayError } from '@assay/core'

/** Reads something of a table's file; what is wrong with it is told with the table and the file. */
export function inFile<T>(table: string, location: string, read: () => T): T {
  try {
    return read()
  } catch (error) {
    if (!(error instanceof AssayError)) throw error
    const { code, message, hint, cause } = error
    throw new AssayError(code, `table ${table}, ${location}: ${message}`, {
      ...(hint !== undefined && { hint }),
      ...(cause !== undefined && { cause }),
    })
  }
}
