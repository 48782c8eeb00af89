import type { LaneKey, Position, RowColumns } from '@assay/core'

/** All rows that a table has of one lane in [from, upper), as columns in memory. */
export interface LaneRows {
  readonly key: LaneKey
  readonly from: Position
  readonly upper: Position
  /** By the table's column names; other lanes' rows may lie in the same columns. */
  readonly columns: RowColumns
  /** Offset in the lane of each row of the columns: for a replayed row it is not its `offset`. */
  readonly offsets: BigInt64Array
  /** Indices in the columns, in ascending order of offset. */
  readonly rows: Uint32Array
}
