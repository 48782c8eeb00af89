const ZERO = 0x30
const EIGHT_DIGITS = 100_000_000

/** Writes a whole number from 0 to 2^53 as decimal digits; gives the place behind them. */
export function putDigits(bytes: Uint8Array, at: number, value: number): number {
  if (value < EIGHT_DIGITS) return putShort(bytes, at, value)
  let high = Math.floor(value / EIGHT_DIGITS)
  let low = value - high * EIGHT_DIGITS
  // The quotient may have been rounded up to the next whole number.
  if (low < 0) {
    high -= 1
    low += EIGHT_DIGITS
  }
  const behind = putShort(bytes, at, high)
  putPadded(bytes, behind, low, 8)
  return behind + 8
}

/** Writes a whole number below 10^8 without leading zeros; gives the place behind it. */
function putShort(bytes: Uint8Array, at: number, value: number): number {
  let digits = 1
  for (let bound = 10; digits < 8 && value >= bound; bound *= 10) digits++
  putPadded(bytes, at, value, digits)
  return at + digits
}

/** Writes a whole number below 10^8 with so many digits, from its end. */
function putPadded(bytes: Uint8Array, at: number, value: number, digits: number): void {
  let left = value | 0
  for (let place = at + digits - 1; place >= at; place--) {
    const tenth = (left / 10) | 0
    bytes[place] = ZERO + left - tenth * 10
    left = tenth
  }
}
