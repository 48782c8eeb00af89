import type { Market } from '../exchange.js'
import { isQuote, quoteSuffix } from '../quotes.js'

/** Kraken's own names of two currencies. */
const NAMES: Readonly<Record<string, string>> = { XBT: 'BTC', XDG: 'DOGE' }

/** `XBT/USD` → BTCUSD, quoted in USD. */
export function krakenMarket(pair: string): Market {
  const [base, quote] = split(pair)
  if (base === '') return { symbol: null, currency: null }
  return { symbol: usual(base) + usual(quote), currency: isQuote(usual(quote)) ? usual(quote) : null }
}

function split(pair: string): [base: string, quote: string] {
  const slash = pair.lastIndexOf('/')
  if (slash >= 0) return [pair.slice(0, slash).replaceAll('/', ''), pair.slice(slash + 1)]
  const quote = pair.length > 3 && pair.endsWith('XBT') ? 'XBT' : (quoteSuffix(pair) ?? '')
  return [pair.slice(0, pair.length - quote.length), quote]
}

function usual(currency: string): string {
  return NAMES[currency] ?? currency
}
