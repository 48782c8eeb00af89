import type { Market } from '../exchange.js'
import { isQuote } from '../quotes.js'

/** Kraken's own names of two currencies. */
const NAMES: ReadonlyMap<string, string> = new Map([
  ['XBT', 'BTC'],
  ['XDG', 'DOGE'],
])

/** `XBT/USD` → BTCUSD, quoted in USD. Without a slash nothing says where the quote begins, so it is unknown. */
export function krakenMarket(pair: string): Market {
  const slash = pair.lastIndexOf('/')
  const base = usual((slash < 0 ? pair : pair.slice(0, slash)).replaceAll('/', ''))
  const quote = slash < 0 ? '' : usual(pair.slice(slash + 1))
  if (base === '') return { symbol: null, currency: null }
  return { symbol: base + quote, currency: isQuote(quote) ? quote : null }
}

function usual(currency: string): string {
  return NAMES.get(currency) ?? currency
}
