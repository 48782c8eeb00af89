import { readFileSync } from 'node:fs'
import { gzipSync } from 'node:zlib'
import { type Position, position, type RecordBatch } from '@assay/core'
import { compressionsAlgorithms, crc32c } from '@platformatic/kafka'
import fc from 'fast-check'
import { compressFrameSync } from 'lz4-napi'
import { describe, expect, it } from 'vitest'
import { Fetched } from '../src/kafka/fetched.js'
import { decompress, TooLargeError } from '../src/kafka/protocol/codecs.js'
import { encodeBatch } from '../src/kafka/protocol/encode-batch.js'
import { type FetchedLane, readFetchResponse } from '../src/kafka/protocol/fetch-api.js'
import { encodeHeaders, type SeenRecord, seen, type TestRecord, toBatch } from './records.js'

const SEED = 20261121
const MIB = 1024 * 1024
const lane = { topic: 't', partition: 0 }
const NO_ONE = { producerId: -1n, producerEpoch: -1, sequence: -1 }

/** What a Kafka 4.3.1 broker answered to Fetch v17: batches of its Java producer, one of each codec, and others. */
const recorded: Record<string, { topicId: string; response: string }> = JSON.parse(
  readFileSync(new URL('./fixtures/kafka/fetch-responses.json', import.meta.url), 'utf8'),
)

function fetched(name: string): FetchedLane {
  const { topicId, response } = recorded[name] ?? { topicId: '', response: '' }
  return readFetchResponse(Buffer.from(response, 'base64'), topicId, 0)
}

function fetchedOf(records: Buffer): FetchedLane {
  return { error: 0, stableEnd: 1_000_000n, logStart: 0n, aborted: [], divergedEnd: undefined, records }
}

function takeAll(from: FetchedLane, budget = { records: 1e9, bytes: 1e9 }, at = 0, bytes_max = MIB): RecordBatch[] {
  const one = new Fetched(lane, position(at), from, bytes_max)
  const batches: RecordBatch[] = []
  while (one.hasMore) batches.push(...one.take({ ...budget }))
  return batches
}

function rowsOf(records: readonly TestRecord[]) {
  const source = toBatch(records)
  return { source, rows: Uint32Array.from(records, (_, i) => i) }
}

/** A batch around a records section, with a CRC that is right. */
function batchAround(section: Buffer, { count = 1, attributes = 0, lastDelta = 0 } = {}): Buffer {
  const batch = encodeBatch([rowsOf([{ value: 'v' }])], NO_ONE, 'lz4').subarray(0, 61)
  const whole = Buffer.concat([batch, section])
  whole.writeInt32BE(whole.length - 12, 8)
  whole.writeInt16BE(attributes, 21)
  whole.writeInt32BE(lastDelta, 23)
  whole.writeInt32BE(count, 57)
  whole.writeUInt32BE(crc32c(whole.subarray(21)), 17)
  return whole
}

const JAVA = Array.from({ length: 40 }, (_, i) => ({
  offset: BigInt(i),
  key: `key${i % 5}`,
  value: `value ${i} ${'ab'.repeat(i)}`,
  headers: encodeHeaders([['h', `${i}`]]),
}))
const withoutTime = (records: readonly SeenRecord[]): unknown => records.map(({ timestamp_ms: _, ...rest }) => rest)

