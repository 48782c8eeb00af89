import { ParseStatus } from '@assay/core'
import type { Market } from './market.js'
import type { Reading } from './reading.js'
import type { SymbolGrammar } from './symbol-text.js'

/** A fiat currency's code, which names of stablecoins are made of by a letter or two: AEUR, XUSD, RLUSD. */
const CODE_CHARACTERS = 3
const COIN_CHARACTERS_MAX = 5

/** What is known of currencies, to be asked by name. */
interface KnownNames {
  readonly quotes: ReadonlySet<string>
  readonly bases: ReadonlySet<string>
  /** Quote by joined name. Names that two listed pairs share decide nothing. */
  readonly pairs: ReadonlyMap<string, string>
  readonly quoteCharacters: number
}

const knownOf = new WeakMap<Reading, KnownNames>()

export function knownNames(reading: Reading): KnownNames {
  let known = knownOf.get(reading)
  if (!known) {
    known = {
      quotes: new Set(reading.quotes),
      bases: new Set(reading.bases),
      pairs: pairsByName(reading.pairs),
      quoteCharacters: Math.max(0, ...reading.quotes.map((quote) => quote.length)),
    }
    knownOf.set(reading, known)
  }
  return known
}

function pairsByName(pairs: readonly string[]): ReadonlyMap<string, string> {
  const quotes = new Map<string, string>()
  const shared = new Set<string>()
  for (const pair of pairs) {
    const [base = '', quote = ''] = pair.split('/')
    const name = base + quote
    if (quotes.has(name) && quotes.get(name) !== quote) shared.add(name)
    quotes.set(name, quote)
  }
  for (const name of shared) quotes.delete(name)
  return quotes
}

/** Markets of names that are written without a mark between base and quote. */
export function joinedNameMarket(symbol: string, reading: Reading, grammar: SymbolGrammar): Market {
  if (symbol === '') return { symbol: null, currency: null, status: ParseStatus.missing }
  if (reading.method === 'currency_suffix')
    return { symbol, currency: longestQuote(symbol, reading), status: ParseStatus.ok }
  if (!grammar.test(symbol)) return { symbol: null, currency: null, status: ParseStatus.malformed }
  return { symbol, currency: quoteOf(symbol, knownNames(reading)), status: ParseStatus.ok }
}

/** Known quotes that the name ends with and that leave a base before them; the longest first. */
function endings(symbol: string, { quotes, quoteCharacters }: KnownNames): string[] {
  const found: string[] = []
  for (let length = Math.min(quoteCharacters, symbol.length - 1); length > 0; length--) {
    const suffix = symbol.slice(-length)
    if (quotes.has(suffix)) found.push(suffix)
  }
  return found
}

function longestQuote(symbol: string, reading: Reading): string | null {
  return endings(symbol, knownNames(reading))[0] ?? null
}

/** The quote of a joined name; null where what is known doesn't decide: it is never guessed at. */
function quoteOf(symbol: string, known: KnownNames): string | null {
  const listed = known.pairs.get(symbol)
  if (listed !== undefined) return listed
  const found = endings(symbol, known)
  const withBase = found.filter((quote) => known.bases.has(symbol.slice(0, -quote.length)))
  if (withBase.length === 1) return withBase[0] as string
  const [only, ...others] = found
  if (withBase.length > 1 || only === undefined || others.length > 0) return null
  return mayBeLonger(symbol, only, known.bases) ? null : only
}

/**
 * True where a known base leaves what could be a coin of that currency: BTCXEUR, of which neither BTCX nor XEUR is
 * known, may be either's.
 */
function mayBeLonger(symbol: string, quote: string, bases: ReadonlySet<string>): boolean {
  if (quote.length !== CODE_CHARACTERS) return false
  for (let length = quote.length + 1; length <= COIN_CHARACTERS_MAX; length++) {
    if (symbol.length > length && bases.has(symbol.slice(0, -length))) return true
  }
  return false
}
