import { type ColumnDefinition, type ColumnSpec, defineColumns, type TableDefinition } from '@assay/pipeline'

/** The version that brought these tables. */
const SINCE = '0.2.0'

function newColumns(specs: readonly ColumnSpec[]): ColumnDefinition[] {
  return defineColumns(specs.map(([name, type, means, facts]) => [name, type, means, { ...facts, since: SINCE }]))
}

const KEY: readonly ColumnSpec[] = [
  ['exchange', 'string', 'The exchange in capitals.'],
  ['symbol', 'string', 'The pair as one name.'],
  ['currency', 'string', 'What the price is in.'],
]

const WINDOW: readonly ColumnSpec[] = [
  ['window_size', 'string', '`1m`, `1h` or `1d`.'],
  ['window_start', 'timestamptz', 'Where the window begins; a trade of that very time is in it.'],
]

const CURRENCY = { unit: 'the currency' }
const BASE = { unit: 'the base of the pair' }
const OVERFLOW = { nullWhen: 'the sum is beyond the column' }
const UNNUMBERED = { nullWhen: 'the exchange numbers no trade of it' }

/** What a candle says of its trades: a function of gold alone. */
export const MEASURES: readonly ColumnSpec[] = [
  ['open', 'decimal(28, 10)', 'Price of the first trade, by time, number, id.', CURRENCY],
  ['high', 'decimal(28, 10)', 'Greatest price.', CURRENCY],
  ['low', 'decimal(28, 10)', 'Least price.', CURRENCY],
  ['close', 'decimal(28, 10)', 'Price of the last trade, by time, number, id.', CURRENCY],
  ['volume', 'decimal(38, 10)', 'Sum of quantities, exact.', { ...BASE, ...OVERFLOW }],
  ['quote_volume', 'decimal(38, 20)', 'Sum of price × quantity, exact.', { ...CURRENCY, ...OVERFLOW }],
  ['vwap', 'decimal(28, 10)', 'Average price by quantity, half to even.', CURRENCY],
  ['trades', 'long', 'How many trades.'],
  ['buy_volume', 'decimal(38, 10)', 'Sum of quantities that the taker bought.', { ...BASE, ...OVERFLOW }],
  ['buy_quote_volume', 'decimal(38, 20)', 'Sum of price × quantity of these.', { ...CURRENCY, ...OVERFLOW }],
  ['buy_trades', 'long', 'How many trades in which the taker bought.'],
  ['first_sequence', 'long', "Least of the exchange's numbers of the trades.", UNNUMBERED],
  ['last_sequence', 'long', 'Greatest of them.', UNNUMBERED],
  ['open_time', 'timestamptz', 'Time of the first trade.'],
  ['close_time', 'timestamptz', 'Time of the last trade.'],
  [
    'missing_trades',
    'long',
    'Numbers between the least and the greatest that gold has no trade for.',
    { nullWhen: 'a trade of it has no number' },
  ],
]

/** One row a key and window that has closed; a revision replaces it. */
export const CANDLES_TABLE: TableDefinition = {
  name: 'gold_candles',
  means:
    'A candle of a closed window: what its trades in gold add up to, once by exchange, symbol, currency and window.',
  columns: newColumns([
    ...KEY,
    ...WINDOW,
    ['window_end', 'timestamptz', 'Where the window ends; a trade of that very time is in the next one.'],
    ['window_date', 'date', 'Day of `window_start`, in UTC.'],
    ...MEASURES,
    ['late_trades', 'long', 'Trades of it that came when the window was closed.'],
    ['replayed_trades', 'long', 'Trades of it that a replay brought.'],
    ['revision', 'int', '1 as it was closed, one more with each change.'],
    ['watermark', 'timestamptz', 'The watermark of the exchange when the row was written.'],
    ['emitted_at', 'timestamptz', 'When the row was written.'],
  ]),
  partitionBy: ['window_date'],
  orderBy: ['exchange', 'symbol', 'currency', 'window_size', 'window_start'],
  state: { noted: [], files: () => [] },
}

/** What revisions tell of a candle before and after. */
export const REVISED: readonly string[] = ['open', 'high', 'low', 'close', 'volume', 'quote_volume', 'vwap', 'trades']

function revised(prefix: 'old' | 'new', what: string, gone?: string): ColumnSpec[] {
  return REVISED.map((name) => {
    const [, type, means, facts] = MEASURES.find(([measure]) => measure === name) as ColumnSpec
    const nullWhen = [facts?.nullWhen, name === 'trades' ? undefined : gone].filter((one) => one !== undefined)
    return [
      `${prefix}_${name}`,
      type,
      `${means} ${what}`,
      { ...facts, ...(nullWhen.length > 0 && { nullWhen: nullWhen.join(', or ') }) },
    ]
  })
}

const NOBODY = { nullWhen: 'the cause is `reconcile`' }

/** Every change of a candle. */
export const REVISIONS_TABLE: TableDefinition = {
  name: 'gold_candle_revisions',
  means: 'A change of a candle that had been written: what it was, what it is, and the trade that changed it.',
  columns: newColumns([
    ...KEY,
    ...WINDOW,
    ['window_date', 'date', 'Day of `window_start`, in UTC.'],
    ['revision', 'int', 'Number of the change; the candle as it was closed has 1.'],
    [
      'cause',
      'string',
      '`late`: a trade came after its window was closed; `replay`: a replay brought one; `reconcile`: gold had been changed, and `assay candles reconcile` computed it again.',
    ],
    ...revised('old', 'Before.'),
    ...revised('new', 'After.', 'no trade is left, and so no candle'),
    ['trades_added', 'long', 'Trades that came; less than 0 where a reconciliation found fewer.'],
    ['cause_topic', 'string', 'Topic of the first of them.', NOBODY],
    ['cause_partition', 'int', 'Its partition.', NOBODY],
    ['cause_offset', 'long', 'Its offset.', NOBODY],
    ['revised_at', 'timestamptz', 'When the change was written.'],
  ]),
  partitionBy: ['window_date'],
  orderBy: ['exchange', 'symbol', 'currency', 'window_size', 'window_start', 'revision'],
}

/** Trades that came when their minute was closed. */
export const LATE_TRADES_TABLE: TableDefinition = {
  name: 'gold_late_trades',
  means: 'A trade of gold that came when the candle of its minute was closed.',
  columns: newColumns([
    ['topic', 'string', 'Topic of its record, as in gold.'],
    ['partition', 'int', 'Its partition.'],
    ['offset', 'long', 'Its offset.'],
    ['exchange', 'string', 'The exchange in capitals.'],
    ['symbol', 'string', 'The pair as one name.'],
    ['trade_id', 'string', 'The trade, as in gold.'],
    ['window_start', 'timestamptz', 'Where its minute begins.'],
    ['lateness_ms', 'long', 'How far its time lies behind the watermark.', { unit: 'ms' }],
    ['noted_date', 'date', 'Day of `noted_at`, in UTC.'],
    ['noted_at', 'timestamptz', 'When it was taken.'],
  ]),
  partitionBy: ['noted_date'],
  orderBy: ['topic', 'partition', 'offset'],
}
