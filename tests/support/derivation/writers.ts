import avsc, { type Type } from 'avsc'
import { binance, kraken } from '../memory-lake.js'

export type Fields = Readonly<Record<string, unknown>>

/** A schema that records of the log are written by. */
export interface Writer {
  readonly id: number
  readonly exchange: 'binance' | 'kraken'
  readonly schema: string
  readonly type: Type
  /** Why no record of it can be read, where that is so. */
  readonly incompatible?: string
}

/** Longs as bigints: avsc's own are doubles. */
const LONG = avsc.types.LongType.__with({
  fromBuffer: (bytes: Buffer) => bytes.readBigInt64LE(),
  toBuffer(value: bigint) {
    const bytes = Buffer.alloc(8)
    bytes.writeBigInt64LE(value)
    return bytes
  },
  fromJSON: BigInt,
  toJSON: String,
  isValid: (value: unknown) => typeof value === 'bigint',
  compare: (a: bigint, b: bigint) => (a < b ? -1 : a > b ? 1 : 0),
}) as unknown as Type

interface Field {
  readonly name: string
  readonly type: unknown
  readonly default?: unknown
}

function writer(
  id: number,
  exchange: Writer['exchange'],
  change: (fields: readonly Field[]) => readonly Field[],
  incompatible?: string,
): Writer {
  const present = JSON.parse((exchange === 'binance' ? binance : kraken).schema) as { fields: readonly Field[] }
  const schema = { ...present, fields: change(present.fields) }
  const options = { registry: { long: LONG }, wrapUnions: false } as unknown as Parameters<
    typeof avsc.Type.forSchema
  >[1]
  const type = avsc.Type.forSchema(schema as unknown as avsc.Schema, options)
  return { id, exchange, schema: JSON.stringify(schema), type, ...(incompatible !== undefined && { incompatible }) }
}

const without = (...names: readonly string[]) => {
  return (fields: readonly Field[]) => fields.filter(({ name }) => !names.includes(name))
}

/** The schemas of the mixed lake; the first two are those of today. */
export const WRITERS = {
  binance: writer(1, 'binance', (fields) => fields),
  kraken: writer(2, 'kraken', (fields) => fields),
  /** Fields between and behind those that silver reads. */
  binanceExtra: writer(3, 'binance', ([first, ...others]) => [
    { name: 'venue', type: 'string' },
    first as Field,
    ...others,
    { name: 'fee', type: ['null', 'double'] },
    { name: 'order_ids', type: { type: 'array', items: 'long' } },
  ]),
  binanceOptional: writer(4, 'binance', (fields) =>
    fields.map((field) =>
      ['price', 'symbol', 'trade_time_ms', 'ingestion_timestamp'].includes(field.name)
        ? { ...field, type: ['null', field.type] }
        : field,
    ),
  ),
  /** Trades without a number. */
  krakenFirst: writer(5, 'kraken', without('trade_id', 'fill_number')),
  binanceWithoutSymbol: writer(
    6,
    'binance',
    without('symbol'),
    `field "symbol": the writer's schema lacks it, wanted string`,
  ),
  krakenExtra: writer(7, 'kraken', (fields) => [...fields, { name: 'note', type: 'string' }]),
} as const

const byId = new Map<number, Writer>(Object.values(WRITERS).map((each) => [each.id, each]))

export function writerOf(id: number): Writer | undefined {
  return byId.get(id)
}

/** A record behind its wire header. */
export function encoded({ id, type }: Writer, record: Fields): Buffer {
  const header = Buffer.alloc(5)
  header.writeInt32BE(id, 1)
  return Buffer.concat([header, type.toBuffer(record)])
}
