import type { RowColumns } from '@assay/core'
import type { DataFile } from '@assay/iceberg'
import type { TableDefinition } from './definition.js'

/** Value of one partition column. */
export type PartitionValue = string | number | null

/** Rows in memory, named by their indices in the columns, in the order in which they are written. */
export interface RowPart {
  /** All columns of the table's definition. */
  readonly columns: RowColumns
  readonly rows: Uint32Array
}

/** A query, or rows in memory, part after part. */
export type RowSource = string | readonly RowPart[]

/** Writes rows as one data file of a table's partition; undefined when there are none. */
export type WriteDataFile = (
  table: TableDefinition,
  rows: RowSource,
  partition: Readonly<Record<string, PartitionValue>>,
) => Promise<DataFile | undefined>
