const SEED = 0x9747b28c
const M = 0x5bd1e995

/** MurmurHash2, 32 bits, with the seed of Kafka's clients; a signed integer as in Java. */
export function murmur2(data: Uint8Array): number {
  const length = data.length
  let h = SEED ^ length
  let i = 0
  for (; i + 4 <= length; i += 4) {
    let k = byte(data, i) | (byte(data, i + 1) << 8) | (byte(data, i + 2) << 16) | (byte(data, i + 3) << 24)
    k = Math.imul(k, M)
    k ^= k >>> 24
    h = Math.imul(h, M) ^ Math.imul(k, M)
  }
  if (i < length) {
    for (let j = length - 1; j >= i; j -= 1) h ^= byte(data, j) << (8 * (j - i))
    h = Math.imul(h, M)
  }
  h ^= h >>> 13
  h = Math.imul(h, M)
  return h ^ (h >>> 15)
}

/**
 * The partition that Kafka's default partitioner chooses for a key. Records without a key go to `keyless`
 * modulo `partitions`, which the caller moves on from call to call.
 */
export function partitionOf(key: Uint8Array | undefined, partitions: number, keyless = 0): number {
  if (key === undefined) return keyless % partitions
  return (murmur2(key) & 0x7fffffff) % partitions
}

function byte(data: Uint8Array, i: number): number {
  return data[i] as number
}
