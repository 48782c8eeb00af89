import { compileColumnDecoder, compileEncoder, type DecodedColumns, newDecodedColumns } from '@assay/avro'
import { bytesColumn, type RowColumn, type RowColumns } from '@assay/core'
import { type Exchange, type FeedRecord, PRESENT_READING } from '../src/index.js'

/** Records of an exchange as they come out of its schema's decoder. */
interface DecodedBodies {
  readonly decoded: DecodedColumns
  readonly valid: Uint8Array
}

/** Decodes bodies (records without wire header) written with a schema; undefined stands for an undecodable one. */
export function decodedBodies(
  exchange: Exchange,
  bodies: readonly (Uint8Array | undefined)[],
  writerSchema = exchange.schema,
): DecodedBodies {
  const { data, offsets } = bytesColumn(bodies)
  const decoder = compileColumnDecoder(writerSchema, exchange.schema)
  const decoded = newDecodedColumns(exchange.schema, data, bodies.length)
  const valid = new Uint8Array(bodies.length)
  bodies.forEach((body, row) => {
    const [start = 0, end = 0] = offsets.subarray(row, row + 2)
    if (body && decoder.decode(data, start, end, row, decoded)) valid[row] = 1
  })
  return { decoded, valid }
}

/** The columns that the exchange makes of them. */
export function decodeBodies(
  exchange: Exchange,
  bodies: readonly (Uint8Array | undefined)[],
  writerSchema = exchange.schema,
  reading = PRESENT_READING,
): RowColumns {
  const { decoded, valid } = decodedBodies(exchange, bodies, writerSchema)
  return exchange.columns(decoded, valid, reading)
}

/** The columns of records as the exchange's feed makes them, changed as wished. */
export function columnsOf(exchange: Exchange, records: readonly Readonly<Record<string, unknown>>[]): RowColumns {
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
export function rowOf(columns: RowColumns, row: number): Record<string, unknown> {
  return Object.fromEntries([...columns].map(([name, column]) => [name, cellOf(column, row)]))
}

function cellOf(column: RowColumn, row: number): unknown {
  if (column.type === 'CONSTANT') return column.value
  if ('codes' in column) return column.dictionary[column.codes[row] as number] ?? null
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
