declare const positionBrand: unique symbol

/** A place in a lane: the offset of the *next* record to take. */
export type Position = bigint & { readonly [positionBrand]: true }

const MAX_POSITION = 2n ** 63n - 1n

/** Makes a position of an offset. Throws a RangeError outside 0 … 2^63-1. */
export function position(value: bigint | number | string): Position {
  const n = BigInt(value)
  if (n < 0n || n > MAX_POSITION) throw new RangeError(`position ${n} is outside 0 … 2^63-1`)
  return n as Position
}

export const START: Position = position(0)
