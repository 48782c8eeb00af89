import { expect, it } from 'vitest'
import { partitionOf } from '../src/index.js'
import { murmur2 } from '../src/partition.js'

// The vectors of the Java client's own test, org.apache.kafka.common.utils.UtilsTest#testMurmur2.
const VECTORS: [string, number][] = [
  ['21', -973932308],
  ['foobar', -790332482],
  ['a-little-bit-long-string', -985981536],
  ['a-little-bit-longer-string', -1486304829],
  ['lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8', -58897971],
  ['abc', 479470107],
]

it.each(VECTORS)('murmur2 of %s is what the Java client computes', (text, hash) => {
  expect(murmur2(Buffer.from(text))).toBe(hash)
})

it('gives a key the partition that Kafka’s default partitioner gives it', () => {
  for (const [text, hash] of VECTORS) {
    for (const partitions of [1, 2, 3, 12, 40]) {
      expect(partitionOf(Buffer.from(text), partitions)).toBe((hash & 0x7fffffff) % partitions)
    }
  }
})

it('hashes an empty key, and sends a missing one where the caller says', () => {
  expect(partitionOf(new Uint8Array(0), 1000)).toBe((murmur2(new Uint8Array(0)) & 0x7fffffff) % 1000)
  expect(partitionOf(undefined, 3, 7)).toBe(1)
  expect(partitionOf(undefined, 3)).toBe(0)
})
