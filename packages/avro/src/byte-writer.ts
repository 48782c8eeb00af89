import { AssayError } from '@assay/core'

const RECORD_BYTES_MAX = 64 << 20

/** Writes Avro's primitives into a buffer that grows up to a limit. Throws `record_too_large`. */
export class ByteWriter {
  private bytes = new Uint8Array(1024)
  private view = new DataView(this.bytes.buffer)
  private at = 0

  /** Empties the writer, except for the bytes given. */
  reset(prefix: Uint8Array | undefined): void {
    this.at = 0
    if (prefix) this.raw(prefix)
  }

  /** A copy of what was written since the last reset. */
  taken(): Uint8Array {
    return this.bytes.slice(0, this.at)
  }

  byte(value: number): void {
    this.reserve(1)
    this.bytes[this.at++] = value
  }

  /** A zigzag varint of a safe integer. */
  safeLong(value: number): void {
    if (value >= -0x4000_0000 && value < 0x4000_0000) {
      this.varint32((value << 1) ^ (value >> 31))
      return
    }
    const high = Math.floor(value / 2 ** 32)
    this.halves(value - high * 2 ** 32, high)
  }

  /** A zigzag varint of a 64-bit integer. */
  bigLong(value: bigint): void {
    this.halves(Number(value & 0xffff_ffffn), Number(value >> 32n))
  }

  double(value: number): void {
    this.reserve(8)
    this.view.setFloat64(this.at, value, true)
    this.at += 8
  }

  float(value: number): void {
    this.reserve(4)
    this.view.setFloat32(this.at, value, true)
    this.at += 4
  }

  span(value: Uint8Array): void {
    this.safeLong(value.length)
    this.raw(value)
  }

  /** False for half a surrogate pair: it has no UTF-8 form, and a substitute would change the text silently. */
  text(value: string): boolean {
    if (value.length < 64 && this.shortAscii(value)) return true
    if (/\p{Surrogate}/u.test(value)) return false
    this.span(Buffer.from(value, 'utf8'))
    return true
  }

  /** Fewer than 64 characters, one byte each: their length is one byte too. */
  private shortAscii(value: string): boolean {
    this.reserve(value.length + 1)
    const bytes = this.bytes
    const from = this.at + 1
    for (let i = 0; i < value.length; i++) {
      const code = value.charCodeAt(i)
      if (code >= 0x80) return false
      bytes[from + i] = code
    }
    bytes[this.at] = value.length << 1
    this.at = from + value.length
    return true
  }

  private raw(value: Uint8Array): void {
    this.reserve(value.length)
    this.bytes.set(value, this.at)
    this.at += value.length
  }

  /** `low` is taken modulo 2^32, `high` is a signed 32-bit integer. */
  private halves(low: number, high: number): void {
    const sign = high >> 31
    let restLow = (low << 1) ^ sign
    let restHigh = ((high << 1) | (low >>> 31)) ^ sign
    this.reserve(10)
    while (restHigh !== 0) {
      this.bytes[this.at++] = (restLow & 0x7f) | 0x80
      restLow = (restLow >>> 7) | (restHigh << 25)
      restHigh >>>= 7
    }
    this.varint32(restLow)
  }

  private varint32(value: number): void {
    this.reserve(5)
    let rest = value >>> 0
    while (rest >= 0x80) {
      this.bytes[this.at++] = (rest & 0x7f) | 0x80
      rest >>>= 7
    }
    this.bytes[this.at++] = rest
  }

  private reserve(count: number): void {
    const needed = this.at + count
    if (needed <= this.bytes.length) return
    if (needed > RECORD_BYTES_MAX) {
      throw new AssayError('record_too_large', `the record is larger than ${RECORD_BYTES_MAX} bytes`, {
        hint: 'split it: no log takes a record of that size',
      })
    }
    const grown = new Uint8Array(Math.min(RECORD_BYTES_MAX, 2 * needed))
    grown.set(this.bytes.subarray(0, this.at))
    this.bytes = grown
    this.view = new DataView(grown.buffer)
  }
}
