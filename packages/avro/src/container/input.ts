import { AssayError } from '@assay/core'

/** An Avro int or long as it was read: a number where that is exact, else a bigint. */
export type AvroLong = number | bigint

/** What to do about a container file that can't be read. */
export const DAMAGED_HINT =
  'the file is damaged; restore it from a copy, or roll the table back to a snapshot that does not name it'

function truncated(): AssayError {
  return new AssayError('corrupt_avro', 'an Avro file ends in the middle of a value', { hint: DAMAGED_HINT })
}

/** Reads Avro's binary encoding (specification 1.11, "Binary Encoding") from a buffer. */
export class AvroInput {
  readonly #bytes: Buffer
  #at = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }

  get remaining_bytes(): number {
    return this.#bytes.length - this.#at
  }

  byte(): number {
    const value = this.#bytes[this.#at]
    if (value === undefined) throw truncated()
    this.#at += 1
    return value
  }

  long(): AvroLong {
    const start = this.#at
    let sum = 0
    let scale = 1
    for (let i = 0; i < 7; i += 1) {
      const b = this.byte()
      sum += (b & 0x7f) * scale
      if (b < 0x80) return sum % 2 === 0 ? sum / 2 : -(sum + 1) / 2
      scale *= 128
    }
    this.#at = start
    return this.#wideLong()
  }

  #wideLong(): AvroLong {
    let sum = 0n
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const b = this.byte()
      sum |= BigInt(b & 0x7f) << shift
      if (b < 0x80) {
        const value = BigInt.asIntN(64, (sum >> 1n) ^ -(sum & 1n))
        const narrow = Number(value)
        return Number.isSafeInteger(narrow) ? narrow : value
      }
    }
    throw new AssayError('corrupt_avro', 'an Avro number is longer than ten bytes', { hint: DAMAGED_HINT })
  }

  /** A long that counts something inside this buffer: never more than `limit`. */
  count(limit: number): number {
    const value = this.long()
    if (typeof value === 'bigint' || value < -limit || value > limit) {
      throw new AssayError('corrupt_avro', `an Avro file claims ${value} items where ${limit} is the most possible`, {
        hint: DAMAGED_HINT,
      })
    }
    return value
  }

  /** The next bytes, as a view and not a copy. */
  take(length: number): Buffer {
    if (length < 0 || length > this.remaining_bytes) throw truncated()
    const view = this.#bytes.subarray(this.#at, this.#at + length)
    this.#at += length
    return view
  }

  sized(): Buffer {
    return this.take(this.count(this.remaining_bytes))
  }

  string(): string {
    return this.sized().toString('utf8')
  }

  float(): number {
    return this.take(4).readFloatLE(0)
  }

  double(): number {
    return this.take(8).readDoubleLE(0)
  }
}
