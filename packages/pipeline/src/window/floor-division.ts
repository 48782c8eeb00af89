import { numberAt } from '@assay/core'

const EXACT = 2 ** 53
const WORD = 2 ** 32

/** `a / b` rounded down, for a positive `b`; a division of bigints rounds towards zero. */
export function floorDivide(a: bigint, b: bigint): bigint {
  const quotient = a / b
  return a < 0n && quotient * b !== a ? quotient - 1n : quotient
}

/** How far value `i` of a column lies above value `j`: exact within ±2^53, beyond that the nearest double. */
export function differenceAt(words: Int32Array, i: number, j: number): number {
  const high = (words[2 * i + 1] as number) - (words[2 * j + 1] as number)
  return high * WORD + (((words[2 * i] as number) >>> 0) - ((words[2 * j] as number) >>> 0))
}

/** Divides the values of a column of 64-bit integers by a size up to 2^53 and rounds down. */
export class FloorDivider {
  readonly #size: number
  /** The greatest multiple of the size up to 2^52, in words, and how often it holds the size. */
  readonly #block: number
  readonly #blockHigh: number
  readonly #blockLow: number
  readonly #sizesOfBlock: number

  constructor(size: bigint) {
    this.#size = Number(size)
    this.#sizesOfBlock = Math.max(1, Math.floor(2 ** 52 / this.#size))
    this.#block = this.#sizesOfBlock * this.#size
    this.#blockHigh = Math.floor(this.#block / WORD)
    this.#blockLow = this.#block - this.#blockHigh * WORD
  }

  /** The quotient of value `i`, exact as long as it lies within ±2^53. */
  at(words: Int32Array, i: number): number {
    const value = numberAt(words, i)
    // Of integers that are exact doubles the rounded quotient never reaches the next integer.
    if (value > -EXACT && value < EXACT) return Math.floor(value / this.#size)
    // Beyond that the value is brought near zero by whole blocks, in its two words, which keeps every digit.
    const blocks = Math.floor(value / this.#block)
    const high = (words[2 * i + 1] as number) - blocks * this.#blockHigh
    const low = ((words[2 * i] as number) >>> 0) - blocks * this.#blockLow
    return blocks * this.#sizesOfBlock + Math.floor((high * WORD + low) / this.#size)
  }
}
