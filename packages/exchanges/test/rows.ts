import { compileColumnDecoder, compileEncoder, newDecodedColumns } from '@assay/avro'
import { bytesColumn, type Column, type NamedColumn } from '@assay/core'
import { type Exchange, type FeedRecord, PRESENT_READING } from '../src/index.js'

/** Decodes bodies (records without wire header) written with a schema; undefined stands for an undecodable one. */
export function decodeBodies(
  exchange: Exchange,
  bodies: readonly (Uint8Array | undefined)[],
  writerSchema = exchange.schema,
  reading = PRESENT_READING,
): NamedColumn[] {
  const { data, offsets } = bytesColumn(bodies)
  const decoder = compileColumnDecoder(writerSchema, exchange.schema)
  const decoded = newDecodedColumns(exchange.schema, data, bodies.length)
  const valid = new Uint8Array(bodies.length)
  bodies.forEach((body, row) => {
    const [start = 0, end = 0] = offsets.subarray(row, row + 2)
    if (body && decoder.decode(data, start, end, row, decoded)) valid[row] = 1
  })
  return exchange.columns(decoded, valid, reading)
}

/** The columns of records as the exchange's feed makes them, changed as wished. */
export function columnsOf(exchange: Exchange, records: readonly Readonly<Record<string, unknown>>[]): NamedColumn[] {
  const encode = compileEncoder(exchange.schema)
  return decodeBodies(
    exchange,
    records.map((record) => encode(record)),
  )
}

/** One message's records; throws when it is not one with trades. */
export function feedRecords(exchange: Exchange, line: string): readonly FeedRecord[] {
  const outcome = exchange.newFeedParser(() => 1_700_000_000_000_000n)(line)
  if (outcome.kind !== 'records') throw new Error(JSON.stringify(outcome))
  return outcome.records
}

/** All columns' values at one row; decimals as unscaled bigints. */
export function rowOf(columns: readonly NamedColumn[], row: number): Record<string, unknown> {
  return Object.fromEntries(columns.map(({ name, column }) => [name, cellOf(column, row)]))
}

function cellOf(column: Column, row: number): unknown {
  if (column.type === 'DICTIONARY') return column.dictionary[column.codes[row] as number] ?? null
  if (column.nulls?.[row] === 1) return null
  switch (column.type) {
    case 'VARCHAR':
    case 'BLOB':
      return Buffer.from(column.source.subarray(column.starts[row], column.ends[row])).toString('utf8')
    case 'DECIMAL':
    case 'UUID':
      return unscaled(column.data, row)
    case 'BOOLEAN':
      return column.data[row] === 1
    default:
      return column.data[row]
  }
}

/** A 16-byte little-endian integer. */
export function unscaled(data: Uint8Array, row: number): bigint {
  const view = new DataView(data.buffer, data.byteOffset + 16 * row)
  return (view.getBigInt64(8, true) << 64n) | view.getBigUint64(0, true)
}
