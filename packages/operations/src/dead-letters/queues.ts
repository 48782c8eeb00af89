import { UsageError } from '@assay/core'
import { DLQ_ARCHIVE_TABLE, DLQ_TABLE } from '@assay/medallion'
import type { TableDefinition } from '@assay/pipeline'

const QUEUES = [DLQ_TABLE, DLQ_ARCHIVE_TABLE]

/** The queue of dead letters, or its archive, by name. Throws `unknown_table`. */
export function queueNamed(name: string): TableDefinition {
  const found = QUEUES.find((queue) => queue.name === name)
  if (found) return found
  throw unknownTable(
    name,
    QUEUES.map((queue) => queue.name),
  )
}

export function unknownTable(name: string, known: readonly string[]): UsageError {
  return new UsageError('unknown_table', `"${name}" is none of the tables that can stand here`, {
    hint: `it is one of ${known.join(', ')}`,
  })
}