describe('batches of the Java producer', () => {
  it.each(['none', 'gzip', 'snappy', 'lz4', 'zstd'])('B1: compressed by %s are decoded byte for byte', (codec) => {
    const response = fetched(codec)
    expect(response).toMatchObject({ error: 0, stableEnd: 40n, logStart: 0n, aborted: [] })
    const records = seen(takeAll(response))
    expect(withoutTime(records)).toEqual(JAVA)
    expect(records.every(({ timestamp_ms }) => timestamp_ms > 1_790_000_000_000n)).toBe(true)
  })

  it('B2: are the same however they are taken, from any position', () => {
    const from = fc.record({
      at: fc.integer({ min: 0, max: 40 }),
      records: fc.integer({ min: 1, max: 9 }),
      bytes: fc.integer({ min: 1, max: 300 }),
    })
    fc.assert(
      fc.property(from, ({ at, ...budget }) => {
        expect(withoutTime(seen(takeAll(fetched('zstd'), budget, at)))).toEqual(JAVA.slice(at))
      }),
      { seed: SEED, numRuns: 50 },
    )
  })

  it('failure 9: aborted records are absent, and the position goes past control records', () => {
    const from = fetched('transactions')
    expect(from.aborted.map(({ firstOffset }) => firstOffset)).toEqual([3n, 9n])
    const one = new Fetched(lane, position(0), from, MIB)
    const records = seen(one.take({ records: 99, bytes: 1e6 }))
    expect(records.map(({ offset, value }) => [offset, value])).toEqual([
      [0n, 'a0'],
      [1n, 'a1'],
      [6n, 'c0'],
      [7n, 'c1'],
    ])
    expect(one).toMatchObject({ next: 12n, end: 12n, epoch: 0, hasMore: false })
  })

  it('failure 9: the same in whatever order the broker lists what was aborted', () => {
    const from = fetched('transactions')
    const inOrder = takeAll(from).map(({ next, offsets }) => [next, [...offsets]])
    for (const aborted of [from.aborted.toReversed(), from.aborted.toSorted(() => -1)])
      expect(takeAll({ ...from, aborted }).map(({ next, offsets }) => [next, [...offsets]])).toEqual(inOrder)
    // An aborted transaction that began later says nothing of an earlier one of the same producer.
    const [first, second] = from.aborted
    if (!first || !second) throw new Error('two were aborted')
    const later = { ...from, aborted: [{ ...first, firstOffset: 1_000n }, first, second].toReversed() }
    expect(takeAll(later).map(({ next, offsets }) => [next, [...offsets]])).toEqual(inOrder)
  })

  it('failure 16: with a bit flipped are never handed on', () => {
    const flip = fc.record({
      codec: fc.constantFrom('none', 'gzip', 'snappy', 'lz4', 'zstd'),
      // Offset, length and epoch, before byte 16, are not under the CRC.
      where: fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
      bit: fc.integer({ min: 0, max: 7 }),
    })
    fc.assert(
      fc.property(flip, ({ codec, where, bit }) => {
        const whole = fetched(codec)
        const records = Buffer.from(whole.records)
        const at = 16 + Math.floor(where * (records.length - 16))
        records[at] = (records[at] as number) ^ (1 << bit)
        const codes = /^(log_corrupt|log_format_unsupported)$/
        expect(() => takeAll({ ...whole, records })).toThrow(
          expect.objectContaining({ code: expect.stringMatching(codes), retryable: false }),
        )
      }),
      { seed: SEED, numRuns: 300 },
    )
  })

  it('are told as cut short wherever the response ends, and nothing beyond is read', () => {
    const { topicId, response } = recorded.gzip ?? { topicId: '', response: '' }
    const whole = Buffer.from(response, 'base64')
    for (let end = 0; end < whole.length - 3; end += 1) {
      expect(() => readFetchResponse(whole.subarray(0, end), topicId, 0)).toThrow(RangeError)
    }
  })
})

describe('a response to a fetch', () => {
  it('says that the position is out of range', () => {
    expect(fetched('out_of_range')).toMatchObject({ error: 1, stableEnd: -1n })
  })

  it('B3: says where the log ended that the position does not belong to', () => {
    const { topicId, response } = recorded.out_of_range ?? { topicId: '', response: '' }
    const plain = Buffer.from(response, 'base64')
    // The lane's tags are followed by those of its topic and of the response, all empty.
    const tag = Buffer.from([1, 0, 13, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0, 42, 0])
    const lanesTags = plain.length - 3
    expect(plain.subarray(lanesTags)).toEqual(Buffer.from([0, 0, 0]))
    const changed = Buffer.concat([plain.subarray(0, lanesTags), tag, plain.subarray(lanesTags + 1)])
    expect(readFetchResponse(changed, topicId, 0).divergedEnd).toBe(42n)
  })
})

