/** What makes a trade one of its own: its book and the exchange's id in it. */
const KEY_COLUMNS = ['exchange', 'symbol', 'currency', 'trade_id'] as const

/** SQL of the columns. */
export const TRADE_KEY = KEY_COLUMNS.join(', ')

/** SQL that is TRUE where rows of two relations are the same trade. */
export function sameTradeSql(a: string, b: string): string {
  return KEY_COLUMNS.map((column) => `${a}.${column} = ${b}.${column}`).join(' AND ')
}
