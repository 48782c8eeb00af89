/** Shorter runs are packed: reading many headers costs more than the bits. */
const RUN_MIN = 24
/** A header of at most five bytes and a value of two. */
const RUN_BYTES_MAX = 7

/**
 * The hybrid of runs and bit-packed groups in which levels and indices of dictionaries are stored (RLE = 3 in
 * Encodings.md of parquet-format). Values have at most `width` bits, 1 to 16.
 */
export class RunEncoder {
  #bytes = new Uint8Array(64)
  #at = 0

  /** What has been encoded since the last call; valid until the next value is. */
  take(): Uint8Array {
    const taken = this.#bytes.subarray(0, this.#at)
    this.#at = 0
    return taken
  }

  /** A run of one value. */
  run(value: number, count: number, width: number): void {
    this.#reserve(RUN_BYTES_MAX)
    this.#varint(count * 2)
    this.#bytes[this.#at++] = value & 0xff
    if (width > 8) this.#bytes[this.#at++] = value >> 8
  }

  values(values: Uint16Array, count: number, width: number): void {
    let packedFrom = 0
    let i = 0
    while (i < count) {
      const value = values[i] as number
      let end = i + 1
      while (end < count && values[end] === value) end++
      if (end - i >= RUN_MIN || (i === 0 && end === count)) {
        // Packed groups hold eight values each, so the last one before the run is filled from it.
        const begin = packedFrom + ((i - packedFrom + 7) & ~7)
        if (begin > packedFrom) this.#pack(values, packedFrom, begin, width)
        this.run(value, end - begin, width)
        packedFrom = end
      }
      i = end
    }
    if (packedFrom < count) this.#pack(values, packedFrom, count, width)
  }

  /** Values from the lowest bit of each byte on; the last group is filled with zeros. */
  #pack(values: Uint16Array, from: number, to: number, width: number): void {
    const groups = (to - from + 7) >> 3
    this.#reserve(groups * width + RUN_BYTES_MAX)
    this.#varint(groups * 2 + 1)
    const bytes = this.#bytes
    let at = this.#at
    const end = at + groups * width
    let bits = 0
    let held = 0
    for (let i = from; i < to; i++) {
      held |= (values[i] as number) << bits
      bits += width
      if (bits < 16) continue
      bytes[at] = held & 0xff
      bytes[at + 1] = (held >>> 8) & 0xff
      at += 2
      held >>>= 16
      bits -= 16
    }
    for (; bits > 0; bits -= 8, held >>>= 8) bytes[at++] = held & 0xff
    while (at < end) bytes[at++] = 0
    this.#at = end
  }

  #varint(value: number): void {
    let left = value
    while (left >= 0x80) {
      this.#bytes[this.#at++] = (left & 0x7f) | 0x80
      left >>>= 7
    }
    this.#bytes[this.#at++] = left
  }

  #reserve(count: number): void {
    if (this.#at + count <= this.#bytes.length) return
    const larger = new Uint8Array(Math.max(this.#at + count, this.#bytes.length * 2))
    larger.set(this.#bytes.subarray(0, this.#at))
    this.#bytes = larger
  }
}

/** Bits of an index into a dictionary of so many entries: at least one, as some readers refuse none. */
export function indexWidth(entries: number): number {
  return Math.max(1, 32 - Math.clz32(entries - 1))
}
