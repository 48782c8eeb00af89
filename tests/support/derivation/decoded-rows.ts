import { type Exchange, PRESENT_READING } from '@assay/exchanges'
import { type Fields, type Writer, writerOf } from './writers.js'

/** A record of bronze. */
export interface BronzeRecord {
  readonly topic: string
  readonly partition: number
  readonly offset: bigint
  readonly value: Uint8Array | null
}

const RECORD_BYTES_MAX = 2 ** 20

type Frame =
  | { readonly status: 0; readonly writer: Writer; readonly fields: Fields }
  | { readonly status: 1 | 2 | 3 | 4 | 5 | 6 }

/** What avsc makes of a record, or the number by which the rules know why it can make nothing. */
function frameOf(value: Uint8Array | null): Frame {
  if (value === null) return { status: 1 }
  if (value.length > RECORD_BYTES_MAX) return { status: 2 }
  const id = schemaIdOf(value)
  if (id === null || id === 0) return { status: 3 }
  const writer = writerOf(id)
  if (!writer) return { status: 4 }
  if (writer.incompatible !== undefined) return { status: 6 }
  try {
    return { status: 0, writer, fields: writer.type.fromBuffer(Buffer.from(value.subarray(5))) as Fields }
  } catch {
    return { status: 5 }
  }
}

function schemaIdOf(value: Uint8Array): number | null {
  if (value.length < 5 || value[0] !== 0) return null
  const id = Buffer.from(value).readInt32BE(1)
  return id < 0 ? null : id
}

interface ReaderField {
  readonly name: string
  readonly type: unknown
  readonly default?: unknown
}

/**
 * A record as one JSON object for the frozen statements: coordinates, frame, fields under the reader's names, market and
 * message id. Numbers are texts, so that none is rounded on the way.
 */
export function decodedRow(
  exchange: Exchange,
  { topic, partition, offset, value }: BronzeRecord,
  laneId: number,
  frameDetails: ReadonlyMap<string, string>,
): Record<string, unknown> {
  const frame = frameOf(value)
  const schemaId = value && schemaIdOf(value)
  const row = {
    topic,
    partition,
    offset: String(offset),
    message_id: messageId(laneId, partition, offset),
    value_bytes: value?.length ?? 0,
    schema_id: frame.status === 3 ? null : schemaId,
    frame_status: frame.status,
  }
  if (frame.status !== 0) return { ...row, frame_detail: frameDetails.get(hexOf(value)) }
  const { fields: readerFields } = JSON.parse(exchange.schema) as { fields: readonly ReaderField[] }
  const { fields, writer } = frame
  const read = readerFields.map((field) => [field.name, fields[field.name] ?? field.default ?? null] as const)
  const missing = readerFields.filter(({ name, type }) => typeof type === 'string' && (fields[name] ?? null) === null)
  const record = Object.fromEntries(read)
  return {
    ...row,
    ...(missing.length > 0 && { missing_fields: missing.map(({ name }) => name).join(', ') }),
    ...extraOf(writer, fields, readerFields),
    ...Object.fromEntries(read.map(([name, found]) => [`raw_${name}`, textOf(found)])),
    ...marketOf(exchange, record),
    ...(exchange.name === 'kraken' && identityOf(record)),
  }
}

export function hexOf(value: Uint8Array | null): string {
  return value ? Buffer.from(value.subarray(0, 4096)).toString('hex') : 'null'
}

function textOf(value: unknown): unknown {
  return typeof value === 'bigint' || typeof value === 'number' ? String(value) : value
}

function extraOf({ schema }: Writer, fields: Fields, readerFields: readonly ReaderField[]): Record<string, string> {
  const known = new Set(readerFields.map(({ name }) => name))
  const { fields: written } = JSON.parse(schema) as { fields: readonly ReaderField[] }
  const parts = written
    .filter(({ name }) => !known.has(name))
    .map(({ name }) => `${JSON.stringify(name)}:${jsonOf(fields[name])}`)
  return parts.length === 0 ? {} : { extra_fields: `{${parts.join(',')}}` }
}

function jsonOf(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(jsonOf).join(',')}]`
  return typeof value === 'bigint' ? String(value) : JSON.stringify(value)
}

function marketOf(exchange: Exchange, record: Fields): Record<string, unknown> {
  const text = record[exchange.name === 'binance' ? 'symbol' : 'pair']
  if (typeof text !== 'string') return { symbol_status: 1 }
  const { symbol, currency, status } = exchange.market(text, PRESENT_READING)
  return { symbol, currency, symbol_status: status, symbol_text: status === 0 ? null : JSON.stringify(text) }
}

/** What a Kraken trade without a number is known by. */
function identityOf(record: Fields): Record<string, unknown> {
  if (record.trade_id !== null || record.timestamp === null) return {}
  const text = (name: string): string => String(record[name] ?? '')
  const numbers = [plainTime(text('timestamp')), plainNumber(text('price')), plainNumber(text('volume'))]
  const others = [text('side'), text('order_type'), text('misc')]
  const fill = record.fill_number ?? record.ingestion_timestamp
  const identity = `${JSON.stringify([text('pair'), ...numbers, ...others]).slice(0, -1)},${fill}]`
  return { identity_time: numbers[0], identity }
}

function plainTime(text: string): string {
  const [, seconds = '', decimals = ''] = /^(\d{1,10})(?:\.(\d{1,6}))?$/.exec(text) ?? []
  if (seconds === '' || Number(seconds) >= 9_214_646_400) return text
  return `${Number(seconds)}.${decimals.padEnd(6, '0')}`
}

function plainNumber(text: string): string {
  if (!/^-?\d+(\.\d*)?$/.test(text)) return text
  const [whole = '', fraction = ''] = text.replace('-', '').split('.')
  const digits = [whole.replace(/^0+(?=\d)/, ''), fraction.replace(/0+$/, '')].filter((part) => part !== '').join('.')
  return digits === '0' ? '0' : `${text.startsWith('-') ? '-' : ''}${digits}`
}

/** The bits of a UUID of version 8: lane id, partition, offset. */
function messageId(laneId: number, partition: number, offset: bigint): string {
  const low = BigInt(partition)
  const bits =
    (BigInt(laneId) << 100n) |
    ((low >> 10n) << 80n) |
    (8n << 76n) |
    ((low & 1023n) << 66n) |
    ((offset >> 62n) << 64n) |
    (2n << 62n) |
    (offset & (2n ** 62n - 1n))
  return bits
    .toString(16)
    .padStart(32, '0')
    .replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')
}
