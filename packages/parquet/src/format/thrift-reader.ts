/** Types of the compact protocol. */
const TYPE = {
  stop: 0,
  true: 1,
  false: 2,
  byte: 3,
  i16: 4,
  i32: 5,
  i64: 6,
  double: 7,
  binary: 8,
  list: 9,
  set: 10,
  struct: 12,
}
/** Parquet's structures are some ten deep. */
const DEPTH_MAX = 32

/** Fields of a struct by their ids. */
export type ThriftStruct = ReadonlyMap<number, ThriftValue>
export type ThriftValue = number | boolean | Uint8Array | readonly ThriftValue[] | ThriftStruct

/**
 * Reads Thrift's compact protocol (thrift-compact-protocol.md of apache/thrift) without knowing the structures. Throws a
 * RangeError where the bytes are none. Integers beyond 2^53 lose their last digits.
 */
export class CompactReader {
  readonly #bytes: Uint8Array
  #at: number

  constructor(bytes: Uint8Array, at = 0) {
    this.#bytes = bytes
    this.#at = at
  }

  /** Where the next structure begins. */
  get at(): number {
    return this.#at
  }

  struct(depth = 0): ThriftStruct {
    if (depth > DEPTH_MAX) throw new RangeError('structures are too deep')
    const fields = new Map<number, ThriftValue>()
    let id = 0
    for (;;) {
      const head = this.#byte()
      const type = head & 0x0f
      if (type === TYPE.stop) return fields
      const step = head >> 4
      id = step === 0 ? unzigzag(this.#varint()) : id + step
      fields.set(id, this.#value(type, depth, false))
    }
  }

  #value(type: number, depth: number, isElement: boolean): ThriftValue {
    switch (type) {
      case TYPE.true:
      case TYPE.false:
        return isElement ? this.#byte() === TYPE.true : type === TYPE.true
      case TYPE.byte:
        return (this.#byte() << 24) >> 24
      case TYPE.i16:
      case TYPE.i32:
      case TYPE.i64:
        return unzigzag(this.#varint())
      case TYPE.double:
        return this.#slice(8)
      case TYPE.binary:
        return this.#slice(this.#varint())
      case TYPE.list:
      case TYPE.set:
        return this.#list(depth)
      case TYPE.struct:
        return this.struct(depth + 1)
      default:
        throw new RangeError(`there is no type ${type}`)
    }
  }

  #list(depth: number): ThriftValue[] {
    if (depth > DEPTH_MAX) throw new RangeError('structures are too deep')
    const head = this.#byte()
    const short = head >> 4
    const count = short === 15 ? this.#varint() : short
    if (count > this.#bytes.length - this.#at) throw new RangeError('a list ends behind its bytes')
    return Array.from({ length: count }, () => this.#value(head & 0x0f, depth + 1, true))
  }

  #byte(): number {
    const byte = this.#bytes[this.#at++]
    if (byte === undefined) throw new RangeError('a structure ends behind its bytes')
    return byte
  }

  #slice(length: number): Uint8Array {
    const from = this.#at
    if (length > this.#bytes.length - from) throw new RangeError('a text ends behind its bytes')
    this.#at = from + length
    return this.#bytes.subarray(from, this.#at)
  }

  #varint(): number {
    let value = 0
    for (let scale = 1; scale < 2 ** 70; scale *= 128) {
      const byte = this.#byte()
      value += (byte & 0x7f) * scale
      if (byte < 0x80) return value
    }
    throw new RangeError('a number has too many bytes')
  }
}

function unzigzag(value: number): number {
  return value % 2 === 0 ? value / 2 : -(value + 1) / 2
}
