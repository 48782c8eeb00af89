/** Types of the compact protocol that Parquet's structures use. */
const TYPE = { true: 1, false: 2, byte: 3, i32: 5, i64: 6, binary: 8, list: 9, struct: 12 } as const

/**
 * Writes Thrift's compact protocol (thrift-compact-protocol.md of apache/thrift), in which Parquet keeps its metadata:
 * fields in ascending order of their ids, each as the step from the one before and its type. Only what Parquet's
 * structures need.
 */
export class CompactWriter {
  #bytes = Buffer.allocUnsafe(256)
  #at = 0
  #lastId = 0
  readonly #outer: number[] = []

  /** What has been written, as a copy. */
  take(): Uint8Array {
    return Uint8Array.prototype.slice.call(this.#bytes, 0, this.#at)
  }

  bool(id: number, value: boolean): void {
    this.#field(id, value ? TYPE.true : TYPE.false)
  }

  i8(id: number, value: number): void {
    this.#field(id, TYPE.byte)
    this.#byte(value & 0xff)
  }

  i32(id: number, value: number): void {
    this.#field(id, TYPE.i32)
    this.#zigzag(value)
  }

  /** A safe integer. */
  i64(id: number, value: number): void {
    this.#field(id, TYPE.i64)
    this.#zigzag(value)
  }

  binary(id: number, value: Uint8Array): void {
    this.#field(id, TYPE.binary)
    this.#binary(value)
  }

  text(id: number, value: string): void {
    this.binary(id, Buffer.from(value))
  }

  struct(id: number, write: () => void): void {
    this.#field(id, TYPE.struct)
    this.element(write)
  }

  /** A struct that stands in a list, or alone. */
  element(write: () => void): void {
    this.#outer.push(this.#lastId)
    this.#lastId = 0
    write()
    this.#byte(0)
    this.#lastId = this.#outer.pop() as number
  }

  structs<T>(id: number, values: readonly T[], write: (value: T) => void): void {
    this.#list(id, TYPE.struct, values.length)
    for (const value of values) this.element(() => write(value))
  }

  i32s(id: number, values: readonly number[]): void {
    this.#list(id, TYPE.i32, values.length)
    for (const value of values) this.#zigzag(value)
  }

  texts(id: number, values: readonly string[]): void {
    this.#list(id, TYPE.binary, values.length)
    for (const value of values) this.#binary(Buffer.from(value))
  }

  #field(id: number, type: number): void {
    const step = id - this.#lastId
    if (step < 1 || step > 15) throw new RangeError(`field ${id} can't follow field ${this.#lastId}`)
    this.#byte((step << 4) | type)
    this.#lastId = id
  }

  #list(id: number, type: number, count: number): void {
    this.#field(id, TYPE.list)
    if (count < 15) {
      this.#byte((count << 4) | type)
    } else {
      this.#byte(0xf0 | type)
      this.#varint(count)
    }
  }

  #binary(value: Uint8Array): void {
    this.#varint(value.length)
    this.#reserve(value.length)
    this.#bytes.set(value, this.#at)
    this.#at += value.length
  }

  /** Sign in the lowest bit; by division, since sizes of files go beyond 32 bits. */
  #zigzag(value: number): void {
    this.#varint(value < 0 ? -value * 2 - 1 : value * 2)
  }

  #varint(value: number): void {
    let left = value
    while (left >= 0x80) {
      this.#byte((left % 0x80) | 0x80)
      left = Math.floor(left / 0x80)
    }
    this.#byte(left)
  }

  #byte(value: number): void {
    this.#reserve(1)
    this.#bytes[this.#at++] = value
  }

  #reserve(count: number): void {
    if (this.#at + count <= this.#bytes.length) return
    const larger = Buffer.allocUnsafe(Math.max(this.#at + count, this.#bytes.length * 2))
    larger.set(this.#bytes.subarray(0, this.#at))
    this.#bytes = larger
  }
}
