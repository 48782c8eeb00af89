import { compileColumnDecoder, newDecodedColumns } from '@assay/avro'
import { ParseStatus, type ProduceBatch } from '@assay/core'
import { frameSchemaId, WIRE_HEADER_BYTES } from '@assay/schema-registry'
import { type Exchange, PRESENT_READING } from '../src/index.js'
import { rowOf } from './rows.js'

export interface Judged {
  /** Reason of the rejection; undefined for a valid row. */
  readonly reason: string | undefined
  readonly event_time_us: bigint
  readonly symbol: string
  /** The symbol and the exchange's number of the trade. */
  readonly trade: string
  /** Every byte of the record, for comparisons. */
  readonly bytes: string
  readonly timestamp_ms: bigint
}

const { missing, malformed, not_representable } = ParseStatus
const YEAR_US = 365n * 86_400_000_000n
const TOLERANCE_US = 5_000_000n

/** Silver's rules in their order, written down once more, row by row, to hold the simulator to its word. */
export function judge(exchange: Exchange, schemaId: number, batch: ProduceBatch): Judged[] {
  const { data, offsets, nulls } = batch.values
  const decoder = compileColumnDecoder(exchange.schema, exchange.schema)
  const decoded = newDecodedColumns(exchange.schema, data, batch.count)
  const valid = new Uint8Array(batch.count)
  const frames = Array.from({ length: batch.count }, (_, row): string | undefined => {
    if (nulls?.[row] === 1) return 'value_is_null'
    const [start = 0, end = 0] = offsets.subarray(row, row + 2)
    const id = frameSchemaId(data, start, end)
    if (id < 0) return 'malformed_wire_frame'
    if (id !== schemaId) return 'unknown_schema_id'
    if (!decoder.decode(data, start + WIRE_HEADER_BYTES, end, row, decoded)) return 'avro_decode_failed'
    valid[row] = 1
    return undefined
  })
  const columns = exchange.columns(decoded, valid, PRESENT_READING)
  return frames.map((frame, row) => {
    const cells = rowOf(columns, row)
    const timestamp_ms = batch.timestamps_ms[row] as bigint
    return {
      reason: frame ?? failedRule(cells, timestamp_ms),
      event_time_us: (cells.event_time_us as bigint | null) ?? -1n,
      symbol: String(cells.symbol),
      trade: `${cells.symbol}/${cells.source_sequence}`,
      bytes: Buffer.concat([
        batch.keys.data.subarray(batch.keys.offsets[row], batch.keys.offsets[row + 1]),
        data.subarray(offsets[row], offsets[row + 1]),
      ]).toString('hex'),
      timestamp_ms,
    }
  })
}

/** All rules, so that a record which breaks two of them shows both. */
function failedRule(cells: Record<string, unknown>, timestamp_ms: bigint): string | undefined {
  const event_us = cells.event_time_us as bigint
  const kafka_us = timestamp_ms * 1000n
  const timely = cells.event_time_status === ParseStatus.ok
  const failed = [
    cells.symbol === null && 'symbol_required',
    cells.symbol !== null && cells.currency === null && 'currency_unknown',
    ...numberRules('price', cells),
    ...numberRules('quantity', cells),
    cells.event_time_status === malformed && 'timestamp_malformed',
    cells.event_time_status === not_representable && 'timestamp_out_of_range',
    timely && event_us > kafka_us + TOLERANCE_US && 'timestamp_in_future',
    timely && event_us < kafka_us - YEAR_US && 'timestamp_too_old',
    cells.side === null && 'invalid_side',
  ].filter((reason) => reason !== false)
  return failed.length === 0 ? undefined : failed.join('+')
}

function numberRules(name: string, cells: Record<string, unknown>): (string | false)[] {
  const status = cells[`${name}_status`]
  return [
    status === missing && `${name}_is_null`,
    status === malformed && `${name}_malformed`,
    status === not_representable && `${name}_not_representable`,
    status === ParseStatus.ok && (cells[name] as bigint) <= 0n && `${name}_must_be_positive`,
  ]
}
