import { BASES, PAIRS, QUOTES } from './currencies.js'

/**
 * How the texts of a record become values. It is part of a rule set, and so the ledger says of every row how it was
 * read: what a later version knows, or does otherwise, never changes what an earlier one had derived.
 */
export interface Reading {
  /**
   * `currency_suffix`: as Assay read before it kept this. The longest known quote that a joined name ends with is its
   * currency; any text is a symbol; a trade without a number is known by its Avro body.
   * `known_pairs`: a joined name is split by listed pairs, else by bases and quotes together; symbols have a grammar;
   * a trade without a number is known by its values.
   */
  readonly method: 'currency_suffix' | 'known_pairs'
  readonly quotes: readonly string[]
  readonly bases: readonly string[]
  /** `BASE/QUOTE` */
  readonly pairs: readonly string[]
}

/** Quotes, bases and pairs beside those that are known anyway. */
export type MarketAdditions = Pick<Reading, 'quotes' | 'bases' | 'pairs'>

/** How records are read today. */
export const PRESENT_READING: Reading = { method: 'known_pairs', quotes: QUOTES, bases: BASES, pairs: PAIRS }

/** Of rule sets that say nothing of reading: those from before they did. Its quotes must never change. */
export const FIRST_READING: Reading = {
  method: 'currency_suffix',
  quotes: (
    'USD EUR GBP JPY TRY BRL AUD CAD CHF ARS COP CZK MXN PLN RON UAH ZAR NGN RUB AED SEK NOK ' +
    'USDT USDC FDUSD TUSD BUSD USDP USDS USD1 PYUSD RLUSD USDE XUSD DAI PAX EURI AEUR EURC EURQ EURR EURT ' +
    'IDRT BIDR BVND BKRW BTC ETH BNB XRP TRX DOGE DOT SOL'
  ).split(' '),
  bases: [],
  pairs: [],
}

/** The reading with more that is known; the same object where nothing is new. */
export function extendReading(reading: Reading, additions: MarketAdditions): Reading {
  const quotes = united(reading.quotes, additions.quotes)
  const bases = united(reading.bases, additions.bases)
  const pairs = united(reading.pairs, additions.pairs)
  if (quotes === reading.quotes && bases === reading.bases && pairs === reading.pairs) return reading
  return { ...reading, quotes, bases, pairs }
}

/** Additions in the order of their letters: the order in which they were written down makes no other rule set. */
function united(known: readonly string[], added: readonly string[]): readonly string[] {
  const fresh = [...new Set(added)].filter((name) => !known.includes(name)).sort()
  return fresh.length === 0 ? known : [...known, ...fresh]
}
