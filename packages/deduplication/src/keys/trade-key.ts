import { quoteText } from '@assay/engine'
import { exchanges } from '@assay/exchanges'

/**
 * Exchanges that write base and quote apart: two of their pairs may have one joined name, so that the currency is part
 * of the key. Where the exchange itself writes a joined name, that name is the pair, whatever was known of its currency
 * when a row was read.
 */
const APART: ReadonlySet<string> = new Set(
  exchanges.filter(({ writesPairsApart }) => writesPairsApart).map(({ exchange }) => exchange),
)
const IS_APART = `exchange IN (${[...APART].map(quoteText).join(', ') || "''"})`

/** SQL of what makes a trade one of its own: its symbol key and the exchange's id within it. */
export const TRADE_KEY = `exchange, symbol, CASE WHEN ${IS_APART} THEN currency END, trade_id`

/** The columns that the key is made of. */
export const TRADE_KEY_COLUMNS = 'exchange, symbol, currency, trade_id'

/** SQL that is TRUE where rows of two relations are the same trade. */
export function sameTradeSql(a: string, b: string): string {
  const equal = (column: string): string => `${a}.${column} = ${b}.${column}`
  return `${equal('exchange')} AND ${equal('symbol')} AND ${equal('trade_id')}
    AND (NOT ${a}.${IS_APART} OR ${equal('currency')})`
}

/**
 * Symbols in gold's key set are keyed by `exchange/currency/symbol`, without the currency where it is no part of the
 * key. Neither an exchange's nor a currency's name has a slash.
 */
export function symbolKey(exchange: string, currency: string, symbol: string): string {
  return `${exchange}/${APART.has(exchange) ? currency : ''}/${symbol}`
}

/** SQL of a row's symbol key. */
export const SYMBOL_KEY_SQL = `exchange || '/' || CASE WHEN ${IS_APART} THEN currency ELSE '' END || '/' || symbol`

/** The parts of a symbol key. */
export function symbolKeyParts(key: string): { readonly exchange: string; readonly symbol: string } {
  const exchange = key.slice(0, key.indexOf('/'))
  return { exchange, symbol: key.slice(key.indexOf('/', exchange.length + 1) + 1) }
}
