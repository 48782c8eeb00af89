import { isUtf8 } from 'node:buffer'
import { AssayError } from '@assay/core'
import { PageBytes } from './page-bytes.js'
import type { PlainWriter, Slice, ValueBounds } from './plain-writer.js'

/** Value `i` is the bytes [starts[i], ends[i]) of the source, whose limits have been checked. */
export interface SpansSource {
  readonly bytes: Uint8Array
  readonly view: DataView
  readonly starts: Uint32Array
  readonly ends: Uint32Array
}

/** Longer values are copied, and looked at, by the runtime: a call costs as much as some dozens of words. */
const COPIED_BY_WORDS_MAX = 128
/** The highest bit of each byte: none is set in ASCII. */
const HIGH_BITS = 0x80808080

/** A text as a source of one value. */
export function textSource(text: string): SpansSource {
  const bytes = Buffer.from(text)
  return spansSource(bytes, new Uint32Array(1), Uint32Array.of(bytes.length))
}

export function spansSource(bytes: Uint8Array, starts: Uint32Array, ends: Uint32Array): SpansSource {
  return { bytes, view: new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), starts, ends }
}

/**
 * BYTE_ARRAY: a length of four bytes, then the value. Texts are UTF-8 and have bounds, by their bytes and so by code
 * points; a text that is not UTF-8 throws `parquet_rows_invalid`.
 */
export class ByteArrayWriter implements PlainWriter<SpansSource> {
  readonly page = new PageBytes()
  readonly #isText: boolean
  /** Where the least and the greatest text of the page lie, and their lengths; -1 without one. */
  #minAt = -1
  #minLength = 0
  #maxAt = -1
  #maxLength = 0

  constructor(isText: boolean) {
    this.#isText = isText
  }

  add(source: SpansSource, slice: Slice): void {
    const { page } = this
    const from = page.at
    page.reserve(bytesOf(source, slice))
    this.#copy(source, slice)
    if (this.#isText) this.#bound(from)
  }

  #copy({ bytes, view, starts, ends }: SpansSource, { rows, from, to }: Slice): void {
    const target = this.page.bytes
    const targetView = this.page.view
    let at = this.page.at
    for (let i = from; i < to; i++) {
      const row = rows[i] as number
      let k = starts[row] as number
      const end = ends[row] as number
      const length = end - k
      targetView.setInt32(at, length, true)
      at += 4
      let seen = 0
      if (length <= COPIED_BY_WORDS_MAX) {
        for (; k + 4 <= end; k += 4, at += 4) {
          const word = view.getInt32(k, true)
          seen |= word
          targetView.setInt32(at, word, true)
        }
        for (; k < end; k++, at++) {
          const byte = bytes[k] as number
          seen |= byte
          target[at] = byte
        }
      } else {
        target.set(bytes.subarray(k, end), at)
        at += length
        seen = HIGH_BITS
      }
      if ((seen & HIGH_BITS) !== 0 && this.#isText && !isUtf8(target.subarray(at - length, at))) throw notUtf8(row)
    }
    this.page.at = at
  }

  #bound(from: number): void {
    const { view } = this.page
    const end = this.page.at
    let at = from
    if (this.#minAt < 0 && at < end) {
      this.#minAt = this.#maxAt = at + 4
      this.#minLength = this.#maxLength = view.getInt32(at, true)
    }
    while (at < end) {
      const length = view.getInt32(at, true)
      at += 4
      // Texts often ascend: then one comparison is enough.
      if (compare(view, at, length, this.#maxAt, this.#maxLength) > 0) {
        this.#maxAt = at
        this.#maxLength = length
      } else if (compare(view, at, length, this.#minAt, this.#minLength) < 0) {
        this.#minAt = at
        this.#minLength = length
      }
      at += length
    }
  }

  takeBounds(): ValueBounds | undefined {
    if (this.#minAt < 0) return undefined
    const min = this.page.bytes.slice(this.#minAt, this.#minAt + this.#minLength)
    const max = this.page.bytes.slice(this.#maxAt, this.#maxAt + this.#maxLength)
    this.#minAt = -1
    this.#maxAt = -1
    return { min, max }
  }
}

/** Bytes that the values take in a page. */
function bytesOf({ starts, ends }: SpansSource, { rows, from, to }: Slice): number {
  let total = (to - from) * 4
  for (let i = from; i < to; i++) {
    const row = rows[i] as number
    total += (ends[row] as number) - (starts[row] as number)
  }
  return total
}

/** Negative, 0 or positive, as the bytes at `a` are before, the same as or behind those at `b`. */
function compare(view: DataView, a: number, aLength: number, b: number, bLength: number): number {
  const length = Math.min(aLength, bLength)
  let k = 0
  while (k + 4 <= length && view.getInt32(a + k, true) === view.getInt32(b + k, true)) k += 4
  for (; k < length; k++) {
    const difference = view.getUint8(a + k) - view.getUint8(b + k)
    if (difference !== 0) return difference
  }
  return aLength - bLength
}

function notUtf8(row: number): AssayError {
  return new AssayError('parquet_rows_invalid', `row ${row} of a column of texts is not UTF-8`, {
    hint: 'check the bytes where the column is made, or give them as BLOB',
  })
}
