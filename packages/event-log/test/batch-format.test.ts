import { crc32 } from 'node:zlib'
import { position } from '@assay/core'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  decodeBatch,
  encodedBytes,
  encodeGroup,
  HEADER_BYTES,
  isBodyIntact,
  laneSeal,
  readHeader,
} from '../src/batch-format.js'
import { BATCH_RECORDS_MAX, type PlannedBatch } from '../src/plan.js'
import { type SeenRecord, seen, type TestRecord, toBatch } from './records.js'

const LANE = { topic: 't', partition: 3 }
const SEAL = laneSeal('topic id', 3)
const ADDRESS = { seal: SEAL, byte: 64 }

/** What lies at a byte of a buffer, as a reader takes it. */
function decode(bytes: Uint8Array, at: number): { records: SeenRecord[]; next: bigint; total_bytes: number } {
  const header = readHeader(bytes, at)
  if (!header || !isBodyIntact(bytes, at, header)) throw new Error('no intact batch')
  const batch = decodeBatch(bytes, at, header, LANE)
  for (const { offsets } of [batch.keys, batch.values, batch.headers]) expect(offsets).toHaveLength(batch.count + 1)
  return { records: seen([batch]), next: batch.next, total_bytes: header.total_bytes }
}

function expected(records: readonly TestRecord[], rows: Uint32Array, base: bigint): SeenRecord[] {
  return [...rows].map((row, i) => ({
    offset: base + BigInt(i),
    value: records[row]?.value ?? undefined,
    key: records[row]?.key ?? undefined,
    headers: records[row]?.headers ?? undefined,
    timestamp_ms: records[row]?.timestamp_ms ?? 1_700_000_000_000n,
  }))
}

const text = (minLength: number) =>
  fc.option(fc.string({ minLength, maxLength: 6, unit: fc.constantFrom('a', 'b', '\xff') }))
const record: fc.Arbitrary<TestRecord> = fc.record({
  value: text(0),
  key: text(0),
  headers: text(1),
  timestamp_ms: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
})
/** Records, and which of them are stored together, in ascending order. */
const planned = fc.array(fc.tuple(record, fc.boolean()), { minLength: 1, maxLength: 7 }).map((found) => {
  const rows = Uint32Array.from(found.flatMap(([, isTaken], i) => (isTaken ? [i] : [])))
  return { records: found.map(([one]) => one), rows: rows.length > 0 ? rows : Uint32Array.of(0) }
})

function plan(records: readonly TestRecord[], rows = Uint32Array.from(records.keys())): PlannedBatch {
  return { source: toBatch(records), rows }
}

