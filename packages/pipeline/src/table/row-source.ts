import type { NamedColumn } from '@assay/core'
import type { DataFile } from '@assay/iceberg'
import type { TableDefinition } from './definition.js'

/** Value of one partition column. */
export type PartitionValue = string | number | null

/** A query, or one over columns in memory, which `select` makes of the SQL that stands for them. */
export type RowSource =
  | string
  | { readonly columns: readonly NamedColumn[]; readonly count: number; readonly select: (source: string) => string }

/** Writes the rows of a query as one data file of a table's partition; undefined when there are none. */
export type WriteDataFile = (
  table: TableDefinition,
  rows: RowSource,
  partition: Readonly<Record<string, PartitionValue>>,
) => Promise<DataFile | undefined>
