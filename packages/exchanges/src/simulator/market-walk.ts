import type { Random } from '@assay/core'
import type { Exchange, SimulatedSymbol, SimulatedTrade } from '../exchange.js'
import type { CheckedOptions } from './options.js'
import { runningShares } from './shares.js'

/** One symbol's market: a price that wanders and trades that are numbered without holes. */
export class MarketWalk {
  readonly key: Uint8Array
  /** Greatest event time of its valid trades that were sent, clock jumps aside, µs; undefined before the first. */
  newest_us: number | undefined
  private price: number
  private lastTradeId = 0

  constructor(private readonly start: SimulatedSymbol) {
    this.key = Buffer.from(start.symbol)
    this.price = start.price
  }

  get symbol(): string {
    return this.start.symbol
  }

  next(event_us: number, random: Random): SimulatedTrade {
    const step = 1 + (random.unit() - 0.5) * 0.001
    this.price = Math.min(Math.max(this.price * step, this.start.price / 2), this.start.price * 2)
    const quantity = (random.unit() ** 2 * 2000) / this.price
    this.lastTradeId++
    return {
      symbol: this.start.symbol,
      trade_id: this.lastTradeId,
      price: this.price.toFixed(this.start.decimals),
      quantity: Math.max(quantity, 0.00001).toFixed(5),
      event_time_us: BigInt(event_us),
      side: random.unit() < 0.5 ? 'BUY' : 'SELL',
    }
  }
}

/** The markets of a simulation, chosen among by their shares of the trades. */
export class Markets {
  private readonly walks: readonly MarketWalk[]
  private readonly shares: readonly number[]

  constructor(options: CheckedOptions) {
    const symbols = simulatedSymbols(options.exchange, options.symbols)
    this.walks = symbols.map((symbol) => new MarketWalk(symbol))
    this.shares = runningShares(
      symbols.map(({ symbol }) => symbol),
      options,
    )
  }

  choose(random: Random): MarketWalk {
    const share = random.unit()
    let low = 0
    let high = this.walks.length - 1
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((this.shares[middle] as number) > share) high = middle
      else low = middle + 1
    }
    return this.walks[low] as MarketWalk
  }
}

/** The first `count` symbols: those of the exchange, the busiest first, and more made after them. */
export function simulatedSymbols({ simulated }: Exchange, count: number): SimulatedSymbol[] {
  return Array.from(
    { length: count },
    (_, i) => simulated.symbols[i] ?? { symbol: simulated.symbolOf(`SYM${i}`), price: 1, decimals: 4 },
  )
}
