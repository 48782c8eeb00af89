import type { DecodedColumns } from '@assay/avro'
import type { RowColumn } from '@assay/core'

/** Decoded records, and the rows of them that count: a row with `valid[i] !== 1` is null in every field. */
export interface DecodedRecords {
  readonly decoded: DecodedColumns
  readonly valid: Uint8Array
}

/** A column and its name. */
export type ColumnEntry = readonly [name: string, column: RowColumn]

/** Nulls of a column; left out where there are none, so that nobody looks for them. */
export function withNulls(nulls: Uint8Array): { readonly nulls?: Uint8Array } {
  return nulls.includes(1) ? { nulls } : {}
}

/** Rows that don't count, as the nulls of a column. */
export function invalidRows(valid: Uint8Array): Uint8Array {
  const nulls = new Uint8Array(valid.length)
  for (let row = 0; row < nulls.length; row++) nulls[row] = valid[row] === 1 ? 0 : 1
  return nulls
}
