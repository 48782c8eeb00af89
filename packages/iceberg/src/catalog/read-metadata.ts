import { checkInvariants } from '../format/invariants.js'
import type { Json } from '../format/json.js'
import { metadataFromJson, parseMetadata, type TableMetadata } from '../format/metadata.js'
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

function checked({ table, location }: MetadataFile, parse: () => TableMetadata): TableMetadata {
  return inFile(table, location, () => {
    const metadata = parse()
    checkInvariants(metadata)
    return metadata
  })
}