describe('our own batches', () => {
  const bytes = fc.string({ unit: fc.integer({ min: 0, max: 255 }).map((c) => String.fromCharCode(c)), maxLength: 200 })
  const record = fc.record({
    key: fc.option(bytes),
    value: fc.option(bytes),
    headers: fc.option(fc.array(fc.tuple(bytes, fc.option(bytes)), { minLength: 1, maxLength: 3 }).map(encodeHeaders)),
    timestamp_ms: fc.oneof(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), fc.constantFrom(-1n, 0n, 2n ** 53n)),
  })

  const codec = fc.constantFrom('none', 'gzip', 'lz4')

  it('B1, B4: are decoded to what they were made of, whatever it is', () => {
    fc.assert(
      fc.property(
        fc.array(record, { minLength: 1, maxLength: 40 }),
        fc.bigInt(0n, 2n ** 62n),
        codec,
        (records, base, by) => {
          const batch = encodeBatch([rowsOf(records)], NO_ONE, by)
          batch.writeBigInt64BE(base, 0)
          const [found] = takeAll(fetchedOf(batch))
          expect(found?.next).toBe(base + BigInt(records.length))
          expect(seen(found ? [found] : [])).toEqual(
            records.map((one, i) => ({
              offset: base + BigInt(i),
              key: one.key ?? undefined,
              value: one.value ?? undefined,
              headers: one.headers ?? undefined,
              timestamp_ms: one.timestamp_ms,
            })),
          )
        },
      ),
      { seed: SEED, numRuns: 300 },
    )
  })

  it('B3: each read tells the leader epoch of the last record that it gave, and none of those behind', () => {
    const inEpoch = (epoch: number, base: bigint): Buffer => {
      const batch = encodeBatch([rowsOf([{ value: 'a' }, { value: 'b' }, { value: 'c' }])], NO_ONE, 'none')
      batch.writeBigInt64BE(base, 0)
      batch.writeInt32BE(epoch, 12)
      return batch
    }
    const two = fetchedOf(Buffer.concat([inEpoch(3, 0n), inEpoch(5, 3n)]))
    const one = new Fetched(lane, position(0), two, MIB)
    const epochs: [bigint, number | undefined][] = []
    for (; one.hasMore; epochs.push([one.next, one.epoch])) one.take({ records: 1, bytes: 1e6 })
    expect(epochs).toEqual([
      [1n, 3],
      [2n, 3],
      [3n, 3],
      [4n, 5],
      [5n, 5],
      [6n, 5],
    ])
    expect(new Fetched(lane, position(0), two, MIB).epoch).toBeUndefined()
    // What comes next was looked at, and was too much for this read.
    const short = new Fetched(lane, position(0), two, MIB)
    short.take({ records: 100, bytes: 3 })
    expect([short.next, short.epoch]).toEqual([3n, 3])
  })

  it('take the broker its own time where it says so', () => {
    const batch = encodeBatch(
      [
        rowsOf([
          { value: 'a', timestamp_ms: 5n },
          { value: 'b', timestamp_ms: 7n },
        ]),
      ],
      NO_ONE,
      'lz4',
    )
    batch.writeInt16BE(batch.readInt16BE(21) | 8, 21)
    batch.writeBigInt64BE(1_234n, 35)
    batch.writeUInt32BE(crc32c(batch.subarray(21)), 17)
    expect(seen(takeAll(fetchedOf(batch))).map(({ timestamp_ms }) => timestamp_ms)).toEqual([1_234n, 1_234n])
  })
})

