import { quoteIdentifier } from '@assay/engine'
import { type ColumnSpec, columnSpecs, type TableDefinition } from '@assay/pipeline'
import type { View } from '../layer.js'
import { EVENT_TIME, tradesSql } from '../silver/rows/trades-view.js'
import { REF_SYMBOLS_TABLE } from './ref-symbols-table.js'

const NO_ROW = 'no row of `ref_symbols` is true of the symbol at the time, or the row gives none'
/** What the reference table adds to a trade. */
const ADDED = ['base', 'quote', 'tick_size', 'lot_size', 'tier']
/** Behind every time that a timestamp can hold. */
const NEVER_US = '9223372036854775807'

/** Every trade of the table once, with what follows from its values and what was true of its symbol at its time. */
export function enrichedView(trades: TableDefinition): View {
  return {
    name: 'gold_trades_enriched',
    means: 'A trade of gold with its size in money, its hour and weekday, and what was true of its symbol at its time.',
    columns: [
      EVENT_TIME,
      ...columnSpecs(trades),
      [
        'notional',
        'decimal(38, 20)',
        '`price` × `quantity`, exact.',
        { unit: 'the currency', nullWhen: 'it has more than 18 digits before the point' },
      ],
      ['amount_category', 'string', '`small` below a notional of 100, `medium` below 1000, else `large`.'],
      ['event_hour', 'int', 'Hour of `timestamp`, in UTC, 0 to 23.'],
      ['event_weekday', 'int', 'Day of the week of `timestamp`, in UTC, 1 (Monday) to 7, as ISO 8601 counts.'],
      ...columnSpecs(REF_SYMBOLS_TABLE, ADDED).map(
        ([name, type, means, facts]): ColumnSpec => [name, type, means, { ...facts, nullWhen: NO_ROW }],
      ),
      ['ref_missing', 'boolean', 'True where no row of `ref_symbols` is true of the symbol at the time.'],
    ],
    select: `SELECT t.*, TRY(t.price * t.quantity) AS notional,
        CASE WHEN TRY(t.price * t.quantity) < 100 THEN 'small' WHEN TRY(t.price * t.quantity) < 1000 THEN 'medium'
          ELSE 'large' END AS amount_category,
        t.exchange_hour AS event_hour, isodow(t.exchange_date)::INTEGER AS event_weekday,
        ${ADDED.map((name) => `r.${quoteIdentifier(name)}`).join(', ')}, r.from_us IS NULL AS ref_missing
      FROM (${tradesSql([trades.name])}) t LEFT JOIN (${intervals()}) r
        ON r.exchange = t.exchange AND r.symbol = t.symbol AND t."timestamp" >= r.from_us AND t."timestamp" < r.to_us`,
    reads: [trades.name, REF_SYMBOLS_TABLE.name],
  }
}

/**
 * The times of each row as microseconds. One ends where the next of its symbol begins, at the latest: whatever another
 * engine writes to the table, no trade meets two rows and so comes out twice.
 */
function intervals(): string {
  return `SELECT exchange, symbol, ${ADDED.map(quoteIdentifier).join(', ')}, epoch_us(valid_from) AS from_us,
      least(coalesce(epoch_us(valid_to), ${NEVER_US}), coalesce(lead(epoch_us(valid_from)) OVER (
        PARTITION BY exchange, symbol ORDER BY valid_from), ${NEVER_US})) AS to_us
    FROM ${quoteIdentifier(REF_SYMBOLS_TABLE.name)}`
}
