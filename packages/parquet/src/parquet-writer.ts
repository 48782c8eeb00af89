import { AssayError, type RowColumns } from '@assay/core'
import { type ColumnBounds, columnBounds } from './chunk/bounds.js'
import { sourceOf } from './chunk/check.js'
import type { ChunkPages } from './chunk/chunk-pages.js'
import { FlatColumn, SLICE_ROWS_MAX } from './chunk/flat-column.js'
import { ListColumn } from './chunk/list-column.js'
import { bytesOf } from './chunk/measure.js'
import type { ColumnSource } from './chunk/sources.js'
import type { Compress } from './compression/compress.js'
import { Compressions } from './compression/compressions.js'
import { fileFooter, MAGIC, type StoredRowGroup } from './format/metadata.js'
import { assertFields, type ColumnField } from './format/schema.js'
import { joined, type Slice, type ValueBounds } from './values/plain-writer.js'

interface ParquetWriterOptions {
  readonly compress: Compress
  /** Rows of a row group. Default 30,720: whoever wants one row reads its group. */
  readonly rowGroupRows?: number
}

/** Rows of columns in memory, by their indices, in the order in which they are written. */
interface Part {
  /** Exactly the columns of the fields, by name. */
  readonly columns: RowColumns
  readonly rows: Uint32Array
}

export interface ParquetFile {
  readonly bytes: Uint8Array
  readonly rows: number
  /** Length of `bytes`. */
  readonly size_bytes: number
  /** One entry for each column; that of a list is its elements', under their id. */
  readonly columns: readonly FileColumn[]
}

interface FileColumn extends ColumnBounds {
  readonly id: number
  /** Compressed size of the column's data. */
  readonly size_bytes: number
  /** Values including nulls; of a list its elements, an empty list or none counted as one. */
  readonly values: number
  readonly nulls: number
}

const ROW_GROUP_ROWS = 30_720
/** A group ends early when it holds this much; its last slice may add some. */
const GROUP_BYTES = 48 * 2 ** 20
/** Bytes of one column that a slice may have, unless it is one row. */
const SLICE_BYTES_MAX = 512 * 1024
/** Larger values belong into no table. */
const VALUE_BYTES_MAX = 256 * 2 ** 20
/** What may wait for the compressor while more is encoded. */
const WAITING_BYTES_MAX = 4 * 2 ** 20

/**
 * Writes one Parquet file from columns in memory, which it no longer needs when `append` has resolved. After an error
 * it takes nothing more. The format is that of parquet-format (parquet.thrift, Encodings.md, LogicalTypes.md).
 */
export class ParquetWriter {
  readonly #fields: readonly ColumnField[]
  readonly #columns: readonly (FlatColumn | ListColumn)[]
  readonly #compressions: Compressions
  readonly #groupRows: number
  readonly #groups: { readonly rows: number; readonly chunks: readonly ChunkPages[] }[] = []
  #rowsInGroup = 0
  #isOpen = true

  /** Throws `parquet_fields_invalid`. */
  constructor(fields: readonly ColumnField[], { compress, rowGroupRows = ROW_GROUP_ROWS }: ParquetWriterOptions) {
    assertFields(fields)
    this.#fields = fields
    this.#groupRows = rowGroupRows
    this.#compressions = new Compressions(compress)
    this.#columns = fields.map((field) =>
      field.type === 'LIST' ? new ListColumn(field, this.#compressions) : new FlatColumn(field, this.#compressions),
    )
  }

