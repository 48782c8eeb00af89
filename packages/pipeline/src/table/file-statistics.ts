import type { WrittenParquet } from '@assay/engine'
import {
  type ColumnStatistics,
  currentSchema,
  type DataFile,
  dataFile,
  decodeValue,
  type TableMetadata,
  type Value,
} from '@assay/iceberg'
import { dateText, dayOfDate } from '../sql/times.js'
import type { PartitionValue } from '../stage/context.js'
import { columnOf, type TableDefinition } from './definition.js'

/** What the statistics of a data file say of its rows. */
export interface RowBounds {
  /** False only if no row's value of the column can lie in [low, high]. */
  meets(column: string, low: bigint | number, high: bigint | number): boolean
  /** False only if the column is null in every row. */
  hasValues(column: string): boolean
}

/** The partition's values in the order of the table's partition columns. */
export function partitionTuple(
  table: TableDefinition,
  partition: Readonly<Record<string, PartitionValue>>,
): (Value | null)[] {
  return table.partitionBy.map((name) => {
    const value = partition[name] ?? null
    return columnOf(table, name).type === 'date' && typeof value === 'string' ? dayOfDate(value) : value
  })
}

/** A file's partition by column name; dates as `YYYY-MM-DD`. */
export function partitionValues(table: TableDefinition, file: DataFile): Record<string, PartitionValue> {
  return Object.fromEntries(
    table.partitionBy.map((name, i) => {
      const value = file.partition[i] ?? null
      if (columnOf(table, name).type === 'date' && typeof value === 'number') return [name, dateText(value)]
      return [name, typeof value === 'string' || typeof value === 'number' ? value : null]
    }),
  )
}

export function boundsOf(table: TableDefinition, file: DataFile): RowBounds {
  return {
    hasValues: (name) => file.nullCounts?.get(columnOf(table, name).id) !== file.recordCount,
    meets(name, low, high) {
      const { id, type } = columnOf(table, name)
      if (type !== 'int' && type !== 'long') return true
      const lower = file.lowerBounds?.get(id)
      const upper = file.upperBounds?.get(id)
      if (!lower || !upper) return true
      return (
        BigInt(decodeValue(type, lower) as bigint) <= BigInt(high) &&
        BigInt(decodeValue(type, upper) as bigint) >= BigInt(low)
      )
    },
  }
}

/** A written Parquet file as a manifest describes it. */
export function writtenFile(
  table: TableDefinition,
  metadata: TableMetadata,
  path: string,
  partition: readonly (Value | null)[],
  written: WrittenParquet,
): DataFile {
  const columns = new Map<number, ColumnStatistics>(
    written.columns.map((column) => [
      column.id,
      {
        values: column.values,
        nulls: column.nulls,
        size_bytes: column.size_bytes,
        ...bound('lower', typeOf(table, column.id), column.min),
        ...bound('upper', typeOf(table, column.id), column.max),
      },
    ]),
  )
  return dataFile(currentSchema(metadata), {
    path,
    specId: metadata.defaultSpecId,
    partition,
    recordCount: written.rows,
    size_bytes: written.size_bytes,
    columns,
  })
}

function typeOf(table: TableDefinition, id: number): string | undefined {
  return table.columns.find((column) => column.id === id)?.type
}

function bound(
  side: 'lower' | 'upper',
  type: string | undefined,
  value: bigint | string | boolean | undefined,
): Partial<Record<'lower' | 'upper', Value>> {
  if (value === undefined) return {}
  const narrow = (type === 'int' || type === 'date') && typeof value === 'bigint'
  return { [side]: narrow ? Number(value) : value }
}
