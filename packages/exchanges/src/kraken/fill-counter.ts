import { createHash } from 'node:crypto'
import { identityText } from './identity.js'

/** Different trades that are remembered. Equal fills have the same microsecond, so that they come close together. */
const TRADES_MAX = 65_536

type NumberlessTrade = Parameters<typeof identityText>[0]

/**
 * Numbers equal fills from 0 in order of arrival. What it says depends on the trades alone, so that the same file, or
 * the same message, is always numbered alike. Bounded: of the trades longest not seen nothing is known any more.
 */
export class FillCounter {
  readonly #counts = new Map<string, number>()
  readonly #most: number

  constructor(most = TRADES_MAX) {
    this.#most = most
  }

  next(trade: NumberlessTrade): number {
    const key = createHash('md5').update(identityText(trade)).digest('base64')
    const count = this.#counts.get(key) ?? 0
    this.#counts.delete(key)
    this.#counts.set(key, count + 1)
    if (this.#counts.size > this.#most) this.#forgetOldest()
    return count
  }

  #forgetOldest(): void {
    for (const key of this.#counts.keys()) {
      this.#counts.delete(key)
      return
    }
  }
}
