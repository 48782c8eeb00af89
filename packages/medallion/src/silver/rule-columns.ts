import type { ConstantColumn, Lane, RowColumn, RowColumns, SpanColumn } from '@assay/core'
import type { Exchange } from '@assay/exchanges'
import { textAt } from '@assay/rules'
import type { DecodedRows } from './decode.js'
import { type LaneNumber, messageIds } from './rows/message-id.js'
import type { RowTexts } from './rows/row-texts.js'
import type { BronzeRows } from './rows/rows.js'

/** A batch as it was read and decoded. */
interface DecodedBatch {
  readonly exchange: Exchange
  readonly rows: BronzeRows
  readonly decoded: DecodedRows
  /** The rows' lanes by rank, and beside them their numbers. */
  readonly lanes: readonly Lane[]
  readonly laneNumbers: readonly LaneNumber[]
  /** What the exchange made of the decoded columns. */
  readonly exchangeColumns: RowColumns
}

/** What rules and silver's columns are made of: coordinates, frame, and what the exchange gives of the record. */
export function ruleColumns({
  exchange,
  rows,
  decoded,
  lanes,
  laneNumbers,
  exchangeColumns,
}: DecodedBatch): RowColumns {
  const vendorData = exchangeColumns.get('vendor_data') as RowColumn
  return new Map<string, RowColumn>([
    ['topic', topicColumn(lanes, rows.ranks)],
    ['partition', { type: 'INTEGER', data: partitionsOf(lanes, rows.ranks) }],
    ['offset', { type: 'BIGINT', data: rows.offsets }],
    ['kafka_us', { type: 'BIGINT', data: rows.kafka_us, ...nullsOf(rows.kafkaNulls) }],
    ['bronze_ingestion_timestamp', { type: 'TIMESTAMPTZ', data: rows.bronze_us }],
    ['message_id', { type: 'UUID', data: messageIds(laneNumbers, rows.ranks, rows.offsets) }],
    ['frame_status', { type: 'UTINYINT', data: decoded.frames }],
    ['schema_id', { type: 'INTEGER', data: decoded.schemaIds, ...nullsOf(decoded.schemaIdNulls) }],
    ['value_bytes', { type: 'INTEGER', data: decoded.valueBytes }],
    ['frame_detail', decoded.details.column()],
    ['missing_fields', decoded.missing.column()],
    ['extra_fields', decoded.extras.column()],
    ...exchangeColumns,
    ['exchange', constant(exchange.exchange)],
    ['asset_class', constant(exchange.asset_class)],
    ['vendor_data', withExtraFields(vendorData, decoded.extras)],
  ])
}

export function constant(value: string | null): ConstantColumn {
  return { type: 'CONSTANT', of: 'VARCHAR', value }
}

function nullsOf(nulls: Uint8Array): { readonly nulls?: Uint8Array } {
  return nulls.includes(1) ? { nulls } : {}
}

function topicColumn(lanes: readonly Lane[], ranks: Int32Array): RowColumn {
  const dictionary = [...new Set(lanes.map(({ topic }) => topic))]
  const [only] = dictionary
  if (dictionary.length === 1 && only !== undefined) return constant(only)
  const ofRank = Int32Array.from(lanes, ({ topic }) => dictionary.indexOf(topic))
  return { type: 'DICTIONARY', codes: byRank(ofRank, ranks), dictionary }
}

function partitionsOf(lanes: readonly Lane[], ranks: Int32Array): Int32Array {
  return byRank(
    Int32Array.from(lanes, ({ partition }) => partition),
    ranks,
  )
}

function byRank(values: Int32Array, ranks: Int32Array): Int32Array {
  const found = new Int32Array(ranks.length)
  for (let row = 0; row < found.length; row++) found[row] = values[ranks[row] as number] as number
  return found
}

/** The exchange's JSON object with the fields that only the writer's schema has behind its own. */
function withExtraFields(vendorData: RowColumn, extras: RowTexts): RowColumn {
  if (extras.isEmpty) return vendorData
  const { length } = extras
  const starts = new Uint32Array(length)
  const ends = new Uint32Array(length)
  const nulls = new Uint8Array(length)
  const texts: Buffer[] = []
  let at = 0
  for (let row = 0; row < length; row++) {
    const own = textAt(vendorData, row)
    const extra = extras.get(row)
    const text = extra === undefined ? own : joinedObjects(own ?? '{}', extra)
    starts[row] = at
    if (text === null) nulls[row] = 1
    else {
      const bytes = Buffer.from(text)
      texts.push(bytes)
      at += bytes.length
    }
    ends[row] = at
  }
  const column: SpanColumn = { type: 'VARCHAR', source: Buffer.concat(texts), starts, ends }
  return nulls.includes(1) ? { ...column, nulls } : column
}

function joinedObjects(own: string, extra: string): string {
  return own === '{}' ? extra : `${own.slice(0, -1)},${extra.slice(1)}`
}
