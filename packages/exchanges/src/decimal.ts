import { ParseStatus } from '@assay/core'

/** One of core's `ParseStatus` values. */
export type ParseStatusCode = (typeof ParseStatus)[keyof typeof ParseStatus]

const SCALE = 10
const INTEGER_DIGITS_MAX = 18
const POWERS_OF_TEN = Array.from({ length: SCALE + 1 }, (_, i) => 10 ** i)
const ZERO = 0x30
const MINUS = 0x2d
const POINT = 0x2e

/**
 * Parses the text `source[start .. end)` as DECIMAL(28,10) into row `row` of a column of 16-byte values, given as
 * 32-bit words. The grammar is `-?digits[.digits]` and nothing else: no exponent, no plus, no blanks, no separators.
 * The sign follows the value: a negative zero is zero, however many zeros it is written with. Beside leading zeros at
 * most 18 digits before the point, beside trailing zeros at most 10 after it; otherwise the number is not
 * representable. The row is written only when the status is ok. Never rounds, never allocates.
 */
export function parseDecimal28_10(
  source: Uint8Array,
  start: number,
  end: number,
  words: Int32Array,
  row: number,
): ParseStatusCode {
  if (start >= end) return ParseStatus.missing
  const isNegative = source[start] === MINUS
  const integerStart = isNegative ? start + 1 : start
  let mantissa = 0
  let at = integerStart
  for (; at < end; at++) {
    const digit = (source[at] as number) - ZERO
    if (digit < 0 || digit > 9) break
    mantissa = mantissa * 10 + digit
  }
  const integerEnd = at
  if (at === integerStart) return ParseStatus.malformed
  if (at < end) {
    if (source[at] !== POINT || ++at === end) return ParseStatus.malformed
    for (; at < end; at++) {
      const digit = (source[at] as number) - ZERO
      if (digit < 0 || digit > 9) return ParseStatus.malformed
      mantissa = mantissa * 10 + digit
    }
  }
  const decimals = integerEnd === end ? 0 : end - integerEnd - 1
  // Below 2^53 the double is exact: rounding never takes a product from above that bound to below it.
  const unscaled = decimals <= SCALE ? mantissa * (POWERS_OF_TEN[SCALE - decimals] as number) : Number.POSITIVE_INFINITY
  if (unscaled < 2 ** 53) {
    putSmall(words, row, isNegative ? -unscaled : unscaled)
    return ParseStatus.ok
  }
  return parseWide({ source, integerStart, integerEnd, end }, isNegative, words, row)
}

/** The text of a number of right grammar, without its sign; what is behind `integerEnd` are a point and decimals. */
interface NumberText {
  readonly source: Uint8Array
  readonly integerStart: number
  readonly integerEnd: number
  readonly end: number
}

/** A number that is larger, or longer, than a double can hold. */
function parseWide(
  { source, integerStart, integerEnd, end }: NumberText,
  isNegative: boolean,
  words: Int32Array,
  row: number,
): ParseStatusCode {
  let from = integerStart
  while (from < integerEnd && source[from] === ZERO) from++
  const fractionStart = integerEnd + 1
  let fractionEnd = end
  while (fractionEnd > fractionStart && source[fractionEnd - 1] === ZERO) fractionEnd--
  if (integerEnd - from > INTEGER_DIGITS_MAX || fractionEnd - fractionStart > SCALE)
    return ParseStatus.not_representable
  let low = 0
  let middle = 0
  let high = 0
  const total = integerEnd - from + SCALE
  for (let i = 0; i < total; i++) {
    const at = i < integerEnd - from ? from + i : fractionStart + i - (integerEnd - from)
    const isPadding = at >= fractionEnd && at >= fractionStart
    low = low * 10 + (isPadding ? 0 : (source[at] as number) - ZERO)
    middle = middle * 10 + Math.floor(low / 2 ** 32)
    high = high * 10 + Math.floor(middle / 2 ** 32)
    low >>>= 0
    middle >>>= 0
  }
  if (low === 0 && middle === 0 && high === 0) putSmall(words, row, 0)
  else putWide(words, row, isNegative, [low, middle, high])
  return ParseStatus.ok
}

/** Writes a safe integer; storing it in a word takes it modulo 2^32. */
function putSmall(words: Int32Array, row: number, value: number): void {
  const at = 4 * row
  words[at] = value
  words[at + 1] = Math.floor(value / 2 ** 32)
  words[at + 2] = value < 0 ? -1 : 0
  words[at + 3] = value < 0 ? -1 : 0
}

/** Writes a value of up to 95 bits, not zero, given as unsigned 32-bit parts, lowest first, in two's complement. */
function putWide(
  words: Int32Array,
  row: number,
  isNegative: boolean,
  [low, middle, high]: readonly [number, number, number],
): void {
  const at = 4 * row
  words[at] = isNegative ? -low : low
  words[at + 1] = !isNegative ? middle : low === 0 ? -middle : ~middle
  words[at + 2] = !isNegative ? high : low === 0 && middle === 0 ? -high : ~high
  words[at + 3] = isNegative ? -1 : 0
}
