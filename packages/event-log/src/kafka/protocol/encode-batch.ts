import { AssayError, type BytesColumn, type ProduceBatch, rowLength } from '@assay/core'
import { crc32c } from '@platformatic/kafka'
import { compress } from './codecs.js'
import type { ProducerCompression } from './kafka-options.js'
import { BATCH_HEADER_BYTES } from './record-batch-v2.js'

/** Most bytes of a record but its key, value and headers: length, attributes, two deltas, two lengths, a count. */
export const RECORD_OVERHEAD_BYTES = 5 + 1 + 10 + 5 + 5 + 5 + 1
/** A batch's attributes name its codec; with no other bit set, timestamps are the producer's. */
const ATTRIBUTES: Readonly<Record<ProducerCompression, number>> = { none: 0, gzip: 1, lz4: 3 }
const MAGIC = 2

/** Some rows of what a caller produces. */
export interface Rows {
  readonly source: ProduceBatch
  readonly rows: Uint32Array
}

/** Who sends the batch, and the number of its first record: by these a broker knows one that was sent again. */
interface Sequence {
  readonly producerId: bigint
  readonly producerEpoch: number
  readonly sequence: number
}

/** Bytes that a row takes within a batch, at most. */
export function rowBytesMax(source: ProduceBatch, row: number): number {
  return (
    RECORD_OVERHEAD_BYTES + rowLength(source.keys, row) + rowLength(source.values, row) + rowLength(source.headers, row)
  )
}

/**
 * One record batch of all these rows, compressed where that makes it smaller (see record-batch-v2.ts for the format).
 */
export function encodeBatch(
  parts: readonly Rows[],
  { producerId, producerEpoch, sequence }: Sequence,
  compression: ProducerCompression,
): Buffer {
  const { data, count, first, greatest } = encodeRecords(parts)
  const packed = compress(compression, data)
  const isSmaller = packed.length < data.length
  const body = isSmaller ? packed : data
  const batch = Buffer.allocUnsafe(BATCH_HEADER_BYTES + body.length)
  batch.writeBigInt64BE(0n, 0)
  batch.writeInt32BE(batch.length - 12, 8)
  batch.writeInt32BE(-1, 12)
  batch.writeInt8(MAGIC, 16)
  batch.writeInt16BE(ATTRIBUTES[isSmaller ? compression : 'none'], 21)
  batch.writeInt32BE(count - 1, 23)
  batch.writeBigInt64BE(first, 27)
  batch.writeBigInt64BE(greatest, 35)
  batch.writeBigInt64BE(producerId, 43)
  batch.writeInt16BE(producerEpoch, 51)
  batch.writeInt32BE(sequence, 53)
  batch.writeInt32BE(count, 57)
  batch.set(body, BATCH_HEADER_BYTES)
  batch.writeUInt32BE(crc32c(batch.subarray(21)), 17)
  return batch
}

interface EncodedRecords {
  readonly data: Buffer
  readonly count: number
  readonly first: bigint
  readonly greatest: bigint
}

function encodeRecords(parts: readonly Rows[]): EncodedRecords {
  let bytes = 0
  let count = 0
  let greatest = -(2n ** 63n)
  for (const { source, rows } of parts) {
    for (const row of rows) {
      bytes += rowBytesMax(source, row)
      const time = source.timestamps_ms[row] as bigint
      if (time > greatest) greatest = time
    }
    count += rows.length
  }
  const first = parts[0]?.source.timestamps_ms[parts[0].rows[0] ?? 0] ?? 0n
  const writer = new RecordWriter(bytes, first)
  for (const part of parts) for (const row of part.rows) writer.record(part.source, row)
  return { data: writer.written(), count, first, greatest }
}

class RecordWriter {
  readonly #data: Buffer
  readonly #base: bigint
  #at = 0
  #count = 0

  constructor(bytes_max: number, base: bigint) {
    this.#data = Buffer.allocUnsafe(bytes_max)
    this.#base = base
  }

  written(): Buffer {
    return this.#data.subarray(0, this.#at)
  }