describe('stored batches', () => {
  it('B1: a group comes back record by record, whatever is null or empty, whichever rows it takes', () => {
    fc.assert(
      fc.property(
        fc.array(planned, { minLength: 1, maxLength: 3 }),
        fc.bigInt({ min: 0n, max: 2n ** 62n }),
        fc.boolean(),
        (group, base, isBound) => {
          const batches = group.map(({ records, rows }) => plan(records, rows))
          const bytes = encodeGroup(batches, base, 64, isBound ? SEAL : undefined)
          expect(bytes.length).toBe(encodedBytes(batches))
          let at = 0
          let offset = base
          for (const { records, rows } of group) {
            const found = decode(bytes, at)
            expect(found.records).toEqual(expected(records, rows, offset))
            offset += BigInt(rows.length)
            expect(found.next).toBe(position(offset))
            expect(readHeader(bytes, at, { seal: SEAL, byte: 64 + at })).toMatchObject({
              base: offset - BigInt(rows.length),
              count: rows.length,
              groupStart: 64,
              isBound,
            })
            at += found.total_bytes
          }
          expect(at).toBe(bytes.length)
        },
      ),
    )
  })

  it('B2: offsets go on past the words of 32 bits that they are written in', () => {
    const records = ['a', 'b', 'c', 'd'].map((value) => ({ value }))
    for (const base of [2n ** 32n - 2n, 5n * 2n ** 32n - 1n, 2n ** 33n]) {
      const { records: found } = decode(encodeGroup([plan(records)], base, 0), 0)
      expect(found.map(({ offset }) => offset)).toEqual([base, base + 1n, base + 2n, base + 3n])
    }
  })

  it('B1: the largest batch comes back with all its nulls', () => {
    const bytes = encodeGroup([plan(Array.from({ length: BATCH_RECORDS_MAX }, () => ({})))], 0n, 0)
    const header = readHeader(bytes, 0)
    if (!header) throw new Error('no batch')
    const { keys, values } = decodeBatch(bytes, 0, header, LANE)
    for (const { offsets, nulls } of [keys, values]) {
      expect(offsets).toHaveLength(BATCH_RECORDS_MAX + 1)
      expect(nulls?.every((one) => one === 1) && nulls.length).toBe(BATCH_RECORDS_MAX)
    }
  })

  it('B5: the bytes of a batch are these', () => {
    const records = [
      { key: 'k', value: 'ab', timestamp_ms: 1n },
      { key: null, value: 'c', timestamp_ms: 2n },
    ]
    const body = [
      [1, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0],
      [0, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0],
      [0, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0],
      [0, 1],
      [...Buffer.from('kabc')],
      [0, 0],
    ].flat()
    const header = new DataView(new ArrayBuffer(HEADER_BYTES))
    header.setUint32(0, 0x31595341, true)
    header.setUint32(8, crc32(Uint8Array.from(body)), true)
    header.setUint32(12, HEADER_BYTES + body.length, true)
    header.setBigInt64(16, 9n, true)
    header.setUint32(24, 2, true)
    header.setUint32(28, 64, true)
    for (const [at, bytes] of [1, 3, 0].entries()) header.setUint32(32 + 4 * at, bytes, true)
    const bound = crc32(Uint8Array.of(64, 0, 0, 0), SEAL) >>> 7
    header.setUint32(44, (1 | (0 << 2) | (2 << 4) | (1 << 6) | (bound << 7)) >>> 0, true)
    header.setUint32(4, crc32(new Uint8Array(header.buffer, 8)), true)
    expect([...encodeGroup([plan(records)], 9n, 64, SEAL)]).toEqual([...new Uint8Array(header.buffer), ...body])
    expect(SEAL).toBe(crc32('topic id/3'))
  })

  it('B5: with any bit changed it is no batch, or its body is not intact', () => {
    const bytes = encodeGroup([plan([{ key: 'k', value: 'ab' }, { value: 'c' }])], 9n, 64, SEAL)
    const bits = Array.from({ length: bytes.length * 8 }, (_, bit) => bit)
    const found = bits.map((bit) => {
      const changed = bytes.slice()
      changed[bit >> 3] = (changed[bit >> 3] as number) ^ (1 << (bit & 7))
      const header = readHeader(changed, 0, ADDRESS)
      return { isBatch: header !== undefined, isIntact: header !== undefined && isBodyIntact(changed, 0, header) }
    })
    // A changed body leaves the header readable, so that the length of what is damaged is known.
    expect(found).toEqual(bits.map((bit) => ({ isBatch: bit >= HEADER_BYTES * 8, isIntact: false })))
  })

  it('B5: is none in another lane or at another byte, unless the first version wrote it', () => {
    const bound = encodeGroup([plan([{ value: 'a' }])], 0n, 64, SEAL)
    const first = encodeGroup([plan([{ value: 'a' }])], 0n, 64)
    const elsewhere = [
      { seal: laneSeal('topic id', 4), byte: 64 },
      { seal: laneSeal('another id', 3), byte: 64 },
      { seal: SEAL, byte: 72 },
    ]
    for (const address of elsewhere) {
      expect(readHeader(bound, 0, address)).toBeUndefined()
      expect(readHeader(first, 0, address)).toMatchObject({ isBound: false })
    }
    expect(readHeader(bound, 0, ADDRESS)).toMatchObject({ isBound: true })
    expect(readHeader(bound, 0)).toMatchObject({ isBound: true })
  })

  it('B5: a header with counts that cannot be is none, though its CRC is right', () => {
    const bytes = encodeGroup([plan([{ value: 'a' }])], 0n, 0)
    const header = (changes: Readonly<Record<number, number>>): unknown => {
      const changed = bytes.slice()
      const view = new DataView(changed.buffer)
      for (const [at, value] of Object.entries(changes)) view.setUint32(Number(at), value, true)
      view.setUint32(4, crc32(changed.subarray(8, HEADER_BYTES)), true)
      return readHeader(changed, 0)
    }
    const sizeOf = (count: number): number => Math.ceil((HEADER_BYTES + 8 * count + 4 * (count + 1) + 1) / 8) * 8
    expect(header({ 12: sizeOf(1) })).toBeDefined()
    expect(header({ 12: sizeOf(1) + 8 })).toBeUndefined()
    expect(header({ 24: 0, 12: sizeOf(0) })).toBeUndefined()
    expect(header({ 24: BATCH_RECORDS_MAX, 12: sizeOf(BATCH_RECORDS_MAX) })).toBeDefined()
    expect(header({ 24: BATCH_RECORDS_MAX + 1, 12: sizeOf(BATCH_RECORDS_MAX + 1) })).toBeUndefined()
  })
})
