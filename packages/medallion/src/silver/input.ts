import type { Lane, NamedColumn } from '@assay/core'
import { quoteText, type Session, type TemporaryTable } from '@assay/engine'
import type { Exchange } from '@assay/exchanges'
import type { DecodedRows } from './decode.js'
import { type LaneNumber, messageIds } from './rows/message-id.js'
import type { BronzeRows } from './rows/rows.js'

/** A batch as it was read and decoded. */
interface InputRows {
  readonly rows: BronzeRows
  readonly decoded: DecodedRows
  /** The rows' lanes by rank, and beside them their numbers. */
  readonly lanes: readonly Lane[]
  readonly laneNumbers: readonly LaneNumber[]
  /** What the exchange made of the decoded columns. */
  readonly exchangeColumns: readonly NamedColumn[]
}

/** Brings a batch into the engine: one row a bronze row, in order, `rn` counting from 0. */
export function loadInput(session: Session, input: InputRows): Promise<TemporaryTable> {
  return session.load('silver_input', inputColumns(input), input.rows.count)
}

/** Coordinates, frame, and what the exchange decoded. */
function inputColumns({ rows, decoded, lanes, laneNumbers, exchangeColumns }: InputRows): NamedColumn[] {
  const rowNumbers = new Int32Array(rows.count)
  const partitions = new Int32Array(rows.count)
  for (let i = 0; i < rows.count; i++) {
    rowNumbers[i] = i
    partitions[i] = (lanes[rows.ranks[i] as number] as Lane).partition
  }
  const topics = lanes.map((lane) => lane.topic)
  return [
    { name: 'rn', column: { type: 'INTEGER', data: rowNumbers } },
    { name: 'topic', column: { type: 'DICTIONARY', codes: rows.ranks, dictionary: topics } },
    { name: 'partition', column: { type: 'INTEGER', data: partitions } },
    { name: 'offset', column: { type: 'BIGINT', data: rows.offsets } },
    { name: 'kafka_us', column: { type: 'BIGINT', data: rows.kafka_us, nulls: rows.kafkaNulls } },
    { name: 'bronze_ingestion_timestamp', column: { type: 'TIMESTAMPTZ', data: rows.bronze_us } },
    { name: 'message_id', column: { type: 'UUID', data: messageIds(laneNumbers, rows.ranks, rows.offsets) } },
    { name: 'frame_status', column: { type: 'UTINYINT', data: decoded.frames } },
    { name: 'schema_id', column: { type: 'INTEGER', data: decoded.schemaIds, nulls: decoded.schemaIdNulls } },
    { name: 'value_bytes', column: { type: 'INTEGER', data: decoded.valueBytes } },
    { name: 'frame_detail', column: decoded.details.column() },
    { name: 'missing_fields', column: decoded.missing.column() },
    { name: 'extra_fields', column: decoded.extras.column() },
    ...exchangeColumns,
  ]
}

/** SQL of the input with the exchange's mapping applied: what rules and silver's columns are made of. */
export function mappedSql({ silver }: Exchange, input: TemporaryTable): string {
  return `SELECT *, ${quoteText(silver.exchange)} AS exchange, ${quoteText(silver.asset_class)} AS asset_class,
    ${silver.trade_id} AS trade_id, ${silver.event_type} AS event_type, ${silver.side} AS side, ${silver.side_text} AS side_text, ${silver.trade_conditions} AS trade_conditions,
    ${silver.source_sequence} AS source_sequence, ${silver.ingestion_timestamp} AS ingestion_timestamp,
    ${withExtraFields(silver.vendor_data)} AS vendor_data FROM ${input.name}`
}

/** The exchange's JSON object with the fields that only the writer's schema has behind its own. */
function withExtraFields(vendorData: string): string {
  return `CASE WHEN extra_fields IS NULL THEN ${vendorData}
    WHEN coalesce(${vendorData}, '{}') = '{}' THEN extra_fields
    ELSE left(${vendorData}, -1) || ',' || substr(extra_fields, 2) END`
}
