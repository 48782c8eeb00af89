/** 64-bit integers as pairs of 32-bit words (low, high): reading a BigInt64Array makes an object a row. */
export function wordsOf(longs: BigInt64Array): Int32Array {
  return new Int32Array(longs.buffer, longs.byteOffset, longs.length * 2)
}

/** Value `i` as a double: exact within ±2^53, beyond that the nearest. */
export function numberAt(words: Int32Array, i: number): number {
  return (words[2 * i + 1] as number) * 2 ** 32 + ((words[2 * i] as number) >>> 0)
}

/** Writes an integer within ±2^53 as value `i`. */
export function putNumber(words: Int32Array, i: number, value: number): void {
  const high = Math.floor(value / 2 ** 32)
  words[2 * i] = value - high * 2 ** 32
  words[2 * i + 1] = high
}
