import { checkInvariants } from '../format/invariants.js'
import type { Json } from '../format/json.js'
import { metadataFromJson, parseMetadata, type TableMetadata } from '../format/metadata.js'
import type { TableVersion } from './catalog.js'
import { inFile } from './in-file.js'

/** What a metadata file is read for, named in every error. */
interface MetadataFile {
  readonly table: string
  /** Path or URI of the file. */
  readonly location: string
}

/**
 * Parses a table's metadata and checks the invariants of the format. Throws `corrupt_metadata`,
 * `unsupported_format_version` and `metadata_inconsistent`; each names the table, the file and the field.
 */
export function readMetadata(file: MetadataFile, text: string): TableMetadata {
  return checked(file, () => parseMetadata(text))
}

/** The same for metadata that came as a part of an answer. */
export function metadataOf(file: MetadataFile, value: Json | undefined): TableMetadata {
  return checked(file, () => metadataFromJson(value))
}

/**
 * Whether another who slept has put a file of his own where the base was cleaned up: `there` is what stands there,
 * `bytes` what the base was, if that is known. Bytes that are no whole metadata are the base, which the disk has damaged
 * since: others may stand on the commit by now, and it counts.
 */
export function isAnother(there: Uint8Array, bytes: Buffer | undefined, base: TableVersion): boolean {
  if (!bytes || bytes.equals(there)) return false
  try {
    readMetadata({ table: base.tableKey, location: base.metadataLocation }, Buffer.from(there).toString('utf8'))
    return true
  } catch {
    return false
  }
}

function checked({ table, location }: MetadataFile, parse: () => TableMetadata): TableMetadata {
  return inFile(table, location, () => {
    const metadata = parse()
    checkInvariants(metadata)
    return metadata
  })
}
