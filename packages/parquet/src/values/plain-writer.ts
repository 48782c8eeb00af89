import type { PageBytes } from './page-bytes.js'

/** Least or greatest value: integers, dates, times and unscaled decimals as a bigint, texts in UTF-8. */
export type Bound = bigint | boolean | Uint8Array

export interface ValueBounds {
  readonly min: Bound
  readonly max: Bound
}

/** Rows [from, to) of a list of indices; none of them null. */
export interface Slice {
  readonly rows: Uint32Array
  readonly from: number
  readonly to: number
  /** True if each index is the one before plus one. */
  readonly isRun: boolean
}

/** Writes values of one type as the encoding PLAIN has them (Encodings.md of parquet-format). */
export interface PlainWriter<Source> {
  readonly page: PageBytes
  add(source: Source, slice: Slice): void
  /** Bounds of the values in the page, if the type has any; called before the page is taken. */
  takeBounds(): ValueBounds | undefined
}

/** Bounds of both. */
export function joined(a: ValueBounds | undefined, b: ValueBounds | undefined): ValueBounds | undefined {
  if (!a || !b) return a ?? b
  return { min: isLess(b.min, a.min) ? b.min : a.min, max: isLess(a.max, b.max) ? b.max : a.max }
}

function isLess(a: Bound, b: Bound): boolean {
  return a instanceof Uint8Array ? Buffer.compare(a, b as Uint8Array) < 0 : a < b
}
