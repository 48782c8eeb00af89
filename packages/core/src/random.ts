import { randomBytes, randomUUID } from 'node:crypto'

/** Randomness as an input. */
export interface Random {
  /** A new UUID (version 4 text form). */
  uuid(): string
  /** A positive integer below 2^53, for Iceberg snapshot ids. */
  id53(): number
  /** A float in [0, 1), for jitter. */
  unit(): number
}

export const systemRandom: Random = {
  uuid: () => randomUUID(),
  id53: () => Number(randomBytes(8).readBigUInt64BE() >> 11n) || 1,
  unit: () => Math.random(),
}

/** Deterministic randomness: the same seed gives the same sequence (mulberry32). */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0
  const next32 = (): number => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = state
    t = Math.imul(t ^ (t >>> 15), t | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return (t ^ (t >>> 14)) >>> 0
  }
  const hex = (n: number): string => next32().toString(16).padStart(8, '0').slice(0, n)
  return {
    uuid: () => `${hex(8)}-${hex(4)}-4${hex(3)}-8${hex(3)}-${hex(8)}${hex(4)}`,
    id53: () => (next32() & 0x1fffff) * 2 ** 32 + next32() || 1,
    unit: () => next32() / 2 ** 32,
  }
}
