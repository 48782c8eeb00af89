import { type DecodedColumns, type DecodedField, decodedField } from '@assay/avro'
import { bytesColumn, type NamedColumn, type SpanColumn } from '@assay/core'
import { secondsTextMicros } from '../feed-time.js'
import type { Reading } from '../markets/reading.js'
import { nullRows } from '../raw-columns.js'

/**
 * What identifies a trade without an id: `raw_timestamp`, its time as text, and `raw_identity`, the bytes of which the
 * md5 is taken; both null for trades with an id.
 */
export function identityColumns(decoded: DecodedColumns, valid: Uint8Array, reading: Reading): NamedColumn[] {
  const nulls = withIdOrInvalid(decoded, valid)
  return reading.method === 'currency_suffix' ? ofBodies(decoded, nulls) : ofValues(decoded, nulls)
}

function withIdOrInvalid(decoded: DecodedColumns, valid: Uint8Array): Uint8Array {
  const tradeId = decodedField(decoded, 'trade_id', 'long')
  const time = decodedField(decoded, 'timestamp', 'span')
  return nullRows(time.nulls, valid).map((flag, row) => (tradeId.nulls[row] === 1 ? flag : 1))
}

/** The first way: by the record's Avro body, so that one trade in two schema versions was two. */
function ofBodies(decoded: DecodedColumns, nulls: Uint8Array): NamedColumn[] {
  const { source, bodyStarts, bodyEnds } = decoded
  const { starts, ends } = decodedField(decoded, 'timestamp', 'span')
  return [
    { name: 'raw_timestamp', column: { type: 'VARCHAR', source, starts, ends, nulls } },
    {
      name: 'raw_identity',
      column: { type: 'BLOB', source, starts: bodyStarts, ends: bodyEnds, nulls: nulls.slice() },
    },
  ]
}

/**
 * By the decoded values, as a JSON array: pair, time, price, volume, side, order type, misc, and the number among
 * equal fills, or the ingestion time of a producer that doesn't number them. Numbers and times are written in one way
 * each, so that neither a schema nor trailing zeros make another trade.
 */
function ofValues(decoded: DecodedColumns, nulls: Uint8Array): NamedColumn[] {
  const times: (Uint8Array | undefined)[] = []
  const identities: (Uint8Array | undefined)[] = []
  const text = (name: string, row: number): string => textAt(decoded, decodedField(decoded, name, 'span'), row)
  const fillNumber = decodedField(decoded, 'fill_number', 'long')
  const ingestion = decodedField(decoded, 'ingestion_timestamp', 'long')
  for (let row = 0; row < nulls.length; row++) {
    if (nulls[row] === 1) {
      times.push(undefined)
      identities.push(undefined)
      continue
    }
    const fill = fillNumber.nulls[row] === 1 ? ingestion.data[row] : fillNumber.data[row]
    const trade = {
      pair: text('pair', row),
      timestamp: text('timestamp', row),
      price: text('price', row),
      volume: text('volume', row),
      side: text('side', row),
      order_type: text('order_type', row),
      misc: text('misc', row),
    }
    times.push(Buffer.from(plainTime(trade.timestamp)))
    identities.push(Buffer.from(`${identityText(trade).slice(0, -1)},${fill}]`))
  }
  return [
    { name: 'raw_timestamp', column: spans('VARCHAR', times) },
    { name: 'raw_identity', column: spans('BLOB', identities) },
  ]
}

/** The values that a trade has beside its number among equal ones, as a JSON array. */
export function identityText(trade: {
  readonly pair: string
  readonly timestamp: string
  readonly price: string
  readonly volume: string
  readonly side: string
  readonly order_type: string
  readonly misc: string
}): string {
  const { pair, timestamp, price, volume, side, order_type, misc } = trade
  const numbers = [plainTime(timestamp), plainNumber(price), plainNumber(volume)]
  return JSON.stringify([pair, ...numbers, side, order_type, misc])
}

function spans(type: SpanColumn['type'], values: readonly (Uint8Array | undefined)[]): SpanColumn {
  const { data, offsets, nulls } = bytesColumn(values)
  const count = values.length
  return { type, source: data, starts: offsets.subarray(0, count), ends: offsets.subarray(1), ...(nulls && { nulls }) }
}

function textAt({ source }: DecodedColumns, field: DecodedField & { readonly kind: 'span' }, row: number): string {
  const start = field.starts[row] as number
  return Buffer.from(source.buffer, source.byteOffset + start, (field.ends[row] as number) - start).toString()
}

/** A time's text with six decimals; a text that is no time stays as it is. */
function plainTime(text: string): string {
  const time_us = secondsTextMicros(text)
  if (time_us === undefined) return text
  return `${time_us / 1_000_000n}.${String(time_us % 1_000_000n).padStart(6, '0')}`
}

/** Without zeros that say nothing; what is no number stays as it is. */
function plainNumber(text: string): string {
  const [, sign = '', whole = '', fraction = ''] = /^(-?)0*(\d+)(?:\.(\d*?)0*)?$/.exec(text) ?? []
  if (whole === '') return text
  const digits = fraction === '' ? whole : `${whole}.${fraction}`
  return digits === '0' ? '0' : sign + digits
}
