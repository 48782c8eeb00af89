import type { WrittenParquet } from '@assay/engine'
import {
  type ColumnStatistics,
  currentSchema,
  type DataFile,
  dataFile,
  decodeValue,
  type PartitionSpec,
  primitiveOf,
  promoted,
  type Schema,
  type TableMatch,
  type TableMetadata,
  type Value,
} from '@assay/iceberg'
import { dateText, dayOfDate } from '../sql/times.js'
import type { TableDefinition } from './definition.js'
import type { PartitionValue } from './row-source.js'

/** What the statistics of a data file say of its rows. */
export interface RowBounds {
  /** False only if no row's value of the column can lie in [low, high]. */
  meets(column: string, low: bigint | number, high: bigint | number): boolean
  /** False only if the column is null in every row. */
  hasValues(column: string): boolean
}

/** The partition's values in the order of the table's partition columns. */
export function partitionTuple(
  { partitionBy }: Pick<TableDefinition, 'partitionBy'>,
  { fields }: TableMatch,
  partition: Readonly<Record<string, PartitionValue>>,
): (Value | null)[] {
  return partitionBy.map((name) => {
    const value = partition[name] ?? null
    const type = fields.get(name)?.type
    if (value === null || typeof type !== 'string') return value
    return type === 'date' && typeof value === 'string' ? dayOfDate(value) : promoted(type, value)
  })
}

/**
 * A file's values of the definition's partition columns, by name; dates as `YYYY-MM-DD`. Undefined for a file whose
 * own spec does not tell them all.
 */
export function partitionValues(
  { partitionBy }: Pick<TableDefinition, 'partitionBy'>,
  { fields }: TableMatch,
  metadata: TableMetadata,
  file: DataFile,
): Record<string, PartitionValue> | undefined {
  const spec = metadata.partitionSpecs.find(({ specId }) => specId === file.specId)
  const values: Record<string, PartitionValue> = {}
  for (const name of partitionBy) {
    const field = fields.get(name)
    const index = field && spec ? identityIndex(spec, field.id) : -1
    if (index < 0) return undefined
    values[name] = partitionValue(field?.type, file.partition[index] ?? null)
  }
  return values
}

function identityIndex({ fields }: PartitionSpec, sourceId: number): number {
  return fields.findIndex((field) => field.sourceId === sourceId && field.transform === 'identity')
}

/** A value as SQL gives it (dates as days) in the form that partitions are named by. */
export function partitionValue(type: unknown, value: unknown): PartitionValue {
  if (type === 'date' && typeof value === 'number') return dateText(value)
  if (typeof value === 'bigint') return Number(value)
  return typeof value === 'string' || typeof value === 'number' ? value : null
}

export function boundsOf({ fields }: TableMatch, file: DataFile): RowBounds {
  return {
    hasValues(name) {
      const field = fields.get(name)
      return field !== undefined && file.nullCounts?.get(field.id) !== file.recordCount
    },
    meets(name, low, high) {
      const { id, type } = fields.get(name) ?? {}
      if (id === undefined || (type !== 'int' && type !== 'long')) return true
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
  metadata: TableMetadata,
  specId: number,
  path: string,
  partition: readonly (Value | null)[],
  written: WrittenParquet,
): DataFile {
  const schema = currentSchema(metadata)
  const columns = new Map<number, ColumnStatistics>(
    written.columns.map((column) => [
      column.id,
      {
        values: column.values,
        nulls: column.nulls,
        size_bytes: column.size_bytes,
        ...bound('lower', schema, column.id, column.min),
        ...bound('upper', schema, column.id, column.max),
      },
    ]),
  )
  return dataFile(schema, {
    path,
    specId,
    partition,
    recordCount: written.rows,
    size_bytes: written.size_bytes,
    columns,
  })
}

function bound(
  side: 'lower' | 'upper',
  schema: Schema,
  id: number,
  value: bigint | string | boolean | undefined,
): Partial<Record<'lower' | 'upper', Value>> {
  if (value === undefined) return {}
  const type = primitiveOf(schema, id)
  const narrow = (type === 'int' || type === 'date') && typeof value === 'bigint'
  return { [side]: narrow ? Number(value) : value }
}
