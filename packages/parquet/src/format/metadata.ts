import { crc32 } from 'node:zlib'
import { type ColumnField, pathOf, physicalOf, writeSchema } from './schema.js'
import { CompactWriter } from './thrift.js'

/** `Encoding` of parquet.thrift. */
export const ENCODING = { plain: 0, rle: 3, dictionary: 8 } as const
/** `CompressionCodec` of parquet.thrift. */
export const CODEC = { UNCOMPRESSED: 0, GZIP: 2, ZSTD: 6 } as const
/** `PageType` of parquet.thrift. */
const PAGE = { data: 0, dictionary: 2 } as const

export const MAGIC = Buffer.from('PAR1')
const FORMAT_VERSION = 1
const CREATED_BY = 'assay'

/** A page as it is stored, without its header. */
export interface StoredPage {
  readonly isDictionary: boolean
  readonly encoding: number
  /** Entries of a dictionary; else values, nulls and empty lists counted. */
  readonly values: number
  readonly uncompressed_bytes: number
  readonly body: Uint8Array
}

/** The PageHeader of parquet.thrift. Data pages are of version 1, which every reader knows. */
export function pageHeader(page: StoredPage): Uint8Array {
  const writer = new CompactWriter()
  writer.element(() => {
    writer.i32(1, page.isDictionary ? PAGE.dictionary : PAGE.data)
    writer.i32(2, page.uncompressed_bytes)
    writer.i32(3, page.body.length)
    // Of the body as stored, without the header; a signed number.
    writer.i32(4, crc32(page.body) | 0)
    writer.struct(page.isDictionary ? 7 : 5, () => {
      writer.i32(1, page.values)
      writer.i32(2, page.encoding)
      if (page.isDictionary) return
      writer.i32(3, ENCODING.rle)
      writer.i32(4, ENCODING.rle)
    })
  })
  return writer.take()
}

/** A column's values in a row group, as they lie in the file. */
export interface StoredChunk {
  readonly field: ColumnField
  readonly codec: number
  /** Values, nulls and empty lists counted. */
  readonly values: number
  readonly nulls: number
  readonly uncompressed_bytes: number
  readonly compressed_bytes: number
  readonly dictionaryOffset: number | undefined
  readonly dataOffset: number
  /** How many data pages have each encoding. */
  readonly plainPages: number
  readonly dictionaryPages: number
  /** As PLAIN encodes them, texts without a length. */
  readonly min?: Uint8Array
  readonly max?: Uint8Array
}

export interface StoredRowGroup {
  readonly rows: number
  readonly chunks: readonly StoredChunk[]
}

/** FileMetaData, its length, and the mark that ends a file (README.md of parquet-format). */
export function fileFooter(fields: readonly ColumnField[], groups: readonly StoredRowGroup[]): Uint8Array {
  const writer = new CompactWriter()
  writer.element(() => {
    writer.i32(1, FORMAT_VERSION)
    writeSchema(writer, fields)
    writer.i64(3, sum(groups.map(({ rows }) => rows)))
    writer.structs(4, groups, (group) => writeGroup(writer, group))
    writer.text(6, CREATED_BY)
    // TypeDefinedOrder for every column: without it, readers must not use bounds of texts.
    writer.structs(7, fields, () => writer.struct(1, () => undefined))
  })
  const metadata = writer.take()
  const length = Buffer.alloc(4)
  length.writeUInt32LE(metadata.length)
  return Buffer.concat([metadata, length, MAGIC])
}

function writeGroup(writer: CompactWriter, { rows, chunks }: StoredRowGroup): void {
  writer.structs(1, chunks, (chunk) => {
    // Deprecated, and 0 since the metadata is nowhere but here.
    writer.i64(2, 0)
    writer.struct(3, () => writeChunk(writer, chunk))
  })
  writer.i64(2, sum(chunks.map((chunk) => chunk.uncompressed_bytes)))
  writer.i64(3, rows)
  writer.i64(5, Math.min(...chunks.map((chunk) => chunk.dictionaryOffset ?? chunk.dataOffset)))
  writer.i64(6, sum(chunks.map((chunk) => chunk.compressed_bytes)))
}

function writeChunk(writer: CompactWriter, chunk: StoredChunk): void {
  const { dictionaryOffset, plainPages, dictionaryPages } = chunk
  const hasDictionary = dictionaryOffset !== undefined
  const isPlain = plainPages > 0 || hasDictionary
  writer.i32(1, physicalOf(chunk.field.type).type)
  writer.i32s(2, [
    ...(isPlain ? [ENCODING.plain] : []),
    ENCODING.rle,
    ...(dictionaryPages > 0 ? [ENCODING.dictionary] : []),
  ])
  writer.texts(3, pathOf(chunk.field))
  writer.i32(4, chunk.codec)
  writer.i64(5, chunk.values)
  writer.i64(6, chunk.uncompressed_bytes)
  writer.i64(7, chunk.compressed_bytes)
  writer.i64(9, chunk.dataOffset)
  if (hasDictionary) writer.i64(11, dictionaryOffset)
  writer.struct(12, () => writeStatistics(writer, chunk))
  const counts = [
    { page: PAGE.dictionary, encoding: ENCODING.plain, count: hasDictionary ? 1 : 0 },
    { page: PAGE.data, encoding: ENCODING.plain, count: plainPages },
    { page: PAGE.data, encoding: ENCODING.dictionary, count: dictionaryPages },
  ].filter(({ count }) => count > 0)
  writer.structs(13, counts, ({ page, encoding, count }) => {
    writer.i32(1, page)
    writer.i32(2, encoding)
    writer.i32(3, count)
  })
}

function writeStatistics(writer: CompactWriter, { nulls, min, max }: StoredChunk): void {
  writer.i64(3, nulls)
  if (!min || !max) return
  writer.binary(5, max)
  writer.binary(6, min)
  writer.bool(7, true)
  writer.bool(8, true)
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0)
}
