import type { RowColumn } from '@assay/core'
import { type ColumnField, loadCompress, type ParquetFile, ParquetWriter } from '@assay/parquet'
import type { RowPart } from './row-source.js'

/** A data file of rows in memory; of their columns, it has those that the table has. */
export async function encodeRows(fields: readonly ColumnField[], parts: readonly RowPart[]): Promise<ParquetFile> {
  const writer = new ParquetWriter(fields, { compress: await loadCompress() })
  for (const { columns, rows } of parts) {
    const present = new Map<string, RowColumn>()
    for (const { name } of fields) {
      const column = columns.get(name)
      if (column) present.set(name, column)
    }
    await writer.append({ columns: present, rows })
  }
  return writer.finish()
}
