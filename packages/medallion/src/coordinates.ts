import type { ColumnSpec } from '@assay/pipeline'

const NO_USABLE_TIME = 'the record has none, or one outside 1970 to 2261'

/** Where a row comes from: the columns that every table of a layer has, so that any row leads to its bytes. */
export const TOPIC: ColumnSpec = [
  'topic',
  'string',
  'Topic of the record that the row comes from; `topic@2` and so on once the topic was made again or cut.',
]
export const PARTITION: ColumnSpec = ['partition', 'int', 'Its partition.']
export const OFFSET: ColumnSpec = ['offset', 'long', 'Its offset in the partition.']
export const KAFKA_TIMESTAMP: ColumnSpec = [
  'kafka_timestamp',
  'timestamptz',
  'Its timestamp in the log, to the millisecond.',
  { nullWhen: NO_USABLE_TIME },
]
