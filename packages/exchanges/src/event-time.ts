import { ParseStatus } from '@assay/core'
import type { ParseStatusCode } from './decimal.js'

/** 2262-01-01: the first second that nanosecond timestamps of other engines can't hold. */
const END_SECONDS = 9_214_646_400

/** µs since 1970 at which representable times end (exclusive). */
export const EVENT_TIME_END_US = BigInt(END_SECONDS) * 1_000_000n

/**
 * Turns ms since 1970 (a signed 64-bit value as two 32-bit words) into µs in row `row` of a BIGINT column,
 * given as words. The row is written only when the status is ok.
 */
export function millisToMicros(low: number, high: number, words: Int32Array, row: number): ParseStatusCode {
  const time_ms = high * 2 ** 32 + (low >>> 0)
  if (time_ms < 0 || time_ms >= END_SECONDS * 1000) return ParseStatus.not_representable
  // 125 × 2^3 = 1000: the odd factor stays below 2^53, and doubling a double is exact.
  putMicros(words, row, time_ms * 125 * 8, 0)
  return ParseStatus.ok
}

/**
 * Parses `seconds[.decimals]`, one to six decimals, into µs since 1970. A number before 1970 or with more
 * digits is not representable; the row is written only when the status is ok.
 */
export function parseSecondsText(
  source: Uint8Array,
  start: number,
  end: number,
  words: Int32Array,
  row: number,
): ParseStatusCode {
  if (start >= end) return ParseStatus.missing
  const isNegative = source[start] === 0x2d
  const secondsStart = isNegative ? start + 1 : start
  const secondsEnd = digitsEnd(source, secondsStart, end)
  if (secondsEnd === secondsStart) return ParseStatus.malformed
  let micros = 0
  if (secondsEnd < end) {
    const from = secondsEnd + 1
    if (source[secondsEnd] !== 0x2e || from === end || end - from > 6) return ParseStatus.malformed
    if (digitsEnd(source, from, end) !== end) return ParseStatus.malformed
    micros = digits(source, from, end) * 10 ** (6 - (end - from))
  }
  const seconds = digits(source, secondsStart, secondsEnd)
  if (isNegative || !(seconds < END_SECONDS)) return ParseStatus.not_representable
  // 15625 × 2^6 = 10^6, exact for the same reason as above.
  putMicros(words, row, seconds * 15_625 * 64, micros)
  return ParseStatus.ok
}

function digitsEnd(source: Uint8Array, start: number, end: number): number {
  let at = start
  while (at < end && (source[at] as number) >= 0x30 && (source[at] as number) <= 0x39) at++
  return at
}

function digits(source: Uint8Array, start: number, end: number): number {
  let value = 0
  for (let at = start; at < end; at++) value = value * 10 + (source[at] as number) - 0x30
  return value
}

/** Writes the sum of an exact double below 2^63 and a number below 2^32; storing a word takes it modulo 2^32. */
function putMicros(words: Int32Array, row: number, whole_us: number, more_us: number): void {
  const high = Math.floor(whole_us / 2 ** 32)
  const low = whole_us - high * 2 ** 32 + more_us
  words[2 * row] = low
  words[2 * row + 1] = low >= 2 ** 32 ? high + 1 : high
}
