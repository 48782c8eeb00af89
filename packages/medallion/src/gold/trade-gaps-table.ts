import { defineColumns, type TableDefinition } from '@assay/pipeline'

/**
 * Trade numbers that an exchange gave out and gold has not got: a row when such a range is found (`opened`) and one
 * when a trade of it arrives after all (`closed`; what is left of the range is opened anew).
 */
export const TRADE_GAPS_TABLE: TableDefinition = {
  name: 'gold_trade_gap_changes',
  columns: defineColumns([
    ['exchange', 'string'],
    ['symbol', 'string'],
    ['from_id', 'long'],
    ['to_id', 'long'],
    ['change', 'string'],
    ['after_time', 'timestamptz'],
    ['before_time', 'timestamptz'],
    ['found_at', 'timestamptz'],
  ]),
  partitionBy: [],
  orderBy: ['exchange', 'symbol', 'from_id'],
}
