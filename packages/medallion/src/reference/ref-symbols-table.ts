import { defineColumns, type TableDefinition } from '@assay/pipeline'

const NOT_SAID = 'the file gave none'
/** The version that brought the table. */
const since = '0.2.0'

/** What a trade does not say of its symbol: rows that an operator loads, each true for a time (SCD type 2). */
export const REF_SYMBOLS_TABLE: TableDefinition = {
  name: 'ref_symbols',
  means:
    'What is true of a symbol for a time, as `assay reference load` was told: from `valid_from`, which is included, to `valid_to`, which is not. The times of a symbol do not overlap.',
  columns: defineColumns([
    ['exchange', 'string', 'The exchange in capitals.', { since }],
    ['symbol', 'string', 'The pair as one name, as in gold.', { since }],
    ['base', 'string', 'What is traded: `BTC`.', { since }],
    ['quote', 'string', 'What it is paid in: `USDT`.', { since }],
    [
      'tick_size',
      'decimal(28, 10)',
      'The step of prices; more than 0.',
      { unit: 'the quote', nullWhen: NOT_SAID, since },
    ],
    [
      'lot_size',
      'decimal(28, 10)',
      'The step of quantities; more than 0.',
      { unit: 'the base', nullWhen: NOT_SAID, since },
    ],
    ['tier', 'string', 'A class of your own: `major`.', { nullWhen: NOT_SAID, since }],
    ['valid_from', 'timestamptz', 'From when on the row is true.', { since }],
    ['valid_to', 'timestamptz', 'From when on it is not true any more.', { nullWhen: 'no end is known', since }],
  ]),
  partitionBy: [],
  orderBy: ['exchange', 'symbol', 'valid_from'],
}
