import { symbolGrammar } from '../markets/symbol-text.js'

/** How Binance writes a symbol: base and quote without a mark, a contract's date behind an underscore. */
export const binanceSymbols = symbolGrammar('_')
