import { ParseStatus } from '@assay/core'
import { knownNames } from '../markets/joined-name.js'
import type { Market } from '../markets/market.js'
import type { Reading } from '../markets/reading.js'
import { type SymbolGrammar, symbolGrammar } from '../markets/symbol-text.js'

/** Kraken's own names of two currencies. */
const NAMES: ReadonlyMap<string, string> = new Map([
  ['XBT', 'BTC'],
  ['XDG', 'DOGE'],
])

const pairText = symbolGrammar('/._-')

/** How Kraken writes a pair: one slash at most, since a second one would leave two ways to read it. */
export const krakenSymbols: SymbolGrammar = {
  means: `${pairText.means}, with one slash at most`,
  test: (text) => pairText.test(text) && text.indexOf('/') === text.lastIndexOf('/'),
}

/** `XBT/USD` → BTCUSD, quoted in USD. Without a slash nothing says where the quote begins, so it is unknown. */
export function krakenMarket(pair: string, reading: Reading): Market {
  if (pair === '') return { symbol: null, currency: null, status: ParseStatus.missing }
  if (reading.method === 'known_pairs' && !krakenSymbols.test(pair)) {
    return { symbol: null, currency: null, status: ParseStatus.malformed }
  }
  const slash = pair.lastIndexOf('/')
  const base = usual((slash < 0 ? pair : pair.slice(0, slash)).replaceAll('/', ''))
  const quote = slash < 0 ? '' : usual(pair.slice(slash + 1))
  if (base === '') return { symbol: null, currency: null, status: ParseStatus.missing }
  const currency = knownNames(reading).quotes.has(quote) ? quote : null
  return { symbol: base + quote, currency, status: ParseStatus.ok }
}

function usual(currency: string): string {
  return NAMES.get(currency) ?? currency
}
