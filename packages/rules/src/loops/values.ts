import type { RowColumns } from '@assay/core'
import { columnNamed, decimalAt, textAt, wholeAt } from './cells.js'

/** The text of a row's offending value; null for none. */
type ValueOf = (columns: RowColumns, row: number) => string | null

/** What gives the same text as a value's SQL, cast to VARCHAR; undefined for a text that only the engine can evaluate. */
export function valueReader(value: string): ValueOf | undefined {
  return VALUES.get(value)
}

const NO_KAFKA_TIMESTAMP = 'the record has no usable Kafka timestamp to judge its time by'

const VALUES: ReadonlyMap<string, ValueOf> = new Map<string, ValueOf>([
  ["'missing'", () => 'missing'],
  ["'trade_id is missing'", () => 'trade_id is missing'],
  ...['symbol', 'symbol_text', 'price_text', 'quantity_text'].map((name) => [name, text(name)] as const),
  ...['event_type', 'event_time_text', 'asset_class'].map(
    (name) => [`coalesce(${name}, 'missing')`, either(text(name), () => 'missing')] as const,
  ),
  [`coalesce(event_time_text, '${NO_KAFKA_TIMESTAMP}')`, either(text('event_time_text'), () => NO_KAFKA_TIMESTAMP)],
  [
    "coalesce(side, side_text, 'missing')",
    either(
      text('side'),
      either(text('side_text'), () => 'missing'),
    ),
  ],
  ...['price', 'quantity'].map((name) => [`${name}::VARCHAR`, decimal(name)] as const),
  ['coalesce(frame_detail, schema_id::VARCHAR)', either(text('frame_detail'), whole('schema_id'))],
  [
    "coalesce(frame_detail, 'record of ' || value_bytes || ' bytes')",
    either(text('frame_detail'), (columns, row) => joined('record of ', whole('value_bytes')(columns, row), ' bytes')),
  ],
  ["'field ' || missing_fields", (columns, row) => joined('field ', text('missing_fields')(columns, row), '')],
  [
    "event_time_us || ' us, Kafka ' || kafka_us || ' us'",
    (columns, row) => {
      const event_us = whole('event_time_us')(columns, row)
      return event_us === null ? null : joined(`${event_us} us, Kafka `, whole('kafka_us')(columns, row), ' us')
    },
  ],
])

function text(name: string): ValueOf {
  return (columns, row) => textAt(columnNamed(columns, name), row)
}

function whole(name: string): ValueOf {
  return (columns, row) => wholeAt(columnNamed(columns, name), row)
}

function decimal(name: string): ValueOf {
  return (columns, row) => decimalAt(columnNamed(columns, name), row)
}

function either(first: ValueOf, second: ValueOf): ValueOf {
  return (columns, row) => first(columns, row) ?? second(columns, row)
}

function joined(before: string, value: string | null, after: string): string | null {
  return value === null ? null : before + value + after
}
