import { type AvroRecord, compileAvro, readAvro, SchemaCache, writeAvro } from '@assay/avro'
import { fieldName, manifestFileSchema } from './avro-schemas.js'
import type { FieldSummary, PartitionColumn } from './partition.js'
import {
  corruptManifest,
  numberOf,
  optionalBytes,
  optionalId,
  optionalNumber,
  recordOf,
  textOf,
} from './record-fields.js'
import { decodeValue, encodeValue, promoted } from './values.js'

/** A manifest as a manifest list describes it. */
export interface ManifestFile {
  readonly path: string
  readonly length_bytes: number
  readonly specId: number
  readonly content: 'data' | 'deletes'
  readonly sequenceNumber: number
  /** Least data sequence number of its live files. */
  readonly minSequenceNumber: number
  readonly addedSnapshotId: bigint
  readonly addedFiles: number
  readonly existingFiles: number
  readonly deletedFiles: number
  readonly addedRows: number
  readonly existingRows: number
  readonly deletedRows: number
  /** One for each field of the spec; undefined when the writer left them out. */
  readonly partitions: readonly FieldSummary[] | undefined
  readonly keyMetadata: Uint8Array | undefined
}

const schemas = new SchemaCache(fieldName)
const schemaText = JSON.stringify(manifestFileSchema)
const { encode } = compileAvro(manifestFileSchema, fieldName)

export function writeManifestList(
  manifests: readonly ManifestFile[],
  snapshot: { readonly snapshotId: bigint; readonly parentId: bigint | undefined; readonly sequenceNumber: number },
  columnsOf: (specId: number) => readonly PartitionColumn[],
): Buffer {
  const header = new Map([
    ['snapshot-id', String(snapshot.snapshotId)],
    ['parent-snapshot-id', snapshot.parentId === undefined ? 'null' : String(snapshot.parentId)],
    ['sequence-number', String(snapshot.sequenceNumber)],
    ['format-version', '2'],
  ])
  return writeAvro(
    schemaText,
    encode,
    header,
    manifests.map((manifest) => manifestRecord(manifest, columnsOf)),
  )
}

function manifestRecord(manifest: ManifestFile, columnsOf: (specId: number) => readonly PartitionColumn[]): AvroRecord {
  return {
    manifest_path: manifest.path,
    manifest_length: manifest.length_bytes,
    partition_spec_id: manifest.specId,
    content: manifest.content === 'data' ? 0 : 1,
    sequence_number: manifest.sequenceNumber,
    min_sequence_number: manifest.minSequenceNumber,
    added_snapshot_id: manifest.addedSnapshotId,
    added_files_count: manifest.addedFiles,
    existing_files_count: manifest.existingFiles,
    deleted_files_count: manifest.deletedFiles,
    added_rows_count: manifest.addedRows,
    existing_rows_count: manifest.existingRows,
    deleted_rows_count: manifest.deletedRows,
    partitions: manifest.partitions?.map((summary, i) => summaryRecord(summary, columnsOf(manifest.specId)[i])),
    key_metadata: manifest.keyMetadata,
  }
}

function summaryRecord(summary: FieldSummary, column: PartitionColumn | undefined): AvroRecord {
  if (!column) throw corruptManifest('a manifest has more partition summaries than its spec has fields')
  return {
    contains_null: summary.containsNull,
    contains_nan: summary.containsNan,
    lower_bound: summary.lower === undefined ? null : encodeValue(column.type, promoted(column.type, summary.lower)),
    upper_bound: summary.upper === undefined ? null : encodeValue(column.type, promoted(column.type, summary.upper)),
  }
}

/** Reads a manifest list of any writer. Throws `corrupt_manifest`, `corrupt_avro` or `unsupported_avro_codec`. */
export function readManifestList(
  bytes: Uint8Array,
  columnsOf: (specId: number) => readonly PartitionColumn[],
): readonly ManifestFile[] {
  return readAvro(bytes, schemas).records.map((record) => parseManifestFile(record, columnsOf))
}

function parseManifestFile(
  record: AvroRecord,
  columnsOf: (specId: number) => readonly PartitionColumn[],
): ManifestFile {
  const specId = numberOf(record, 'partition_spec_id')
  const addedSnapshotId = optionalId(record, 'added_snapshot_id')
  if (addedSnapshotId === undefined) throw corruptManifest('added_snapshot_id is missing')
  return {
    path: textOf(record, 'manifest_path'),
    length_bytes: numberOf(record, 'manifest_length'),
    specId,
    content: optionalNumber(record, 'content') === 1 ? 'deletes' : 'data',
    sequenceNumber: optionalNumber(record, 'sequence_number') ?? 0,
    minSequenceNumber: optionalNumber(record, 'min_sequence_number') ?? 0,
    addedSnapshotId,
    addedFiles: numberOf(record, 'added_files_count'),
    existingFiles: numberOf(record, 'existing_files_count'),
    deletedFiles: numberOf(record, 'deleted_files_count'),
    addedRows: numberOf(record, 'added_rows_count'),
    existingRows: numberOf(record, 'existing_rows_count'),
    deletedRows: numberOf(record, 'deleted_rows_count'),
    partitions: parseSummaries(record.partitions, columnsOf(specId)),
    keyMetadata: optionalBytes(record, 'key_metadata'),
  }
}

function parseSummaries(value: unknown, columns: readonly PartitionColumn[]): readonly FieldSummary[] | undefined {
  if (!Array.isArray(value) || value.length !== columns.length) return undefined
  return columns.map(({ type }, i) => {
    const record = recordOf(value[i], 'partitions')
    const lower = optionalBytes(record, 'lower_bound')
    const upper = optionalBytes(record, 'upper_bound')
    return {
      containsNull: record.contains_null !== false,
      containsNan: record.contains_nan !== false && record.contains_nan !== null,
      lower: lower && decodeValue(type, lower),
      upper: upper && decodeValue(type, upper),
    }
  })
}
