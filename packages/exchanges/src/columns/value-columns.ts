import { type DecodedField, decodedField } from '@assay/avro'
import { type DictionaryColumn, ParseStatus, type RowColumn } from '@assay/core'
import { type ParseStatusCode, parseDecimal28_10 } from '../decimal.js'
import { millisToMicros, parseSecondsText } from '../event-time.js'
import type { Market } from '../markets/market.js'
import { visibleText } from '../markets/symbol-text.js'
import { recoded } from './field-columns.js'
import { type ColumnEntry, type DecodedRecords, invalidRows, withNulls } from './rows.js'

/** Offending texts are cut here, at the border of a character. */
const TEXT_BYTES_MAX = 64

/** A decimal text as `<name>`, `<name>_status`, `<name>_text`. */
export function decimalColumns(records: DecodedRecords, fieldName: string, name: string): ColumnEntry[] {
  const { source, count } = records.decoded
  const field = decodedField(records.decoded, fieldName, 'span')
  const data = new Uint8Array(16 * count)
  const words = new Int32Array(data.buffer)
  const { starts, ends, nulls } = field
  const unparsed = new Unparsed(records, field)
  for (let row = 0; row < count; row++) {
    const isMissing = nulls[row] === 1
    const status = isMissing
      ? ParseStatus.missing
      : parseDecimal28_10(source, starts[row] as number, ends[row] as number, words, row)
    if (status !== ParseStatus.ok) unparsed.put(row, status)
  }
  return [[name, { type: 'DECIMAL', data, ...unparsed.nulls() }], ...unparsed.columns(name)]
}

/** A text of seconds since 1970 as `event_time_us`, `event_time_status`, `event_time_text`. */
export function secondsTextColumns(records: DecodedRecords, fieldName: string): ColumnEntry[] {
  const { source, count } = records.decoded
  const field = decodedField(records.decoded, fieldName, 'span')
  const data = new BigInt64Array(count)
  const words = new Int32Array(data.buffer)
  const { starts, ends, nulls } = field
  const unparsed = new Unparsed(records, field)
  for (let row = 0; row < count; row++) {
    const isMissing = nulls[row] === 1
    const status = isMissing
      ? ParseStatus.missing
      : parseSecondsText(source, starts[row] as number, ends[row] as number, words, row)
    if (status !== ParseStatus.ok) unparsed.put(row, status)
  }
  return [['event_time_us', { type: 'BIGINT', data, ...unparsed.nulls() }], ...unparsed.columns('event_time')]
}

/** A long of ms since 1970 as `event_time_us`, `event_time_status`, `event_time_text`. */
export function millisColumns({ decoded, valid }: DecodedRecords, fieldName: string): ColumnEntry[] {
  const field = decodedField(decoded, fieldName, 'long')
  const { count } = decoded
  const data = new BigInt64Array(count)
  const words = new Int32Array(data.buffer)
  const nulls = new Uint8Array(count)
  const statuses = new Uint8Array(count)
  const texts = new Map<string, number>()
  let codes: Int32Array | undefined
  for (let row = 0; row < count; row++) {
    const status =
      field.nulls[row] === 1
        ? ParseStatus.missing
        : millisToMicros(field.words[2 * row] as number, field.words[2 * row + 1] as number, words, row)
    if (status === ParseStatus.ok) continue
    statuses[row] = status
    nulls[row] = 1
    if (status === ParseStatus.missing) continue
    const text = String(field.data[row])
    const code = texts.get(text) ?? texts.size
    texts.set(text, code)
    codes ??= new Int32Array(count).fill(-1)
    codes[row] = code
  }
  return [
    ['event_time_us', { type: 'BIGINT', data, ...withNulls(nulls) }],
    ['event_time_status', { type: 'UTINYINT', data: statuses, ...withNulls(invalidRows(valid)) }],
    ['event_time_text', codes ? { type: 'DICTIONARY', codes, dictionary: [...texts.keys()] } : NO_TEXT],
  ]
}

/**
 * The symbols of a field as `symbol`, `currency`, `symbol_status`, `symbol_text`; what they are is asked once for each
 * distinct text.
 */
export function marketColumns(
  { valid }: Pick<DecodedRecords, 'valid'>,
  symbols: DictionaryColumn,
  market: (text: string) => Market,
): ColumnEntry[] {
  const markets = new Map(symbols.dictionary.map((text) => [text, market(text)]))
  const of = (text: string): Market => markets.get(text) as Market
  const statuses = Uint8Array.from(symbols.dictionary, (text) => of(text).status)
  const data = new Uint8Array(symbols.codes.length)
  for (let row = 0; row < data.length; row++) {
    const code = symbols.codes[row] as number
    data[row] = code < 0 ? ParseStatus.missing : (statuses[code] as number)
  }
  const isOk = symbols.dictionary.every((text) => of(text).status === ParseStatus.ok)
  return [
    ['symbol', recoded(symbols, (text) => of(text).symbol)],
    ['currency', recoded(symbols, (text) => of(text).currency)],
    ['symbol_status', { type: 'UTINYINT', data, ...withNulls(invalidRows(valid)) }],
    [
      'symbol_text',
      isOk ? NO_TEXT : recoded(symbols, (text) => (of(text).status === ParseStatus.ok ? null : visibleText(text))),
    ],
  ]
}

const NO_TEXT: RowColumn = { type: 'CONSTANT', of: 'VARCHAR', value: null }

/** What could not be parsed of a field of texts. Few rows, or none: nothing is set up before the first. */
class Unparsed {
  readonly #records: DecodedRecords
  readonly #field: DecodedField & { readonly kind: 'span' }
  readonly #statuses: Uint8Array
  #nulls: Uint8Array | undefined
  #texts: { readonly starts: Uint32Array; readonly ends: Uint32Array; readonly nulls: Uint8Array } | undefined

  constructor(records: DecodedRecords, field: DecodedField & { readonly kind: 'span' }) {
    this.#records = records
    this.#field = field
    this.#statuses = new Uint8Array(records.decoded.count)
  }

  put(row: number, status: ParseStatusCode): void {
    this.#nulls ??= new Uint8Array(this.#statuses.length)
    this.#nulls[row] = 1
    this.#statuses[row] = status
    if (this.#field.nulls[row] === 1) return
    const count = this.#statuses.length
    this.#texts ??= {
      starts: new Uint32Array(count),
      ends: new Uint32Array(count),
      nulls: new Uint8Array(count).fill(1),
    }
    const start = this.#field.starts[row] as number
    this.#texts.starts[row] = start
    this.#texts.ends[row] = textEnd(this.#records.decoded.source, start, this.#field.ends[row] as number)
    this.#texts.nulls[row] = 0
  }

  /** Nulls of the values. */
  nulls(): { readonly nulls?: Uint8Array } {
    return this.#nulls ? { nulls: this.#nulls } : {}
  }

  /** The columns `<name>_status` and `<name>_text`. */
  columns(name: string): ColumnEntry[] {
    const { valid, decoded } = this.#records
    const texts = this.#texts
    return [
      [`${name}_status`, { type: 'UTINYINT', data: this.#statuses, ...withNulls(invalidRows(valid)) }],
      [`${name}_text`, texts ? { type: 'VARCHAR', source: decoded.source, ...texts } : NO_TEXT],
    ]
  }
}

function textEnd(source: Uint8Array, start: number, end: number): number {
  if (end - start <= TEXT_BYTES_MAX) return end
  let at = start + TEXT_BYTES_MAX
  while (((source[at] as number) & 0xc0) === 0x80) at--
  return at
}