  /** Throws `parquet_rows_invalid` where columns are missing, unknown or of another type, or a row is not in them. */
  async append(part: Part): Promise<void> {
    this.#assertOpen()
    this.#isOpen = false
    const sources = this.#sourcesOf(part)
    for (let from = 0; from < part.rows.length; ) {
      from = this.#addSlice(sources, part.rows, from)
      if (this.#rowsInGroup === this.#groupRows || this.#groupBytes() >= GROUP_BYTES) this.#endGroup()
      await this.#compressions.until(WAITING_BYTES_MAX)
    }
    this.#isOpen = true
  }

  /** The whole file; the writer takes nothing more. */
  async finish(): Promise<ParquetFile> {
    this.#assertOpen()
    this.#isOpen = false
    this.#endGroup()
    await this.#compressions.until(0)
    const parts: Uint8Array[] = [MAGIC]
    let size_bytes = MAGIC.length
    const put = (bytes: Uint8Array): void => {
      parts.push(bytes)
      size_bytes += bytes.length
    }
    const groups = this.#groups.map(({ rows, chunks }) => ({
      rows,
      chunks: chunks.map((pages) => pages.store(size_bytes, put)),
    }))
    put(fileFooter(this.#fields, groups))
    const rows = groups.reduce((sum, group) => sum + group.rows, 0)
    return { bytes: Buffer.concat(parts, size_bytes), rows, size_bytes, columns: this.#fileColumns(groups) }
  }

  #assertOpen(): void {
    if (this.#isOpen) return
    throw new AssayError('parquet_writer_closed', 'the writer has finished, has failed, or is still appending', {
      hint: 'append one part after the other, and begin a new file after an error',
    })
  }

  #sourcesOf({ columns, rows }: Part): ColumnSource[] {
    let count = 0
    for (let i = 0; i < rows.length; i++) {
      const row = rows[i] as number
      if (row >= count) count = row + 1
    }
    const isKnown = new Set(this.#fields.map(({ name }) => name))
    const unknown = [...columns.keys()].find((name) => !isKnown.has(name))
    if (unknown !== undefined) throw columnsDiffer(`has a column ${unknown} that the fields lack`)
    return this.#fields.map((field) => {
      const column = columns.get(field.name)
      if (!column) throw columnsDiffer(`lacks the column ${field.name}`)
      return sourceOf(field, column, count)
    })
  }

  /** Adds as many rows as make a slice of bounded size, and gives the index of the next. */
  #addSlice(sources: readonly ColumnSource[], rows: Uint32Array, from: number): number {
    let to = Math.min(rows.length, from + SLICE_ROWS_MAX, from + this.#groupRows - this.#rowsInGroup)
    let sizes = sources.map((source) => bytesOf(source, { rows, from, to }))
    while (to > from + 1 && Math.max(...sizes) > SLICE_BYTES_MAX) {
      to = from + Math.ceil((to - from) / 2)
      sizes = sources.map((source) => bytesOf(source, { rows, from, to }))
    }
    if (Math.max(...sizes) > VALUE_BYTES_MAX) {
      throw columnsDiffer(`has a value of more than ${VALUE_BYTES_MAX} bytes`)
    }
    const slice: Slice = { rows, from, to, isRun: isRun(rows, from, to) }
    sources.forEach((source, i) => {
      const column = this.#columns[i] as FlatColumn | ListColumn
      const size = sizes[i] as number
      if (column instanceof ListColumn) column.add(asLists(source), slice, size)
      else if (source.kind !== 'lists') column.add(source, slice, size)
    })
    this.#rowsInGroup += to - from
    return to
  }

  #groupBytes(): number {
    return this.#columns.reduce((sum, { size }) => sum + size, 0)
  }

  #endGroup(): void {
    if (this.#rowsInGroup === 0) return
    this.#groups.push({ rows: this.#rowsInGroup, chunks: this.#columns.map((column) => column.endChunk()) })
    this.#rowsInGroup = 0
  }

  #fileColumns(groups: readonly StoredRowGroup[]): FileColumn[] {
    return this.#fields.map((field, i) => {
      const chunks = groups.flatMap(({ chunks }) => chunks[i] ?? [])
      const sum = (of: (chunk: (typeof chunks)[number]) => number): number =>
        chunks.reduce((total, chunk) => total + of(chunk), 0)
      const bounds = this.#groups
        .map((group) => group.chunks[i]?.bounds)
        .reduce<ValueBounds | undefined>((all, one) => joined(all, one), undefined)
      return {
        id: field.elementId ?? field.id,
        size_bytes: sum((chunk) => chunk.compressed_bytes),
        values: sum((chunk) => chunk.values),
        nulls: sum((chunk) => chunk.nulls),
        ...columnBounds(field.type, bounds),
      }
    })
  }
}

/** A column of lists, or one of nulls alone. */
function asLists(source: ColumnSource): Extract<ColumnSource, { kind: 'lists' }> {
  if (source.kind === 'lists') return source
  throw columnsDiffer('has no lists where lists are wanted')
}

function isRun(rows: Uint32Array, from: number, to: number): boolean {
  const step = (rows[from] as number) - from
  for (let i = from + 1; i < to; i++) if (rows[i] !== i + step) return false
  return true
}

function columnsDiffer(what: string): AssayError {
  return new AssayError('parquet_rows_invalid', `a part ${what}`, {
    hint: 'give exactly the columns of the fields',
  })
}
