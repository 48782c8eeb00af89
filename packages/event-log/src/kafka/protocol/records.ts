import { type BytesColumn, nullColumn, putNumber, wordsOf } from '@assay/core'
import { CodecError } from './codecs.js'

/** Least bytes of a record: its length, attributes, two deltas, two lengths, count of headers. */
const RECORD_BYTES_MIN = 7
/** Bytes of a varint that surely fits a double. */
const EXACT_VARINT_BYTES = 7
/** Sums of two numbers below it are exact. */
const EXACT_MAX = 2 ** 52
/** Below so many bytes a row a loop copies faster than a call. */
const SHORT_BYTES = 16

/** Where the parts of each record are. */
export interface ParsedRecords {
  readonly data: Uint8Array
  readonly count: number
  readonly offsets: BigInt64Array
  readonly timestamps_ms: BigInt64Array
  /** Six numbers a record: place and bytes of key, value and headers; -1 bytes for none. */
  readonly spans: Int32Array
  /** Bytes of all keys, values, headers. */
  readonly bytes: readonly [number, number, number]
}

interface RecordsHeader {
  readonly base: bigint
  readonly last: bigint
  readonly baseTimestamp_ms: bigint
  readonly count: number
}

/**
 * Finds the records of a batch (kafka.apache.org/documentation, "Record"): length varint · attributes i8 · timestamp
 * delta varlong · offset delta varint · key length varint, key · value length varint, value · headers count varint,
 * headers. Varints are zigzag; a length of -1 is a null. Throws `CodecError` when they are not `count` whole records.
 */
export function parseRecords(data: Uint8Array, header: RecordsHeader): ParsedRecords {
  const { count } = header
  if (count * RECORD_BYTES_MIN > data.length) throw new CodecError(`the batch has no room for ${count} records`)
  const offsets = new BigInt64Array(count)
  const timestamps_ms = new BigInt64Array(count)
  const spans = new Int32Array(6 * count)
  const cursor = new Cursor(data)
  const putOffset = adder(offsets, header.base)
  const putTimestamp = adder(timestamps_ms, header.baseTimestamp_ms)
  const lastDelta = Number(header.last - header.base)
  let deltaBefore = -1
  let keys = 0
  let values = 0
  let headers = 0
  for (let i = 0; i < count; i += 1) {
    const length = cursor.varint()
    const end = cursor.at + length
    if (length < RECORD_BYTES_MIN - 1 || end > data.length) throw new CodecError('a record ends beyond the batch')
    cursor.at += 1
    putTimestamp(i, cursor.varlong(), cursor)
    const delta = cursor.varint()
    if (delta <= deltaBefore || delta > lastDelta) throw new CodecError('the offsets of the records do not ascend')
    deltaBefore = delta
    putOffset(i, delta, cursor)
    keys += cursor.span(spans, 6 * i, end)
    values += cursor.span(spans, 6 * i + 2, end)
    headers += headersSpan(cursor, spans, 6 * i + 4, end)
  }
  if (cursor.at !== data.length) throw new CodecError('bytes are left over after the records')
  return { data, count, offsets, timestamps_ms, spans, bytes: [keys, values, headers] }
}

/** Column 0 (keys), 1 (values) or 2 (headers), copied out of the records. */
export function column({ data: source, spans, count, bytes }: ParsedRecords, which: 0 | 1 | 2): BytesColumn {
  const total = bytes[which]
  const isShort = total < SHORT_BYTES * count
  // Moving bytes within one buffer is the fastest copy there is, whatever their number; a loop only beats it for few.
  const data = isShort ? new Uint8Array(total) : Uint8Array.prototype.slice.call(source)
  const offsets = new Uint32Array(count + 1)
  const nulls = new Uint8Array(count)
  let nullCount = 0
  let to = 0
  for (let i = 0; i < count; i += 1) {
    const from = spans[6 * i + 2 * which] as number
    const length = spans[6 * i + 2 * which + 1] as number
    if (length < 0) {
      nulls[i] = 1
      nullCount += 1
    } else {
      if (isShort) for (let j = 0; j < length; j += 1) data[to + j] = source[from + j] as number
      else data.copyWithin(to, from, from + length)
      to += length
    }
    offsets[i + 1] = to
  }
  if (nullCount === count) return nullColumn(count)
  // What is left over is not kept, unless it is little.
  const own = 2 * total < data.length ? data.slice(0, total) : data.subarray(0, total)
  return nullCount > 0 ? { data: own, offsets, nulls } : { data: own, offsets }
}

