import { createHash } from 'node:crypto'
import { type DecodedColumns, type DecodedField, decodedField } from '@assay/avro'
import { bytesColumn, type SpanColumn } from '@assay/core'
import type { ColumnEntry } from '../columns/rows.js'
import { secondsTextMicros } from '../feed-time.js'
import type { Reading } from '../markets/reading.js'

/** What identifies a trade without an id: its time as text, and the bytes of which the md5 is taken. */
interface Identity {
  readonly time: Uint8Array
  readonly identity: Uint8Array
}

/** Ids of the trades without one of the exchange's, by row. */
export function idsOfNumberless(
  decoded: DecodedColumns,
  valid: Uint8Array,
  reading: Reading,
): ReadonlyMap<number, Uint8Array> {
  const ids = new Map<number, Uint8Array>()
  for (const [row, { time, identity }] of identities(decoded, valid, reading)) {
    const digest = createHash('md5').update(identity).digest('hex').slice(0, DIGEST_CHARACTERS)
    ids.set(row, Buffer.concat([HEAD, time, Buffer.from(`-${digest}`)]))
  }
  return ids
}

const HEAD = Buffer.from('KRAKEN-')
const DIGEST_CHARACTERS = 16

/** The same as `raw_timestamp` and `raw_identity`; both null for trades with an id. */
export function identityColumns(decoded: DecodedColumns, valid: Uint8Array, reading: Reading): ColumnEntry[] {
  const found = identities(decoded, valid, reading)
  const spans = (type: SpanColumn['type'], bytesOf: (identity: Identity) => Uint8Array): SpanColumn => {
    const values = Array.from(valid, (_, row) => {
      const identity = found.get(row)
      return identity && bytesOf(identity)
    })
    const { data, offsets, nulls } = bytesColumn(values)
    const { length } = values
    return {
      type,
      source: data,
      starts: offsets.subarray(0, length),
      ends: offsets.subarray(1),
      ...(nulls && { nulls }),
    }
  }
  return [
    ['raw_timestamp', spans('VARCHAR', ({ time }) => time)],
    ['raw_identity', spans('BLOB', ({ identity }) => identity)],
  ]
}

function identities(decoded: DecodedColumns, valid: Uint8Array, reading: Reading): ReadonlyMap<number, Identity> {
  const numbers = decodedField(decoded, 'trade_id', 'long')
  const times = decodedField(decoded, 'timestamp', 'span')
  const identityOf = reading.method === 'currency_suffix' ? ofBody : ofValues
  const found = new Map<number, Identity>()
  for (let row = 0; row < valid.length; row++) {
    if (numbers.nulls[row] === 1 && times.nulls[row] !== 1 && valid[row] === 1) found.set(row, identityOf(decoded, row))
  }
  return found
}

/** The first way: by the record's Avro body, so that one trade in two schema versions was two. */
function ofBody(decoded: DecodedColumns, row: number): Identity {
  const { source, bodyStarts, bodyEnds } = decoded
  const { starts, ends } = decodedField(decoded, 'timestamp', 'span')
  return {
    time: source.subarray(starts[row], ends[row]),
    identity: source.subarray(bodyStarts[row], bodyEnds[row]),
  }
}

/**
 * By the decoded values, as a JSON array: pair, time, price, volume, side, order type, misc, and the number among
 * equal fills, or the ingestion time of a producer that doesn't number them. Numbers and times are written in one way
 * each, so that neither a schema nor trailing zeros make another trade.
 */
function ofValues(decoded: DecodedColumns, row: number): Identity {
  const text = (name: string): string => textAt(decoded, decodedField(decoded, name, 'span'), row)
  const fillNumber = decodedField(decoded, 'fill_number', 'long')
  const ingestion = decodedField(decoded, 'ingestion_timestamp', 'long')
  const fill = fillNumber.nulls[row] === 1 ? ingestion.data[row] : fillNumber.data[row]
  const trade = {
    pair: text('pair'),
    timestamp: text('timestamp'),
    price: text('price'),
    volume: text('volume'),
    side: text('side'),
    order_type: text('order_type'),
    misc: text('misc'),
  }
  return {
    time: Buffer.from(plainTime(trade.timestamp)),
    identity: Buffer.from(`${identityText(trade).slice(0, -1)},${fill}]`),
  }
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
