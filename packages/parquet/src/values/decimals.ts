import { AssayError } from '@assay/core'
import { PageBytes } from './page-bytes.js'
import type { PlainWriter, Slice, ValueBounds } from './plain-writer.js'
import type { WordsSource } from './words.js'

const BELOW = 10n ** 28n

/**
 * Unscaled values of DECIMAL(28,10), 16 bytes little-endian each, as a big-endian FIXED_LEN_BYTE_ARRAY of 12 to 16
 * bytes: two's complement of the field's precision. Throws `parquet_rows_invalid` for one of more than 28 digits.
 */
export class DecimalWriter implements PlainWriter<WordsSource> {
  readonly page = new PageBytes()
  readonly #length: number
  #isAny = false
  /** Words of the least and the greatest value: 96 bits hold 28 digits. */
  readonly #min = new Int32Array(3)
  readonly #max = new Int32Array(3)

  constructor(length: number) {
    this.#length = length
  }

  add({ words }: WordsSource, { rows, from, to }: Slice): void {
    if (from === to) return
    const { page } = this
    const length = this.#length
    page.reserve((to - from) * length)
    const { view, bytes } = page
    let at = page.at
    let beyond = 0
    for (let i = from; i < to; i++) {
      const w = (rows[i] as number) * 4
      const high = words[w + 2] as number
      beyond |= (words[w + 3] as number) ^ (high >> 31)
      for (const end = at + length - 12; at < end; at++) bytes[at] = high >> 31
      view.setInt32(at, high)
      view.setInt32(at + 4, words[w + 1] as number)
      view.setInt32(at + 8, words[w] as number)
      at += 12
    }
    page.at = at
    if (beyond !== 0) throw tooLarge()
    this.#bound(words, rows, from, to)
  }

  #bound(words: Int32Array, rows: Uint32Array, from: number, to: number): void {
    const min = this.#min
    const max = this.#max
    if (!this.#isAny) {
      const first = (rows[from] as number) * 4
      for (let k = 0; k < 3; k++) min[k] = max[k] = words[first + k] as number
      this.#isAny = true
    }
    for (let i = from; i < to; i++) {
      const w = (rows[i] as number) * 4
      if (isLess(words, w, min, 0)) for (let k = 0; k < 3; k++) min[k] = words[w + k] as number
      else if (isLess(max, 0, words, w)) for (let k = 0; k < 3; k++) max[k] = words[w + k] as number
    }
  }

  takeBounds(): ValueBounds | undefined {
    if (!this.#isAny) return undefined
    this.#isAny = false
    const bounds = { min: unscaled(this.#min), max: unscaled(this.#max) }
    if (bounds.min <= -BELOW || bounds.max >= BELOW) throw tooLarge()
    return bounds
  }
}

function isLess(a: Int32Array, i: number, b: Int32Array, j: number): boolean {
  const high = a[i + 2] as number
  const otherHigh = b[j + 2] as number
  if (high !== otherHigh) return high < otherHigh
  const middle = (a[i + 1] as number) >>> 0
  const otherMiddle = (b[j + 1] as number) >>> 0
  if (middle !== otherMiddle) return middle < otherMiddle
  return (a[i] as number) >>> 0 < (b[j] as number) >>> 0
}

function unscaled(words: Int32Array): bigint {
  const [low = 0, middle = 0, high = 0] = words
  return (BigInt(high) << 64n) | (BigInt(middle >>> 0) << 32n) | BigInt(low >>> 0)
}

function tooLarge(): AssayError {
  return new AssayError('parquet_rows_invalid', 'a decimal has more than 28 digits', {
    hint: 'check the values where the column is made',
  })
}
