/**
 * Reads Avro's primitives from a span of bytes. No call throws or looks beyond the span: each says
 * by `false` that the bytes are not what they should be, and leaves its result in `low`, `high`,
 * `spanStart`, `number`. Format: Apache Avro specification, "Binary encoding".
 */
export class Cursor {
  bytes: Uint8Array = new Uint8Array(0)
  at = 0
  end = 0
  /** Halves of the last long, as signed 32-bit integers. */
  low = 0
  high = 0
  /** Where the last span began; it ends at `at`. */
  spanStart = 0
  /** The last float or double. */
  number = 0
  /** Where the last block says that it ends; -1 if it does not say. */
  blockEnd = -1
  /** What the record may still hold. */
  itemsLeft = 0
  valuesLeft = 0
  /** Why the last call that said `false` did so. */
  problem: Problem = 'invalid'

  private readonly scratch = new DataView(new ArrayBuffer(8))

  open(bytes: Uint8Array, start: number, end: number): void {
    this.bytes = bytes
    this.at = start
    this.end = end
    this.itemsLeft = ITEMS_MAX
    this.valuesLeft = VALUES_MAX
    this.problem = 'invalid'
  }

  /** Notes why what is being read can't be; gives `false`. */
  refuse(problem: Problem): false {
    this.problem = problem
    return false
  }

  /** A zigzag varint of up to ten bytes and 64 bits. */
  long(): boolean {
    if (this.at >= this.end) return this.refuse('cut')
    const first = this.bytes[this.at] as number
    if (first < 0x80) {
      this.at++
      this.low = (first >>> 1) ^ -(first & 1)
      this.high = -(first & 1)
      return true
    }
    return this.longerLong()
  }

  /** Groups of seven bits, gathered four at a time so that each gathering fits in 28 bits. */
  private longerLong(): boolean {
    const bytes = this.bytes
    const end = this.end
    let at = this.at
    let first = 0
    let second = 0
    for (let shift = 0; shift < 28; shift += 7) {
      if (at >= end) return this.refuse('cut')
      const byte = bytes[at++] as number
      first |= (byte & 0x7f) << shift
      if (byte < 0x80) return this.zigzag(first, 0, at)
    }
    for (let shift = 0; shift < 28; shift += 7) {
      if (at >= end) return this.refuse('cut')
      const byte = bytes[at++] as number
      second |= (byte & 0x7f) << shift
      if (byte < 0x80) return this.zigzag(first | (second << 28), second >>> 4, at)
    }
    if (at >= end) return this.refuse('cut')
    const ninth = bytes[at++] as number
    const high = (second >>> 4) | (ninth << 24)
    if (ninth < 0x80) return this.zigzag(first | (second << 28), high, at)
    if (at >= end) return this.refuse('cut')
    const tenth = bytes[at++] as number
    return tenth <= 1 && this.zigzag(first | (second << 28), (high & 0x7fff_ffff) | (tenth << 31), at)
  }

  private zigzag(low: number, high: number, at: number): boolean {
    const sign = -(low & 1)
    this.low = ((low >>> 1) | (high << 31)) ^ sign
    this.high = (high >>> 1) ^ sign
    this.at = at
    return true
  }

  /** A long that must fit in 32 bits; the value is `low`. */
  int(): boolean {
    return this.long() && this.high === this.low >> 31
  }

  /** A long that must lie in 0 … limit - 1; the value is `low`. */
  index(limit: number): boolean {
    return this.long() && this.high === 0 && this.low >= 0 && this.low < limit
  }

  boolean(): boolean {
    if (this.at >= this.end) return this.refuse('cut')
    this.low = this.bytes[this.at++] as number
    return this.low <= 1
  }

  float(): boolean {
    if (!this.copy(4)) return false
    this.number = this.scratch.getFloat32(0, true)
    return true
  }

  double(): boolean {
    if (!this.copy(8)) return false
    this.number = this.scratch.getFloat64(0, true)
    return true
  }

  /** A byte string: its length, then its bytes. */
  span(): boolean {
    if (!this.long() || this.high < 0) return false
    if (this.high > 0 || this.low < 0) return this.refuse('cut')
    return this.fixed(this.low)
  }

  /** A text: its length, then its bytes, which must be UTF-8. */
  text(): boolean {
    return this.span() && isUtf8(this.bytes, this.spanStart, this.at)
  }

  fixed(size: number): boolean {
    if (size > this.end - this.at) return this.refuse('cut')
    this.spanStart = this.at
    this.at += size
    return true
  }

  /** Takes values from what the record may still hold; false when it claims too many. */
  spendValues(count: number): boolean {
    this.valuesLeft -= count
    return this.valuesLeft >= 0 || this.refuse('values')
  }

  /**
   * The head of an array's or a map's next block; the number of its items is `low` (0: no more blocks).
   * A block may be preceded by its size in bytes, which must then lie within the span.
   */
  block(): boolean {
    if (!this.long()) return false
    this.blockEnd = -1
    if (this.high < 0) {
      const count = -this.low | 0
      if (this.high !== -1 || count <= 0 || !this.index(this.end - this.at + 1)) return false
      this.blockEnd = this.at + this.low
      this.low = count
    } else if (this.high !== 0 || this.low < 0) return false
    this.itemsLeft -= this.low
    return this.itemsLeft >= 0 || this.refuse('items')
  }

  private copy(size: number): boolean {
    if (!this.fixed(size)) return false
    for (let i = 0; i < size; i++) this.scratch.setUint8(i, this.bytes[this.spanStart + i] as number)
    return true
  }
}

/** What is wrong with bytes: they end too early, claim more than a limit allows, or are no such value. */
export type Problem = 'invalid' | 'cut' | 'items' | 'values' | 'depth'

/** Array items and map entries in one record: above it, the record is refused. */
export const ITEMS_MAX = 10_000
/** Values of any kind inside a record's skipped fields, so that items without bytes cost bounded time too. */
export const VALUES_MAX = 200_000
/** Records, arrays and maps inside one another. */
export const DEPTH_MAX = 64

/** True when `bytes[start .. end)` is UTF-8 as Unicode defines it: no surrogates, no overlong forms. */
function isUtf8(bytes: Uint8Array, start: number, end: number): boolean {
  let at = start
  while (at < end) {
    const first = bytes[at] as number
    if (first < 0x80) {
      at++
      continue
    }
    const length = sequenceLength(first)
    if (length === 0 || at + length > end) return false
    if (!isSecond(first, bytes[at + 1] as number)) return false
    for (let i = 2; i < length; i++) {
      if (((bytes[at + i] as number) & 0xc0) !== 0x80) return false
    }
    at += length
  }
  return true
}

function sequenceLength(first: number): number {
  if (first >= 0xc2 && first <= 0xdf) return 2
  if (first >= 0xe0 && first <= 0xef) return 3
  return first >= 0xf0 && first <= 0xf4 ? 4 : 0
}

/** The second byte carries the limits: Unicode standard, table 3-7. */
function isSecond(first: number, second: number): boolean {
  switch (first) {
    case 0xe0:
      return second >= 0xa0 && second <= 0xbf
    case 0xed:
      return second >= 0x80 && second <= 0x9f
    case 0xf0:
      return second >= 0x90 && second <= 0xbf
    case 0xf4:
      return second >= 0x80 && second <= 0x8f
    default:
      return (second & 0xc0) === 0x80
  }
}
