import { AssayError } from '@assay/core'
import type { SpansSource } from '../values/byte-arrays.js'
import type { Slice } from '../values/plain-writer.js'
import type { ColumnSource } from './sources.js'

/** Slices that can't be larger need no closer look. */
const LOOKED_AT_BYTES = 256 * 1024

/**
 * Bytes that the rows' values can take in a page, nulls left out or not. Only here the rows are checked: throws
 * `parquet_rows_invalid` for a span outside its source, or a code that is not in its dictionary.
 */
export function bytesOf(source: ColumnSource, { rows, from, to }: Rows): number {
  switch (source.kind) {
    case 'constant':
      return (to - from) * (source.size + 4)
    case 'rows':
      return source.spans ? spanBytes(source.spans, source.nulls, { rows, from, to }) : (to - from) * 16
    case 'codes':
      assertCodes(source.codes, source.entries.texts.length, { rows, from, to })
      return codesBytes(source, { rows, from, to })
    case 'lists':
      assertCodes(source.codes, source.lists.count, { rows, from, to })
      return listsBytes(source, { rows, from, to })
  }
}

type Rows = Omit<Slice, 'isRun'>

function assertCodes(codes: Int32Array, count: number, { rows, from, to }: Rows): void {
  for (let i = from; i < to; i++) {
    const code = codes[rows[i] as number] as number
    if (code < -1 || code >= count) throw rowsInvalid(`row ${rows[i]} has the code ${code} of ${count}`)
  }
}

/** By the largest entry where that is little, else by the entries that the rows have. */
function codesBytes({ codes, entries }: Extract<ColumnSource, { kind: 'codes' }>, { rows, from, to }: Rows): number {
  const most = (to - from) * (entries.size_max + 4)
  if (most <= LOOKED_AT_BYTES) return most
  let total = (to - from) * 4
  for (let i = from; i < to; i++) {
    const code = codes[rows[i] as number] as number
    if (code >= 0) total += entries.sizeOf(code)
  }
  return total
}

function listsBytes({ codes, lists }: Extract<ColumnSource, { kind: 'lists' }>, { rows, from, to }: Rows): number {
  const { offsets, entries } = lists
  let elements = 0
  for (let i = from; i < to; i++) {
    const code = codes[rows[i] as number] as number
    if (code >= 0) elements += (offsets[code + 1] as number) - (offsets[code] as number)
  }
  return (to - from) * 4 + elements * (entries.size_max + 4)
}

function spanBytes(
  { bytes, starts, ends }: SpansSource,
  nulls: Uint8Array | undefined,
  { rows, from, to }: Rows,
): number {
  let total = (to - from) * 4
  for (let i = from; i < to; i++) {
    const row = rows[i] as number
    if (nulls !== undefined && nulls[row] === 1) continue
    const start = starts[row] as number
    const end = ends[row] as number
    if (end < start || end > bytes.length) {
      throw rowsInvalid(`row ${row} is bytes ${start} to ${end} of a source of ${bytes.length}`)
    }
    total += end - start
  }
  return total
}

function rowsInvalid(what: string): AssayError {
  return new AssayError('parquet_rows_invalid', what, { hint: 'check the rows where the column is made' })
}