  record(source: ProduceBatch, row: number): void {
    const time = BigInt.asIntN(64, (source.timestamps_ms[row] as bigint) - this.#base)
    const headerBytes = rowLength(source.headers, row)
    const inner =
      1 +
      longBytes(time) +
      varintBytes(this.#count) +
      columnBytes(source.keys, row) +
      columnBytes(source.values, row) +
      (headerBytes || 1)
    this.#varint(inner)
    this.#byte(0)
    this.#long(time)
    this.#varint(this.#count)
    this.#column(source.keys, row)
    this.#column(source.values, row)
    if (headerBytes > 0) this.#bytes(source.headers, row)
    else this.#byte(0)
    this.#count += 1
  }

  #column(column: BytesColumn, row: number): void {
    const isNull = column.nulls?.[row]
    this.#varint(isNull ? -1 : rowLength(column, row))
    if (!isNull) this.#bytes(column, row)
  }

  #bytes({ data, offsets }: BytesColumn, row: number): void {
    const from = offsets[row] as number
    const to = offsets[row + 1] as number
    this.#data.set(data.subarray(from, to), this.#at)
    this.#at += to - from
  }

  #byte(value: number): void {
    this.#data[this.#at] = value
    this.#at += 1
  }

  #varint(value: number): void {
    let left = ((value << 1) ^ (value >> 31)) >>> 0
    for (; left > 0x7f; left >>>= 7) this.#byte((left & 0x7f) | 0x80)
    this.#byte(left)
  }

  #long(value: bigint): void {
    if (isSmall(value)) {
      this.#varint(Number(value))
      return
    }
    let left = BigInt.asUintN(64, (value << 1n) ^ (value >> 63n))
    for (; left > 0x7fn; left >>= 7n) this.#byte(Number(left & 0x7fn) | 0x80)
    this.#byte(Number(left))
  }
}

function isSmall(value: bigint): boolean {
  return value >= -0x80000000n && value <= 0x7fffffffn
}

function varintBytes(value: number): number {
  const zigzag = ((value << 1) ^ (value >> 31)) >>> 0
  return Math.max(1, Math.ceil((32 - Math.clz32(zigzag)) / 7))
}

function longBytes(value: bigint): number {
  if (isSmall(value)) return varintBytes(Number(value))
  let bytes = 1
  for (let left = BigInt.asUintN(64, (value << 1n) ^ (value >> 63n)); left > 0x7fn; left >>= 7n) bytes += 1
  return bytes
}

function columnBytes(column: BytesColumn, row: number): number {
  if (column.nulls?.[row]) return 1
  const bytes = rowLength(column, row)
  return varintBytes(bytes) + bytes
}

/**
 * Headers go to the broker as they are, so they must be what the format says: count, then key length and key, value
 * length (-1 for null) and value each. Throws `bad_batch`.
 */
export function checkHeaders({ headers, count }: ProduceBatch): void {
  for (let i = 0; i < count; i += 1) {
    const from = headers.offsets[i] as number
    const to = headers.offsets[i + 1] as number
    if (to > from && !isHeaders(headers.data, from, to)) {
      throw new AssayError('bad_batch', `the headers of record ${i} are not in Kafka's encoding`, {
        hint: 'give the count of headers and then each, lengths as varints, or null for none',
      })
    }
  }
}

function isHeaders(data: Uint8Array, from: number, to: number): boolean {
  let at = from
  const varint = (): number => {
    let value = 0
    for (let shift = 0; shift < 35 && at < to; shift += 7) {
      const byte = data[at] as number
      at += 1
      value |= (byte & 0x7f) << shift
      if (byte < 0x80) return (value >>> 1) ^ -(value & 1)
    }
    return Number.NaN
  }
  for (let left = varint(); left > 0; left -= 1) {
    const key = varint()
    if (!(key >= 0 && at + key <= to)) return false
    at += key
    const value = varint()
    if (!(value >= -1 && at + value <= to)) return false
    at += Math.max(0, value)
  }
  return at === to
}
