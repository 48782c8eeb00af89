import type { RowColumn } from '@assay/core'
import { textAt } from './cells.js'

/** 1 for each of the rows that has a value. */
export function presentMask(column: RowColumn, rows: Uint32Array): Uint8Array {
  if (column.type === 'CONSTANT') return new Uint8Array(rows.length).fill(column.value === null ? 0 : 1)
  if ('codes' in column) return codesMask(column.codes, rows, new Uint8Array(column.dictionary.length).fill(1))
  const mask = new Uint8Array(rows.length).fill(1)
  const { nulls } = column
  if (nulls) for (let k = 0; k < mask.length; k++) mask[k] = nulls[rows[k] as number] === 1 ? 0 : 1
  return mask
}

/** 1 for each of the rows that has a text, and not the empty one. */
export function filledMask(column: RowColumn, rows: Uint32Array): Uint8Array {
  if (column.type !== 'VARCHAR') return textMask(column, rows, (text) => text !== '')
  const { starts, ends, nulls } = column
  const mask = new Uint8Array(rows.length)
  for (let k = 0; k < mask.length; k++) {
    const row = rows[k] as number
    mask[k] = ends[row] === starts[row] || nulls?.[row] === 1 ? 0 : 1
  }
  return mask
}

/** 1 for each of the rows whose text passes; it is asked once for each distinct text where those are few. */
export function textMask(column: RowColumn, rows: Uint32Array, passes: (text: string) => boolean): Uint8Array {
  if (column.type === 'DICTIONARY') {
    return codesMask(
      column.codes,
      rows,
      Uint8Array.from(column.dictionary, (text) => (passes(text) ? 1 : 0)),
    )
  }
  const of = (row: number): number => {
    const text = textAt(column, row)
    return text !== null && passes(text) ? 1 : 0
  }
  if (column.type === 'CONSTANT') return new Uint8Array(rows.length).fill(of(0))
  return Uint8Array.from(rows, of)
}

function codesMask(codes: Int32Array, rows: Uint32Array, ofCode: Uint8Array): Uint8Array {
  const mask = new Uint8Array(rows.length)
  for (let k = 0; k < mask.length; k++) {
    const code = codes[rows[k] as number] as number
    mask[k] = code < 0 ? 0 : (ofCode[code] as number)
  }
  return mask
}
