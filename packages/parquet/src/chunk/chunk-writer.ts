import type { Compressions } from '../compression/compressions.js'
import { ENCODING } from '../format/metadata.js'
import type { ColumnField } from '../format/schema.js'
import type { Slice } from '../values/plain-writer.js'
import { ChunkPages } from './chunk-pages.js'
import { ChunkValues } from './chunk-values.js'
import type { Levels } from './levels.js'
import { type Entries, type ValuesSource, ZEROS } from './sources.js'

/** A reader that wants one row reads a page: larger ones cost it, smaller ones compress worse. */
export const PAGE_ROWS_MAX = 20_000
/** Only a single value may be larger. */
export const PAGE_BYTES_MAX = 2 ** 20

/** Writes a column's pages, row group after row group. Values are added before the levels of the same rows. */
export class ChunkWriter {
  readonly values: ChunkValues
  readonly #field: ColumnField
  readonly #levels: Levels
  readonly #compressions: Compressions
  #pages: ChunkPages

  constructor(field: ColumnField, levels: Levels, compressions: Compressions) {
    this.#field = field
    this.#levels = levels
    this.#compressions = compressions
    this.values = new ChunkValues(field)
    this.#pages = new ChunkPages(field, compressions)
  }

  /** Bytes of the row group so far, before compression. */
  get size(): number {
    return this.#pages.size + this.values.size
  }

  addPlain(values: ValuesSource, slice: Slice): void {
    if (this.values.hasIndices) this.endPage()
    this.values.addPlain(values, slice)
  }

  addCodes(entries: Entries, codes: Uint32Array, count: number): void {
    if (count === 0 || this.values.addCodes(entries, codes, count)) return
    this.addPlain(entries.spans, { rows: codes, from: 0, to: count, isRun: false })
  }

  addConstant(key: bigint | number | boolean | string, values: ValuesSource, count: number, size: number): void {
    if (this.values.addConstant(key, values, count, size)) return
    this.addPlain(values, { rows: ZEROS, from: 0, to: count, isRun: false })
  }

  endPage(): void {
    const { count: values, nulls } = this.#levels
    if (values === 0) return
    const { body, isDictionary } = this.values.takePage(this.#levels.take())
    this.#pages.values += values
    this.#pages.nulls += nulls
    this.#pages.add({
      isDictionary: false,
      encoding: isDictionary ? ENCODING.dictionary : ENCODING.plain,
      values,
      body,
    })
  }

  /** All pages of the row group, some of them perhaps still on their way through the compressor. */
  endChunk(): ChunkPages {
    this.endPage()
    const { dictionary, entries, bounds } = this.values.takeChunk()
    if (dictionary) {
      this.#pages.add({ isDictionary: true, encoding: ENCODING.plain, values: entries, body: dictionary })
    }
    const pages = this.#pages
    pages.end(bounds)
    this.#pages = new ChunkPages(this.#field, this.#compressions)
    return pages
  }
}
