import { PageBytes } from './page-bytes.js'
import type { PlainWriter, Slice, ValueBounds } from './plain-writer.js'

/** A byte a value, 0 for false. */
export interface BooleanSource {
  readonly bytes: Uint8Array
}

/** BOOLEAN: a bit a value, from the lowest of each byte on. */
export class BooleanWriter implements PlainWriter<BooleanSource> {
  readonly page = new PageBytes()
  #bits = 0
  #trues = 0

  add({ bytes }: BooleanSource, { rows, from, to }: Slice): void {
    const { page } = this
    page.reserve(((to - from) >> 3) + 2)
    const target = page.bytes
    const begin = page.at - ((this.#bits + 7) >> 3)
    let bit = this.#bits
    let trues = 0
    for (let i = from; i < to; i++, bit++) {
      const value = bytes[rows[i] as number] === 0 ? 0 : 1
      const at = begin + (bit >> 3)
      target[at] = (bit & 7) === 0 ? value : (target[at] as number) | (value << (bit & 7))
      trues += value
    }
    this.#bits = bit
    this.#trues += trues
    page.at = begin + ((bit + 7) >> 3)
  }

  takeBounds(): ValueBounds | undefined {
    const bounds = this.#bits > 0 ? { min: this.#trues === this.#bits, max: this.#trues > 0 } : undefined
    this.#bits = 0
    this.#trues = 0
    return bounds
  }
}
