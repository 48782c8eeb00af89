import { decodedField } from '@assay/avro'
import { type DictionaryColumn, internSpans, type ListColumn, type RowColumn } from '@assay/core'

import { type DecodedRecords, withNulls } from './rows.js'

/** A field of longs as it is. */
export function longColumn({ decoded }: DecodedRecords, name: string): RowColumn {
  const { data, nulls } = decodedField(decoded, name, 'long')
  return { type: 'BIGINT', data, ...withNulls(nulls) }
}

/** A field of booleans as it is. */
export function booleanColumn({ decoded }: DecodedRecords, name: string): RowColumn {
  const { data, nulls } = decodedField(decoded, name, 'boolean')
  return { type: 'BOOLEAN', data, ...withNulls(nulls) }
}

/** A field of texts of which few are distinct. */
export function dictionaryColumn({ decoded }: DecodedRecords, name: string): DictionaryColumn {
  const field = decodedField(decoded, name, 'span')
  const { codes, texts } = internSpans(decoded.source, field.starts, field.ends, field.nulls)
  return { type: 'DICTIONARY', codes, dictionary: texts }
}

/** The same column with another text, or none, for each distinct one. */
export function recoded(
  { codes, dictionary }: DictionaryColumn,
  textOf: (text: string) => string | null,
): DictionaryColumn {
  const distinct = new Map<string, number>()
  const recode = Int32Array.from(dictionary, (text) => codeOf(distinct, textOf(text)))
  if (recode.every((code, before) => code === before))
    return { type: 'DICTIONARY', codes, dictionary: [...distinct.keys()] }
  const changed = new Int32Array(codes.length)
  for (let row = 0; row < changed.length; row++) {
    const code = codes[row] as number
    changed[row] = code < 0 ? -1 : (recode[code] as number)
  }
  return { type: 'DICTIONARY', codes: changed, dictionary: [...distinct.keys()] }
}

function codeOf(distinct: Map<string, number>, text: string | null): number {
  if (text === null) return -1
  const code = distinct.get(text) ?? distinct.size
  distinct.set(text, code)
  return code
}

/** A field of booleans as codes: 0 for false, 1 for true, -1 for none. */
export function flagCodes({ decoded }: DecodedRecords, name: string): Int32Array {
  const { data, nulls } = decodedField(decoded, name, 'boolean')
  const codes = new Int32Array(data.length)
  for (let row = 0; row < codes.length; row++) codes[row] = nulls[row] === 1 ? -1 : (data[row] as number)
  return codes
}

/** An empty list in every row. */
export function emptyLists(count: number): ListColumn {
  return { type: 'LIST', codes: new Int32Array(count), dictionary: [[]] }
}
