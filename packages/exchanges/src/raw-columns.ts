import { type DecodedColumns, decodedField } from '@assay/avro'
import { type NamedColumn, ParseStatus } from '@assay/core'
import { type ParseStatusCode, parseDecimal28_10 } from './decimal.js'
import { millisToMicros, parseSecondsText } from './event-time.js'
import { internSpans } from './interner.js'
import type { Market } from './markets/market.js'
import { visibleText } from './markets/symbol-text.js'

/** Offending texts are cut here, at the border of a character. */
const TEXT_BYTES_MAX = 64

/** Decoded records, and the rows of them that count. */
interface RawRows {
  readonly decoded: DecodedColumns
  readonly valid: Uint8Array
}

/** A decimal text as `<name>`, `<name>_status`, `<name>_text`. */
export function decimalColumns(rows: RawRows, field: string, name: string): NamedColumn[] {
  const { source, count } = rows.decoded
  const data = new Uint8Array(16 * count)
  const words = new Int32Array(data.buffer)
  const parsed = parseSpans(rows, field, (start, end, row) => parseDecimal28_10(source, start, end, words, row))
  return [{ name, column: { type: 'DECIMAL', data, nulls: parsed.nulls } }, ...parsed.columns(name)]
}

/** A text of seconds since 1970 as `event_time_us`, `event_time_status`, `event_time_text`. */
export function secondsTextColumns(rows: RawRows, field: string): NamedColumn[] {
  const { source, count } = rows.decoded
  const data = new BigInt64Array(count)
  const words = new Int32Array(data.buffer)
  const parsed = parseSpans(rows, field, (start, end, row) => parseSecondsText(source, start, end, words, row))
  return [
    { name: 'event_time_us', column: { type: 'BIGINT', data, nulls: parsed.nulls } },
    ...parsed.columns('event_time'),
  ]
}

/** A long of ms since 1970 as `event_time_us`, `event_time_status`, `event_time_text`. */
export function millisColumns({ decoded, valid }: RawRows, fieldName: string): NamedColumn[] {
  const field = decodedField(decoded, fieldName, 'long')
  const data = new BigInt64Array(decoded.count)
  const words = new Int32Array(data.buffer)
  const nulls = new Uint8Array(decoded.count)
  const status = new Uint8Array(decoded.count)
  const texts = new Map<string, number>()
  const codes = new Int32Array(decoded.count).fill(-1)
  for (let row = 0; row < decoded.count; row++) {
    if (valid[row] !== 1 || field.nulls[row] === 1) status[row] = ParseStatus.missing
    else status[row] = millisToMicros(field.words[2 * row] as number, field.words[2 * row + 1] as number, words, row)
    if (status[row] === ParseStatus.ok) continue
    nulls[row] = 1
    if (status[row] === ParseStatus.missing) continue
    const text = String(field.data[row])
    const code = texts.get(text) ?? texts.size
    texts.set(text, code)
    codes[row] = code
  }
  return [
    { name: 'event_time_us', column: { type: 'BIGINT', data, nulls } },
    { name: 'event_time_status', column: { type: 'UTINYINT', data: status, nulls: invalidRows(valid) } },
    { name: 'event_time_text', column: { type: 'DICTIONARY', codes, dictionary: [...texts.keys()] } },
  ]
}

/**
 * A symbol as `symbol`, `currency`, `symbol_status`, `symbol_text`; what they are is asked once for each distinct text.
 */
export function marketColumns(rows: RawRows, field: string, market: (text: string) => Market): NamedColumn[] {
  const { codes, texts } = interned(rows, field)
  const markets = texts.map(market)
  const column = (name: string, value: (market: Market, text: string) => string | null): NamedColumn => ({
    name,
    column: recoded(
      codes,
      markets.map((found, code) => value(found, texts[code] as string)),
    ),
  })
  const status = Uint8Array.from(codes, (code) => markets[code]?.status ?? ParseStatus.missing)
  return [
    column('symbol', ({ symbol }) => symbol),
    column('currency', ({ currency }) => currency),
    { name: 'symbol_status', column: { type: 'UTINYINT', data: status, nulls: invalidRows(rows.valid) } },
    column('symbol_text', (found, text) => (found.status === ParseStatus.ok ? null : visibleText(text))),
  ]
}

