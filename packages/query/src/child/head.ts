import type { AnswerColumn } from '@assay/engine'
import type { HeadColumn } from '../protocol/messages.js'

const NUMERIC: ReadonlySet<string> = new Set(['integer', 'decimal', 'float'])

export function headOf(columns: readonly AnswerColumn[]): HeadColumn[] {
  return columns.map(({ name, sqlType, type }) => ({ name, sql_type: sqlType, isNumeric: NUMERIC.has(type.kind) }))
}