describe('hostile batches', () => {
  const zeros = Buffer.alloc(32 * MIB)
  const xerial = (...blocks: Buffer[]): Buffer =>
    Buffer.concat([
      Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0, 0, 0, 0, 1, 0, 0, 0, 1]),
      ...blocks.flatMap((block) => [Buffer.from(Uint32Array.of(block.length).buffer).swap32(), block]),
    ])
  const bombs: [string, number, Buffer][] = [
    ['gzip', 1, gzipSync(zeros)],
    ['snappy', 2, compressionsAlgorithms.snappy.compressSync(zeros)],
    [
      'framed snappy',
      2,
      xerial(
        ...Array.from({ length: 9 }, () => compressionsAlgorithms.snappy.compressSync(zeros.subarray(0, MIB / 2))),
      ),
    ],
    ['lz4', 3, compressFrameSync(zeros)],
    // A frame that claims 2^63 bytes; one that claims a window of 2^41; 4 blocks of 128 KiB of one byte, often.
    ['zstd that claims a size', 4, Buffer.from('28b52ffde0ffffffffffffff7f010000', 'hex')],
    ['zstd that claims a window', 4, Buffer.from('28b52ffd00f8010000', 'hex')],
    ['zstd', 4, zstdOfOneByte(64)],
  ]

  it.each(bombs)(
    'failure 15: %s that becomes too large stops the lane by name, memory bounded',
    (_name, codec, data) => {
      expect(() => decompress(codec, data, 4 * MIB)).toThrow(TooLargeError)
      const before = process.memoryUsage().arrayBuffers
      expect(() => takeAll(fetchedOf(batchAround(data, { attributes: codec })), undefined, 0, 4 * MIB)).toThrow(
        expect.objectContaining({ code: 'batch_too_large', message: expect.stringContaining('t/0 at offset 0') }),
      )
      expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(12 * MIB)
    },
  )

  it('A6: what is within the limit is decompressed', () => {
    for (const [codec, data] of [
      [1, gzipSync(zeros)],
      [3, compressFrameSync(zeros)],
      [4, zstdOfOneByte(64)],
    ] as const) {
      expect(decompress(codec, data, 64 * MIB).length).toBeGreaterThan(4 * MIB)
    }
  })

  it.each([
    ['more records than it has room for', batchAround(Buffer.alloc(14), { count: 2_000_000_000 })],
    ['a negative count', batchAround(Buffer.alloc(14), { count: -1 })],
    ['a record longer than the batch', batchAround(Buffer.from([0x7e, 0, 0, 0, 1, 1, 0]))],
    ['a negative length', batchAround(Buffer.from([0x01, 0, 0, 0, 1, 1, 0]))],
    ['a value longer than its record', batchAround(Buffer.from([0x0c, 0, 0, 0, 1, 0x7e, 0]))],
    ['a number without an end', batchAround(Buffer.alloc(20, 0xff))],
    ['bytes left over', batchAround(Buffer.from([0x0c, 0, 0, 0, 1, 1, 0, 99]))],
    ['an offset beyond its last', batchAround(Buffer.from([0x0c, 0, 0, 2, 1, 1, 0]))],
    ['an unknown codec', batchAround(Buffer.alloc(14), { attributes: 6 })],
    ['no LZ4 frame', batchAround(Buffer.alloc(14), { attributes: 3 })],
    ['no zstd frame', batchAround(Buffer.alloc(14), { attributes: 4 })],
    ['no gzip', batchAround(Buffer.alloc(14), { attributes: 1 })],
  ])('failure 16: %s is damage, whatever the CRC says', (_name, batch) => {
    expect(() => takeAll(fetchedOf(batch))).toThrow(expect.objectContaining({ code: 'log_corrupt' }))
  })

  it('never read outside of what they have, whatever they have', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 60 }),
        fc.integer({ min: 0, max: 9 }),
        fc.integer({ min: 0, max: 4 }),
        (section, count, attributes) => {
          const batch = batchAround(Buffer.from(section), { count, attributes, lastDelta: 20 })
          try {
            takeAll(fetchedOf(batch))
          } catch (error) {
            expect(error).toMatchObject({ code: expect.stringMatching(/^(log_corrupt|batch_too_large)$/) })
          }
        },
      ),
      { seed: SEED, numRuns: 1000 },
    )
  })

  it('what came before them is handed on, and only then is said what is wrong', () => {
    const good = encodeBatch([rowsOf([{ value: 'a' }, { value: 'b' }])], NO_ONE, 'lz4')
    const bad = Buffer.from(good)
    bad.writeBigInt64BE(2n, 0)
    bad[bad.length - 1] = (bad[bad.length - 1] as number) ^ 1
    const one = new Fetched(lane, position(0) as Position, fetchedOf(Buffer.concat([good, bad])), MIB)
    expect(seen(one.take({ records: 9, bytes: 99 }))).toHaveLength(2)
    expect(() => one.take({ records: 9, bytes: 99 })).toThrow('t/0 at offset 2')
  })

  it.each([0, 1])('in message format %i are refused with what to do', (magic) => {
    const batch = batchAround(Buffer.alloc(14))
    batch[16] = magic
    expect(() => takeAll(fetchedOf(batch))).toThrow(
      expect.objectContaining({ code: 'log_format_unsupported', hint: expect.stringContaining('format 2') }),
    )
  })
})

/** A zstd frame of so many blocks of 128 KiB of one and the same byte (RFC 8878: RLE blocks). */
function zstdOfOneByte(blocks: number): Buffer {
  const block = (isLast: boolean): Buffer => {
    const header = (131_072 << 3) | (1 << 1) | (isLast ? 1 : 0)
    return Buffer.from([header & 255, (header >> 8) & 255, header >> 16, 7])
  }
  const frame = Buffer.from('28b52ffd0038', 'hex')
  return Buffer.concat([frame, ...Array.from({ length: blocks }, (_, i) => block(i === blocks - 1))])
}
