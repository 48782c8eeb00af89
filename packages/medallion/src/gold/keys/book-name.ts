/**
 * The books of gold's key set are named `exchange/currency/symbol`: base and quote apart make a book, and a joined name
 * with its quote says both. An exchange's and a currency's name have no slash.
 */
export const BOOK_SQL = "exchange || '/' || currency || '/' || symbol"

export function bookName(exchange: string, currency: string, symbol: string): string {
  return `${exchange}/${currency}/${symbol}`
}

/** SQL of the parts of a name in a column `book`. */
export const BOOK_EXCHANGE_SQL = "split_part(book, '/', 1)"
export const BOOK_CURRENCY_SQL = "split_part(book, '/', 2)"
export const BOOK_SYMBOL_SQL = "substr(book, strlen(split_part(book, '/', 1)) + strlen(split_part(book, '/', 2)) + 3)"
