import type { Market } from './exchange.js'

/** Quote currencies that the exchanges are known to trade in. A pair with another one is never guessed at. */
const QUOTES = new Set(
  (
    'USD EUR GBP JPY TRY BRL AUD CAD CHF ARS COP CZK MXN PLN RON UAH ZAR NGN RUB AED SEK NOK ' +
    'USDT USDC FDUSD TUSD BUSD USDP USDS USD1 PYUSD RLUSD USDE XUSD DAI PAX EURI AEUR EURC EURQ EURR EURT ' +
    'IDRT BIDR BVND BKRW BTC ETH BNB XRP TRX DOGE DOT SOL'
  ).split(' '),
)

const QUOTE_CHARACTERS_MAX = Math.max(...[...QUOTES].map((quote) => quote.length))

export function isQuote(currency: string): boolean {
  return QUOTES.has(currency)
}

/** The longest known quote that the symbol ends with and that leaves a base before it: `BTCEUR` → EUR. */
function quoteSuffix(symbol: string): string | null {
  for (let length = Math.min(QUOTE_CHARACTERS_MAX, symbol.length - 1); length > 0; length--) {
    const suffix = symbol.slice(-length)
    if (QUOTES.has(suffix)) return suffix
  }
  return null
}

/** The market of a symbol that is written without a mark between base and quote. */
export function suffixMarket(symbol: string): Market {
  return symbol === '' ? { symbol: null, currency: null } : { symbol, currency: quoteSuffix(symbol) }
}
