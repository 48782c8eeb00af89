import type { RowColumn, RowColumns } from '@assay/core'
import type { ResultChunk, Session } from '@assay/engine'
import type { ColumnDefinition } from '../table/definition.js'
import { readableSql, readColumn } from './read-columns.js'

/** Rows of a query as columns in memory. */
interface ReadRows {
  readonly columns: RowColumns
  readonly count: number
}

/**
 * The rows of a query as columns, about `rowsAtOnce` at a time, in the order in which they come. The session reads on
 * between them: it can do nothing else meanwhile.
 */
export async function* readRows(
  session: Session,
  definitions: readonly ColumnDefinition[],
  sql: string,
  rowsAtOnce: number,
): AsyncGenerator<ReadRows> {
  let chunks: ResultChunk[] = []
  let count = 0
  for await (const chunk of session.read(`SELECT ${definitions.map(readableSql).join(', ')} FROM (${sql})`)) {
    chunks.push(chunk)
    count += chunk.count
    if (count < rowsAtOnce) continue
    yield { columns: columnsOf(chunks, count, definitions), count }
    chunks = []
    count = 0
  }
  if (count > 0) yield { columns: columnsOf(chunks, count, definitions), count }
}

function columnsOf(
  chunks: readonly ResultChunk[],
  count: number,
  definitions: readonly ColumnDefinition[],
): RowColumns {
  return new Map<string, RowColumn>(
    definitions.map((definition) => [definition.name, readColumn(chunks, count, definition)]),
  )
}
