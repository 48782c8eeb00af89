import { readerPlan } from './reader-plan.js'
import { resolve } from './resolve.js'
import { parseWriterSchema, type WriterSchema } from './writer-schema.js'

/**
 * Makes sure that the reader can take every record that a writer of the schema may ever write: stricter than decoding,
 * where a union that the reader takes only some branches of is a matter of each record. Throws `schema_invalid` and
 * `schema_incompatible`, which names every field with what was found and what is wanted.
 */
export function checkReadable(writer: WriterSchema, readerSchema: string): void {
  resolve(parseWriterSchema(writer), readerPlan(readerSchema), { logicalTypes: true, nulls: false, everyBranch: true })
}
