import { lowerBound, upperBound } from './bounds.js'
import type { PartitionTuple } from './partition.js'
import { primitiveOf, type Schema } from './schema.js'
import type { Value } from './values.js'

/** Columns of position-delete files (specification, "Reserved field ids"). */
export const FILE_PATH_ID = 2_147_483_546
export const POSITION_ID = 2_147_483_545

export type FileContent = 'data' | 'position_deletes' | 'equality_deletes'

/** A file as a manifest describes it. Maps are keyed by column id. */
export interface DataFile {
  readonly content: FileContent
  /** Full path or URI, as written in the metadata. */
  readonly path: string
  readonly format: string
  readonly specId: number
  readonly partition: PartitionTuple
  readonly recordCount: number
  /** Exact size of the file, by which readers seek from its end. */
  readonly size_bytes: number
  readonly columnSizes?: ReadonlyMap<number, number>
  readonly valueCounts?: ReadonlyMap<number, number>
  readonly nullCounts?: ReadonlyMap<number, number>
  readonly nanCounts?: ReadonlyMap<number, number>
  /** Bounds in the single-value binary encoding, by field id. */
  readonly lowerBounds?: ReadonlyMap<number, Uint8Array>
  readonly upperBounds?: ReadonlyMap<number, Uint8Array>
  readonly keyMetadata?: Uint8Array
  readonly splitOffsets?: readonly number[]
  readonly equalityIds?: readonly number[]
  readonly sortOrderId?: number
  /** The one data file that a position-delete file speaks of. */
  readonly referencedDataFile?: string
}

/** What a Parquet writer tells of one column. */
export interface ColumnStatistics {
  readonly values?: number
  readonly nulls?: number
  readonly nans?: number
  readonly size_bytes?: number
  readonly lower?: Value
  readonly upper?: Value
}

/** Bounds are cut to sixteen characters or bytes on the way; columns not in the schema are left out. */
export function dataFile(
  schema: Schema,
  description: {
    readonly path: string
    readonly specId: number
    readonly partition: PartitionTuple
    readonly recordCount: number
    readonly size_bytes: number
    readonly columns: ReadonlyMap<number, ColumnStatistics>
  },
): DataFile {
  const { columns, ...rest } = description
  const lowerBounds = new Map<number, Uint8Array>()
  const upperBounds = new Map<number, Uint8Array>()
  for (const [id, statistics] of columns) {
    const type = primitiveOf(schema, id)
    if (!type) continue
    const lower = statistics.lower === undefined ? undefined : lowerBound(type, statistics.lower)
    const upper = statistics.upper === undefined ? undefined : upperBound(type, statistics.upper)
    if (lower) lowerBounds.set(id, lower)
    if (upper) upperBounds.set(id, upper)
  }
  const counts = (pick: (statistics: ColumnStatistics) => number | undefined): Map<number, number> => {
    const map = new Map<number, number>()
    for (const [id, statistics] of columns) {
      const count = pick(statistics)
      if (count !== undefined) map.set(id, count)
    }
    return map
  }
  return {
    ...rest,
    content: 'data',
    format: 'PARQUET',
    columnSizes: counts((s) => s.size_bytes),
    valueCounts: counts((s) => s.values),
    nullCounts: counts((s) => s.nulls),
    nanCounts: counts((s) => s.nans),
    lowerBounds,
    upperBounds,
  }
}
