import { defineColumns, type TableDefinition } from '@assay/pipeline'

const TIME_UNKNOWN = 'the row is `closed`, or the trade was not looked up'

/**
 * Trade numbers that an exchange gave out and gold has not got: a row when such a range is found (`opened`) and one
 * when a trade of it arrives after all (`closed`; what is left of the range is opened anew).
 */
export const TRADE_GAPS_TABLE: TableDefinition = {
  name: 'gold_trade_gap_changes',
  means: 'A range of trade numbers that gold has not got, when it was found, and again when a trade of it arrived.',
  columns: defineColumns([
    ['exchange', 'string', 'The exchange in capitals.'],
    ['symbol', 'string', 'The pair as one name.'],
    ['from_id', 'long', 'First number of the range.'],
    ['to_id', 'long', 'Number behind the last one of the range.'],
    ['change', 'string', '`opened`, or `closed` when a trade of it arrived; what is left of it is opened anew.'],
    ['after_time', 'timestamptz', 'Time of the trade before the range.', { nullWhen: TIME_UNKNOWN }],
    ['before_time', 'timestamptz', 'Time of the trade behind it.', { nullWhen: TIME_UNKNOWN }],
    ['found_at', 'timestamptz', 'When gold wrote the row.'],
  ]),
  partitionBy: [],
  orderBy: ['exchange', 'symbol', 'from_id'],
}
