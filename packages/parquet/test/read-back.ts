import { type FileMetaData, parquetMetadata, parquetRead } from 'hyparquet'
import { compressors } from 'hyparquet-compressors'
import { type Compress, loadCompress } from '../src/compression/compress.js'
import type { ColumnField } from '../src/format/schema.js'
import { type ParquetFile, ParquetWriter } from '../src/parquet-writer.js'
import type { GeneratedTable, Named } from './generated-tables.js'

export async function written(
  { fields, parts, rowGroupRows }: Pick<GeneratedTable, 'fields' | 'parts'> & { readonly rowGroupRows?: number },
  compress?: Compress,
): Promise<ParquetFile> {
  const writer = new ParquetWriter(fields, {
    compress: compress ?? (await loadCompress()),
    ...(rowGroupRows !== undefined && { rowGroupRows }),
  })
  for (const part of parts) await writer.append(part)
  return writer.finish()
}

export function metadataOf({ bytes }: ParquetFile): FileMetaData {
  return parquetMetadata(bufferOf(bytes))
}

/** The values of each field as hyparquet reads them. */
export async function valuesOf({ bytes }: ParquetFile, fields: readonly ColumnField[]): Promise<Named[][]> {
  const buffer = bufferOf(bytes)
  let rows: unknown[][] = []
  await parquetRead({
    file: { byteLength: buffer.byteLength, slice: (from, to) => buffer.slice(from, to) },
    compressors,
    utf8: false,
    parsers: {
      timestampFromMicroseconds: String,
      dateFromDays: String,
      uuidFromBytes: (uuid) => Buffer.from(uuid).toString('hex'),
    },
    onComplete: (found) => {
      rows = found
    },
  })
  return fields.map((field, i) => rows.map((row) => named(field, row[i])))
}

function named({ type }: ColumnField, value: unknown): Named {
  if (value === null || value === undefined) return null
  if (Array.isArray(value)) return value
  if (value instanceof Uint8Array) return Buffer.from(value).toString('hex')
  if (type === 'DOUBLE') return String(new BigInt64Array(Float64Array.of(value as number).buffer)[0])
  return String(value)
}

function bufferOf(bytes: Uint8Array): ArrayBuffer {
  return bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength) as ArrayBuffer
}
