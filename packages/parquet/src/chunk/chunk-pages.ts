import type { Compressions } from '../compression/compressions.js'
import { CODEC, ENCODING, pageHeader, type StoredChunk, type StoredPage } from '../format/metadata.js'
import type { ColumnField } from '../format/schema.js'
import { giveBuffer } from '../values/buffers.js'
import type { ValueBounds } from '../values/plain-writer.js'
import { storedBounds } from './bounds.js'

/** Pages below this wait for the end of the row group: a chunk of nothing else is not compressed. */
const SMALL_PAGE_BYTES = 128
const SMALL_CHUNK_BYTES = 512

interface Page extends Omit<StoredPage, 'body'> {
  body: Uint8Array
}

/** A column's pages in a row group, on their way to the file. */
export class ChunkPages {
  readonly field: ColumnField
  bounds: ValueBounds | undefined
  /** Bytes of the pages before compression. */
  size = 0
  values = 0
  nulls = 0
  readonly #compressions: Compressions
  readonly #pages: Page[] = []
  #small: Page[] = []
  #codec: number = CODEC.UNCOMPRESSED

  constructor(field: ColumnField, compressions: Compressions) {
    this.field = field
    this.#compressions = compressions
  }

  /** A page of data; a dictionary comes last, and stands first. */
  add(page: Omit<StoredPage, 'uncompressed_bytes'>): void {
    const added: Page = { ...page, uncompressed_bytes: page.body.length }
    this.size += page.body.length
    if (page.isDictionary) this.#pages.unshift(added)
    else this.#pages.push(added)
    if (page.body.length < SMALL_PAGE_BYTES) this.#small.push(added)
    else this.#compress(added)
  }

  /** Called when all pages are there. */
  end(bounds: ValueBounds | undefined): void {
    this.bounds = bounds
    if (this.#codec === CODEC.UNCOMPRESSED && this.size < SMALL_CHUNK_BYTES) return
    for (const page of this.#small) this.#compress(page)
    this.#small = []
  }

  #compress(page: Page): void {
    this.#codec = CODEC[this.#compressions.codec]
    const { body } = page
    this.#compressions.add(body, (compressed) => {
      page.body = compressed
      if (compressed.buffer !== body.buffer) giveBuffer(body.buffer)
    })
  }

  /** Hands the bytes to `put` once all are compressed; the first goes to `offset` of the file. */
  store(offset: number, put: (bytes: Uint8Array) => void): StoredChunk {
    let at = offset
    let dataOffset = offset
    let uncompressed_bytes = 0
    for (const page of this.#pages) {
      const header = pageHeader(page)
      put(header)
      put(page.body)
      at += header.length + page.body.length
      uncompressed_bytes += header.length + page.uncompressed_bytes
      if (page.isDictionary) dataOffset = at
    }
    const data = this.#pages.filter(({ isDictionary }) => !isDictionary)
    const plainPages = data.filter(({ encoding }) => encoding === ENCODING.plain).length
    return {
      field: this.field,
      codec: this.#codec,
      values: this.values,
      nulls: this.nulls,
      uncompressed_bytes,
      compressed_bytes: at - offset,
      dictionaryOffset: dataOffset > offset ? offset : undefined,
      dataOffset,
      plainPages,
      dictionaryPages: data.length - plainPages,
      ...storedBounds(this.field.type, this.bounds),
    }
  }
}
