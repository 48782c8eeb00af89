import type { Compressions } from '../compression/compressions.js'
import type { ColumnField } from '../format/schema.js'
import type { Slice } from '../values/plain-writer.js'
import type { ChunkPages } from './chunk-pages.js'
import { ChunkWriter, PAGE_BYTES_MAX, PAGE_ROWS_MAX } from './chunk-writer.js'
import { ListLevels } from './levels.js'
import type { ColumnSource } from './sources.js'

/** Writes a column of lists of texts. */
export class ListColumn {
  readonly #levels = new ListLevels()
  readonly #chunk: ChunkWriter
  #rows = 0
  /** Codes of a slice's elements. */
  #codes = new Uint32Array(1024)

  constructor(field: ColumnField, compressions: Compressions) {
    this.#chunk = new ChunkWriter(field, this.#levels, compressions)
  }

  /** Bytes of the row group so far, before compression. */
  get size(): number {
    return this.#chunk.size
  }

  /** A slice whose values take so many bytes. */
  add({ codes, lists }: Extract<ColumnSource, { kind: 'lists' }>, slice: Slice, size: number): void {
    const { rows, from, to } = slice
    if (this.#rows + to - from > PAGE_ROWS_MAX || this.#chunk.values.size + size > PAGE_BYTES_MAX) this.#endPage()
    this.#rows += to - from
    const { offsets, nulls } = lists
    if (isSame(codes, slice)) {
      const code = codes[rows[from] as number] as number
      const isEmpty = code >= 0 && offsets[code] === offsets[code + 1]
      if (code < 0 || isEmpty) {
        this.#levels.addEmpty(isEmpty ? 0 : -1, to - from)
        return
      }
    }
    let elements = 0
    for (let i = from; i < to; i++) {
      const code = codes[rows[i] as number] as number
      if (code < 0) continue
      const end = offsets[code + 1] as number
      for (let entry = offsets[code] as number; entry < end; entry++) {
        if (nulls?.[entry] === 1) continue
        if (elements === this.#codes.length) this.#grow()
        this.#codes[elements++] = entry
      }
    }
    this.#chunk.addCodes(lists.entries, this.#codes, elements)
    for (let i = from; i < to; i++) {
      const code = codes[rows[i] as number] as number
      if (code < 0) this.#levels.add(-1)
      else {
        this.#levels.add((offsets[code + 1] as number) - (offsets[code] as number))
        if (nulls) this.#levels.markNulls(nulls, offsets[code] as number, offsets[code + 1] as number)
      }
    }
  }

  endChunk(): ChunkPages {
    this.#rows = 0
    return this.#chunk.endChunk()
  }

  #endPage(): void {
    this.#chunk.endPage()
    this.#rows = 0
  }

  #grow(): void {
    const larger = new Uint32Array(this.#codes.length * 2)
    larger.set(this.#codes)
    this.#codes = larger
  }
}

function isSame(codes: Int32Array, { rows, from, to }: Slice): boolean {
  const code = codes[rows[from] as number]
  for (let i = from + 1; i < to; i++) if (codes[rows[i] as number] !== code) return false
  return true
}
