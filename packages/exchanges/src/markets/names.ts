/** How a currency may be called where one is added. */
export const CURRENCY_NAME = /^[\p{L}\p{Nd}]{1,32}$/u
/** How a pair is named where one is added: base and quote, as the exchange writes them in a joined name. */
export const PAIR_NAME = /^[\p{L}\p{Nd}]{1,32}\/[\p{L}\p{Nd}]{1,32}$/u
