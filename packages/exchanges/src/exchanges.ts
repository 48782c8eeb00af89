import { UsageError } from '@assay/core'
import { binance } from './binance/index.js'
import type { Exchange } from './exchange.js'
import { kraken } from './kraken/index.js'

/** Every exchange that Assay knows: one line each. */
export const exchanges: readonly Exchange[] = [binance, kraken]

/** Throws `unknown_exchange`. */
export function exchangeNamed(name: string): Exchange {
  const found = exchanges.find((exchange) => exchange.name === name)
  if (found) return found
  throw new UsageError('unknown_exchange', `there is no exchange "${name}"`, {
    hint: `known are ${exchanges.map((exchange) => exchange.name).join(', ')}`,
  })
}