/** A text of few distinct values. */
export function dictionaryColumn(rows: RawRows, field: string, name: string): NamedColumn {
  const { codes, texts } = interned(rows, field)
  return { name, column: { type: 'DICTIONARY', codes, dictionary: texts } }
}

export function longColumn({ decoded, valid }: RawRows, fieldName: string, name: string): NamedColumn {
  const field = decodedField(decoded, fieldName, 'long')
  return { name, column: { type: 'BIGINT', data: field.data, nulls: nullRows(field.nulls, valid) } }
}

export function booleanColumn({ decoded, valid }: RawRows, fieldName: string, name: string): NamedColumn {
  const field = decodedField(decoded, fieldName, 'boolean')
  return { name, column: { type: 'BOOLEAN', data: field.data, nulls: nullRows(field.nulls, valid) } }
}

/** Rows that a column with these nulls lacks, or that don't count. */
export function nullRows(nulls: Uint8Array, valid: Uint8Array): Uint8Array {
  const result = new Uint8Array(nulls.length)
  for (let row = 0; row < result.length; row++) result[row] = nulls[row] === 1 || valid[row] !== 1 ? 1 : 0
  return result
}

function invalidRows(valid: Uint8Array): Uint8Array {
  return valid.map((flag) => (flag === 1 ? 0 : 1))
}

function interned({ decoded, valid }: RawRows, fieldName: string): ReturnType<typeof internSpans> {
  const field = decodedField(decoded, fieldName, 'span')
  return internSpans(decoded.source, field.starts, field.ends, nullRows(field.nulls, valid))
}

function recoded(codes: Int32Array, values: readonly (string | null)[]): NamedColumn['column'] {
  const distinct = new Map<string, number>()
  const recode = values.map((value) => {
    if (value === null) return -1
    const code = distinct.get(value) ?? distinct.size
    distinct.set(value, code)
    return code
  })
  return {
    type: 'DICTIONARY',
    codes: codes.map((code) => (code < 0 ? -1 : (recode[code] as number))),
    dictionary: [...distinct.keys()],
  }
}

/** What parsing a text field row by row left behind. */
interface ParsedSpans {
  /** 1 for rows without a value. */
  readonly nulls: Uint8Array
  /** The columns `<name>_status` and `<name>_text`. */
  columns(name: string): NamedColumn[]
}

function parseSpans(
  { decoded, valid }: RawRows,
  fieldName: string,
  parse: (start: number, end: number, row: number) => ParseStatusCode,
): ParsedSpans {
  const field = decodedField(decoded, fieldName, 'span')
  const { source, count } = decoded
  const nulls = new Uint8Array(count)
  const status = new Uint8Array(count)
  const starts = new Uint32Array(count)
  const ends = new Uint32Array(count)
  const textNulls = new Uint8Array(count).fill(1)
  for (let row = 0; row < count; row++) {
    const start = field.starts[row] as number
    const end = field.ends[row] as number
    const counts = valid[row] === 1 && field.nulls[row] !== 1
    const found = counts ? parse(start, end, row) : ParseStatus.missing
    if (found === ParseStatus.ok) continue
    status[row] = found
    nulls[row] = 1
    if (!counts) continue
    starts[row] = start
    ends[row] = textEnd(source, start, end)
    textNulls[row] = 0
  }
  return {
    nulls,
    columns: (name) => [
      { name: `${name}_status`, column: { type: 'UTINYINT', data: status, nulls: invalidRows(valid) } },
      { name: `${name}_text`, column: { type: 'VARCHAR', source, starts, ends, nulls: textNulls } },
    ],
  }
}

function textEnd(source: Uint8Array, start: number, end: number): number {
  if (end - start <= TEXT_BYTES_MAX) return end
  let at = start + TEXT_BYTES_MAX
  while (((source[at] as number) & 0xc0) === 0x80) at--
  return at
}
