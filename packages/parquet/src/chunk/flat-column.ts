import type { Compressions } from '../compression/compressions.js'
import type { ColumnField } from '../format/schema.js'
import type { Slice } from '../values/plain-writer.js'
import type { ChunkPages } from './chunk-pages.js'
import { ChunkWriter, PAGE_BYTES_MAX, PAGE_ROWS_MAX } from './chunk-writer.js'
import { NullLevels } from './levels.js'
import { type ColumnSource, ZEROS } from './sources.js'

/** Rows that are added at once. */
export const SLICE_ROWS_MAX = ZEROS.length

/** Rows, or codes, of a slice that are not null, and which of its rows they are: for the length of a call. */
const keptRows = new Uint32Array(SLICE_ROWS_MAX)
const isPresentRow = new Uint8Array(SLICE_ROWS_MAX)

/** Writes a column that has one value a row. */
export class FlatColumn {
  readonly #levels = new NullLevels()
  readonly #chunk: ChunkWriter

  constructor(field: ColumnField, compressions: Compressions) {
    this.#chunk = new ChunkWriter(field, this.#levels, compressions)
  }

  /** Bytes of the row group so far, before compression. */
  get size(): number {
    return this.#chunk.size
  }

  /** A slice of at most `SLICE_ROWS_MAX` rows whose values take so many bytes. */
  add(source: Exclude<ColumnSource, { kind: 'lists' }>, slice: Slice, size: number): void {
    if (this.#levels.count + slice.to - slice.from > PAGE_ROWS_MAX || this.#chunk.values.size + size > PAGE_BYTES_MAX) {
      this.#chunk.endPage()
    }
    if (source.kind === 'codes') this.#addCodes(source, slice)
    else if (source.kind === 'constant') this.#addConstant(source, slice.to - slice.from)
    else this.#addRows(source, slice)
  }

  endChunk(): ChunkPages {
    return this.#chunk.endChunk()
  }

  #addRows({ values, nulls }: Extract<ColumnSource, { kind: 'rows' }>, slice: Slice): void {
    const count = slice.to - slice.from
    if (!nulls) {
      this.#chunk.addPlain(values, slice)
      this.#levels.addSame(1, count)
      return
    }
    const { rows, from } = slice
    let kept = 0
    for (let i = 0; i < count; i++) {
      const row = rows[from + i] as number
      const isPresent = nulls[row] === 1 ? 0 : 1
      keptRows[kept] = row
      isPresentRow[i] = isPresent
      kept += isPresent
    }
    this.#chunk.addPlain(values, { rows: keptRows, from: 0, to: kept, isRun: slice.isRun && kept === count })
    this.#levels.add(isPresentRow, count, count - kept)
  }

  #addCodes({ codes, entries }: Extract<ColumnSource, { kind: 'codes' }>, slice: Slice): void {
    const { rows, from, to } = slice
    const count = to - from
    if (this.#chunk.values.addRowCodes(entries, codes, slice)) {
      this.#levels.addSame(1, count)
      return
    }
    let kept = 0
    for (let i = 0; i < count; i++) {
      const code = codes[rows[from + i] as number] as number
      const isPresent = code < 0 ? 0 : 1
      keptRows[kept] = code
      isPresentRow[i] = isPresent
      kept += isPresent
    }
    this.#chunk.addCodes(entries, keptRows, kept)
    this.#levels.add(isPresentRow, count, count - kept)
  }

  #addConstant(constant: Extract<ColumnSource, { kind: 'constant' }>, count: number): void {
    const { key, values } = constant
    if (key === null || values === undefined) {
      this.#levels.addSame(0, count)
      return
    }
    this.#chunk.addConstant(key, values, count, constant.size)
    this.#levels.addSame(1, count)
  }
}
