import type { DataFile } from '../format/data-file.js'
import type { ManifestFile } from '../format/manifest-list.js'
import type { PartitionColumn } from '../format/partition.js'
import { type PrimitiveType, primitiveOf, type Schema } from '../format/schema.js'
import { compareValues, decodeValue, type Value } from '../format/values.js'

/** Rows are wanted whose column lies in [from, to], each end open when undefined; a null lies in no range. */
export interface ColumnRange {
  readonly columnId: number
  readonly from?: Value
  readonly to?: Value
}

function meets(range: ColumnRange, lower: Value | undefined, upper: Value | undefined): boolean {
  if (range.from !== undefined && upper !== undefined && compareValues(upper, range.from) < 0) return false
  return !(range.to !== undefined && lower !== undefined && compareValues(lower, range.to) > 0)
}

/** Whether a file may hold rows of the range, by its bounds; without bounds it may. */
export function fileMeets(schema: Schema, file: DataFile, range: ColumnRange): boolean {
  const type = primitiveOf(schema, range.columnId)
  if (!type) return true
  return meets(range, bound(type, file.lowerBounds, range.columnId), bound(type, file.upperBounds, range.columnId))
}

function bound(
  type: PrimitiveType,
  bounds: ReadonlyMap<number, Uint8Array> | undefined,
  id: number,
): Value | undefined {
  const bytes = bounds?.get(id)
  return bytes && decodeValue(type, bytes)
}

/** Whether a file's partition values admit rows of the range; only identity partitions say anything. */
export function partitionMeets(columns: readonly PartitionColumn[], file: DataFile, range: ColumnRange): boolean {
  return columns.every((column, i) => {
    if (column.sourceId !== range.columnId || column.transform !== 'identity') return true
    const value = file.partition[i] ?? null
    return value !== null && meets(range, value, value)
  })
}

/** Whether a manifest may list files of the range, by its partition summaries. */
export function manifestMeets(
  columns: readonly PartitionColumn[],
  manifest: ManifestFile,
  range: ColumnRange,
): boolean {
  return columns.every((column, i) => {
    if (column.sourceId !== range.columnId || column.transform !== 'identity') return true
    const summary = manifest.partitions?.[i]
    if (!summary || summary.containsNan) return true
    const onlyNulls = summary.lower === undefined && summary.upper === undefined && summary.containsNull
    return !onlyNulls && meets(range, summary.lower, summary.upper)
  })
}