/** The headers with their count in front, as the format has them; none where the count is 0. */
function headersSpan(cursor: Cursor, spans: Int32Array, at: number, end: number): number {
  const from = cursor.at
  if (from >= end) throw new CodecError('a record has no headers')
  const count = cursor.varint()
  if (count < 0 || (count === 0 && cursor.at !== end) || cursor.at > end)
    throw new CodecError('a record has bad headers')
  spans[at] = from
  spans[at + 1] = count === 0 ? -1 : end - from
  cursor.at = end
  return count === 0 ? 0 : end - from
}

/** Writes base + delta as value `i`, without big integers as long as doubles are exact. */
function adder(longs: BigInt64Array, base: bigint): (i: number, delta: number, cursor: Cursor) => void {
  const words = wordsOf(longs)
  const baseNumber = Number(base)
  const isBaseExact = Math.abs(baseNumber) < EXACT_MAX
  return (i, delta, cursor) => {
    if (isBaseExact && Math.abs(delta) < EXACT_MAX) putNumber(words, i, baseNumber + delta)
    else longs[i] = BigInt.asIntN(64, base + (Number.isNaN(delta) ? cursor.long : BigInt(delta)))
  }
}

class Cursor {
  at = 0
  /** The last varlong when it did not fit a double. */
  long = 0n
  readonly #data: Uint8Array

  constructor(data: Uint8Array) {
    this.#data = data
  }

  /** A zigzag int32. */
  varint(): number {
    const value = this.varlong()
    if (!(value >= -0x80000000 && value <= 0x7fffffff)) throw new CodecError('a varint is too long')
    return value
  }

  /** A zigzag int64 as a number; NaN when it may not fit a double: then `long` has it. */
  varlong(): number {
    const data = this.#data
    const from = this.at
    let byte = data[from] as number
    if (byte < 0x80) {
      this.at = from + 1
      return (byte >>> 1) ^ -(byte & 1)
    }
    let value = byte & 0x7f
    let scale = 128
    let at = from + 1
    for (; at < from + EXACT_VARINT_BYTES; at += 1) {
      byte = data[at] as number
      value += (byte & 0x7f) * scale
      if (byte < 0x80) {
        this.at = at + 1
        return value % 2 ? -(value + 1) / 2 : value / 2
      }
      scale *= 128
    }
    this.long = this.#bigVarlong(from)
    return Number.NaN
  }

  /** BatchAddress and length of a byte string that must end before `end`; gives its bytes. */
  span(spans: Int32Array, at: number, end: number): number {
    const bytes = this.varint()
    if (bytes < -1 || this.at + bytes > end) throw new CodecError('a key or value ends beyond its record')
    spans[at] = this.at
    spans[at + 1] = bytes
    if (bytes <= 0) return 0
    this.at += bytes
    return bytes
  }

  #bigVarlong(from: number): bigint {
    let value = 0n
    for (let i = 0; i < 10; i += 1) {
      const byte = this.#data[from + i]
      if (byte === undefined) break
      value |= BigInt(byte & 0x7f) << BigInt(7 * i)
      if (byte < 0x80) {
        this.at = from + i + 1
        const bits = BigInt.asUintN(64, value)
        return (bits >> 1n) ^ -(bits & 1n)
      }
    }
    throw new CodecError('a varint has no end')
  }
}
