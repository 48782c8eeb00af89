import { crc32 } from 'node:zlib'
import { MAGIC } from './format/metadata.js'
import { CompactReader, type ThriftStruct, type ThriftValue } from './format/thrift-reader.js'

/** Reads exactly so many bytes of a file. */
type ReadBytes = (from: number, length: number) => Promise<Uint8Array>

export interface PageChecksums {
  readonly pages: number
  /** Pages that have a checksum; writers may leave it out. */
  readonly checked: number
  /** Where bytes are not those that were written, in words. */
  readonly damaged: readonly string[]
}

/** The length of the footer and the mark behind it. */
const TAIL_BYTES = 8

/**
 * Compares the pages of a Parquet file of any writer with their checksums (PageHeader.crc of parquet.thrift: CRC-32 of a
 * page as it is stored). Holds one column of a row group in memory. Throws a RangeError for a footer that is none.
 */
export async function checkPageChecksums(read: ReadBytes, size_bytes: number): Promise<PageChecksums> {
  const groups = structsOf((await footerOf(read, size_bytes)).get(4))
  const found = { pages: 0, checked: 0, damaged: [] as string[] }
  for (const [group, columns] of groups.entries()) {
    for (const chunk of structsOf(columns.get(1))) {
      const metadata = structOf(chunk.get(3))
      const path = listOf(metadata.get(3)).map((part) => Buffer.from(part as Uint8Array).toString())
      const place = `column ${path.join('.')} of row group ${group}`
      const { from, length } = rangeOf(metadata)
      if (from < MAGIC.length || from + length > size_bytes) found.damaged.push(`${place} lies outside of the file`)
      else checkPages(await read(from, length), place, found)
    }
  }
  return found
}

async function footerOf(read: ReadBytes, size_bytes: number): Promise<ThriftStruct> {
  if (size_bytes < MAGIC.length + TAIL_BYTES) throw new RangeError('it is too short for Parquet')
  const tail = Buffer.from(await read(size_bytes - TAIL_BYTES, TAIL_BYTES))
  const length = tail.readUInt32LE()
  if (!tail.subarray(4).equals(MAGIC) || length > size_bytes - MAGIC.length - TAIL_BYTES) {
    throw new RangeError('it does not end as Parquet does')
  }
  return new CompactReader(await read(size_bytes - TAIL_BYTES - length, length)).struct()
}

/** Where a column's pages lie: from its dictionary on, or its first page of data, as some writers name no dictionary. */
function rangeOf(metadata: ThriftStruct): { readonly from: number; readonly length: number } {
  const data = numberOf(metadata.get(9))
  const dictionary = metadata.get(11)
  const from = dictionary === undefined || dictionary === 0 ? data : Math.min(data, numberOf(dictionary))
  return { from, length: numberOf(metadata.get(7)) }
}

function checkPages(
  bytes: Uint8Array,
  place: string,
  found: { pages: number; checked: number; readonly damaged: string[] },
): void {
  for (let at = 0, page = 0; at < bytes.length; page++) {
    const reader = new CompactReader(bytes, at)
    const header = headerOf(reader)
    const length = header?.get(3)
    if (!header || typeof length !== 'number' || length < 0 || reader.at + length > bytes.length) {
      found.damaged.push(`page ${page} of ${place} has no header`)
      return
    }
    at = reader.at + length
    found.pages += 1
    const crc = header.get(4)
    if (typeof crc !== 'number') continue
    found.checked += 1
    if ((crc32(bytes.subarray(reader.at, at)) | 0) !== (crc | 0)) {
      found.damaged.push(`page ${page} of ${place} differs from its checksum`)
    }
  }
}

function headerOf(reader: CompactReader): ThriftStruct | undefined {
  try {
    return reader.struct()
  } catch (error) {
    if (error instanceof RangeError) return undefined
    throw error
  }
}

function listOf(value: ThriftValue | undefined): readonly ThriftValue[] {
  if (!Array.isArray(value)) throw new RangeError('its footer lacks a list')
  return value
}

function structsOf(value: ThriftValue | undefined): readonly ThriftStruct[] {
  return listOf(value).map(structOf)
}

function structOf(value: ThriftValue | undefined): ThriftStruct {
  if (!(value instanceof Map)) throw new RangeError('its footer lacks a structure')
  return value
}

function numberOf(value: ThriftValue | undefined): number {
  if (typeof value !== 'number') throw new RangeError('its footer lacks a number')
  return value
}
