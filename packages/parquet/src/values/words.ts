import { PageBytes } from './page-bytes.js'
import type { PlainWriter, Slice, ValueBounds } from './plain-writer.js'

/** Values of one, two or four words of 32 bits, as they lie in memory. */
export interface WordsSource {
  readonly words: Int32Array
  /** True for one word a value where the field has two. */
  readonly isNarrow?: boolean
}

/** INT32 */
export class Int32Writer implements PlainWriter<WordsSource> {
  readonly page = new PageBytes()
  #min = 2 ** 31
  #max = -(2 ** 31) - 1

  add({ words }: WordsSource, slice: Slice): void {
    const from = copyWords(this.page, words, slice)
    const target = this.page.words
    let min = this.#min
    let max = this.#max
    for (let i = from; i < this.page.at >> 2; i++) {
      const value = target[i] as number
      if (value < min) min = value
      if (value > max) max = value
    }
    this.#min = min
    this.#max = max
  }

  takeBounds(): ValueBounds | undefined {
    const bounds = this.#min <= this.#max ? { min: BigInt(this.#min), max: BigInt(this.#max) } : undefined
    this.#min = 2 ** 31
    this.#max = -(2 ** 31) - 1
    return bounds
  }
}

/** INT64, of values of 64 bits or, where the column is narrower than the field, of 32. */
export class Int64Writer implements PlainWriter<WordsSource> {
  readonly page = new PageBytes()
  #isAny = false
  #minHigh = 0
  #minLow = 0
  #maxHigh = 0
  #maxLow = 0

  add({ words, isNarrow }: WordsSource, slice: Slice): void {
    if (slice.from === slice.to) return
    const from = isNarrow ? widenWords(this.page, words, slice) : copyPairs(this.page, words, slice)
    this.#bound(from, this.page.at >> 2)
  }

  /** By halves, the high one with its sign: bigints would be made for every value. */
  #bound(from: number, to: number): void {
    const words = this.page.words
    let minHigh = this.#isAny ? this.#minHigh : (words[from + 1] as number)
    let minLow = this.#isAny ? this.#minLow : (words[from] as number) >>> 0
    let maxHigh = this.#isAny ? this.#maxHigh : minHigh
    let maxLow = this.#isAny ? this.#maxLow : minLow
    for (let i = from; i < to; i += 2) {
      const low = (words[i] as number) >>> 0
      const high = words[i + 1] as number
      if (high > maxHigh || (high === maxHigh && low > maxLow)) {
        maxHigh = high
        maxLow = low
      }
      if (high < minHigh || (high === minHigh && low < minLow)) {
        minHigh = high
        minLow = low
      }
    }
    this.#minHigh = minHigh
    this.#minLow = minLow
    this.#maxHigh = maxHigh
    this.#maxLow = maxLow
    this.#isAny = true
  }

  takeBounds(): ValueBounds | undefined {
    if (!this.#isAny) return undefined
    this.#isAny = false
    return { min: int64(this.#minHigh, this.#minLow), max: int64(this.#maxHigh, this.#maxLow) }
  }
}

function int64(high: number, low: number): bigint {
  return (BigInt(high) << 32n) | BigInt(low)
}

/** DOUBLE, without bounds: NaN has no place in an order, and zero has two. */
export class DoubleWriter implements PlainWriter<WordsSource> {
  readonly page = new PageBytes()

  add({ words }: WordsSource, slice: Slice): void {
    copyPairs(this.page, words, slice)
  }

  takeBounds(): undefined {
    return undefined
  }
}

/** FIXED_LEN_BYTE_ARRAY(16), without bounds: engines disagree on the order of UUIDs. */
export class UuidWriter implements PlainWriter<WordsSource> {
  readonly page = new PageBytes()

  add({ words }: WordsSource, { rows, from, to, isRun }: Slice): void {
    const { page } = this
    page.reserve((to - from) * 16)
    const target = page.words
    let at = page.at >> 2
    page.at += (to - from) * 16
    if (isRun) {
      copyRun(words, rows[from] as number, target, { at, count: to - from, width: 4 })
      return
    }
    for (let i = from; i < to; i++, at += 4) {
      const w = (rows[i] as number) * 4
      target[at] = words[w] as number
      target[at + 1] = words[w + 1] as number
      target[at + 2] = words[w + 2] as number
      target[at + 3] = words[w + 3] as number
    }
  }

  takeBounds(): undefined {
    return undefined
  }
}

/** Gives the word in the page at which the values begin. */
function copyWords(page: PageBytes, words: Int32Array, { rows, from, to, isRun }: Slice): number {
  page.reserve((to - from) * 4)
  const target = page.words
  const begin = page.at >> 2
  page.at += (to - from) * 4
  if (isRun) copyRun(words, rows[from] as number, target, { at: begin, count: to - from, width: 1 })
  else for (let i = from, at = begin; i < to; i++, at++) target[at] = words[rows[i] as number] as number
  return begin
}

function copyPairs(page: PageBytes, words: Int32Array, { rows, from, to, isRun }: Slice): number {
  page.reserve((to - from) * 8)
  const target = page.words
  const begin = page.at >> 2
  page.at += (to - from) * 8
  if (isRun) {
    copyRun(words, rows[from] as number, target, { at: begin, count: to - from, width: 2 })
    return begin
  }
  for (let i = from, at = begin; i < to; i++, at += 2) {
    const w = (rows[i] as number) * 2
    target[at] = words[w] as number
    target[at + 1] = words[w + 1] as number
  }
  return begin
}

function widenWords(page: PageBytes, words: Int32Array, { rows, from, to }: Slice): number {
  page.reserve((to - from) * 8)
  const target = page.words
  const begin = page.at >> 2
  page.at += (to - from) * 8
  for (let i = from, at = begin; i < to; i++, at += 2) {
    const value = words[rows[i] as number] as number
    target[at] = value
    target[at + 1] = value >> 31
  }
  return begin
}

interface Run {
  readonly at: number
  readonly count: number
  /** Words of a value. */
  readonly width: number
}

function copyRun(words: Int32Array, row: number, target: Int32Array, { at, count, width }: Run): void {
  target.set(words.subarray(row * width, (row + count) * width), at)
}
