import { type AvroRecord, compileAvro, readAvro, SchemaCache, writeAvro } from '@assay/avro'
import { fieldName, manifestEntrySchema, partitionFieldName } from './avro-schemas.js'
import type { DataFile, FileContent } from './data-file.js'
import { serializeJson } from './json.js'
import { type PartitionColumn, type PartitionSpec, specFieldsJson } from './partition.js'
import {
  corruptManifest,
  numberOf,
  optionalBytes,
  optionalId,
  optionalMap,
  optionalNumber,
  optionalNumbers,
  recordOf,
  textOf,
} from './record-fields.js'
import { type Schema, schemaJson } from './schema.js'
import { type Value, valueFromAvro, valueToAvro } from './values.js'

type EntryStatus = 'existing' | 'added' | 'deleted'

/** A line of a manifest as it stands in the file: what is undefined is inherited, or was never known. */
export interface ManifestEntry {
  readonly status: EntryStatus
  readonly snapshotId: bigint | undefined
  /** Data sequence number of the entry. */
  readonly sequenceNumber: number | undefined
  readonly fileSequenceNumber: number | undefined
  readonly file: DataFile
}

export interface Manifest {
  readonly specId: number
  readonly entries: readonly ManifestEntry[]
}

const STATUSES: readonly EntryStatus[] = ['existing', 'added', 'deleted']
const CONTENTS: readonly FileContent[] = ['data', 'position_deletes', 'equality_deletes']

const readerSchemas = new SchemaCache(fieldName)

const isNumber = (value: unknown): value is number => typeof value === 'number'
const isBytes = (value: unknown): value is Uint8Array => value instanceof Uint8Array

/** What a manifest is written for. */
export interface ManifestTarget {
  readonly schema: Schema
  readonly spec: PartitionSpec
  readonly columns: readonly PartitionColumn[]
}

/** Writes a manifest. The encoders of a spec are compiled once for each target object. */
export function writeManifest(
  target: ManifestTarget,
  entries: readonly ManifestEntry[],
  content: 'data' | 'deletes' = 'data',
): Buffer {
  const { schemaText, encode, header } = manifestWriter(target)
  return writeAvro(
    schemaText,
    encode,
    new Map([...header, ['content', content]]),
    entries.map((entry) => entryRecord(entry, target.columns)),
  )
}

interface ManifestWriter {
  readonly schemaText: string
  readonly encode: ReturnType<typeof compileAvro>['encode']
  readonly header: ReadonlyMap<string, string>
}
const writers = new WeakMap<ManifestTarget, ManifestWriter>()

function manifestWriter(target: ManifestTarget): ManifestWriter {
  const known = writers.get(target)
  if (known) return known
  const schema = manifestEntrySchema(target.columns)
  const made = {
    schemaText: JSON.stringify(schema),
    encode: compileAvro(schema, fieldName).encode,
    header: new Map([
      ['schema', serializeJson(schemaJson(target.schema))],
      ['schema-id', String(target.schema.schemaId)],
      ['partition-spec', serializeJson(specFieldsJson(target.spec))],
      ['partition-spec-id', String(target.spec.specId)],
      ['format-version', '2'],
    ]),
  }
  writers.set(target, made)
  return made
}

function entryRecord(entry: ManifestEntry, columns: readonly PartitionColumn[]): AvroRecord {
  return {
    status: STATUSES.indexOf(entry.status),
    snapshot_id: entry.snapshotId,
    sequence_number: entry.sequenceNumber,
    file_sequence_number: entry.fileSequenceNumber,
    data_file: fileRecord(entry.file, columns),
  }
}

function fileRecord(file: DataFile, columns: readonly PartitionColumn[]): AvroRecord {
  const partition: Record<string, unknown> = {}
  columns.forEach(({ fieldId, type }, i) => {
    const value = file.partition[i] ?? null
    partition[partitionFieldName(fieldId)] = value === null ? null : valueToAvro(type, value)
  })
  return {
    content: CONTENTS.indexOf(file.content),
    file_path: file.path,
    file_format: file.format,
    partition,
    record_count: file.recordCount,
    file_size_in_bytes: file.size_bytes,
    column_sizes: file.columnSizes,
    value_counts: file.valueCounts,
    null_value_counts: file.nullCounts,
    nan_value_counts: file.nanCounts,
    lower_bounds: file.lowerBounds,
    upper_bounds: file.upperBounds,
    key_metadata: file.keyMetadata,
    split_offsets: file.splitOffsets,
    equality_ids: file.equalityIds,
    sort_order_id: file.sortOrderId,
    referenced_data_file: file.referencedDataFile,
  }
}

/**
 * Reads a manifest of any writer; `columnsOf` gives the partition columns of a spec id.
 * Throws `corrupt_manifest`, `corrupt_avro` or `unsupported_avro_codec`.
 */
export function readManifest(
  bytes: Uint8Array,
  specId: number,
  columnsOf: (specId: number) => readonly PartitionColumn[],
): Manifest {
  const { header, records } = readAvro(bytes, readerSchemas)
  const written = header.get('partition-spec-id')
  const id = written === undefined ? specId : Number(written)
  if (!Number.isSafeInteger(id)) throw corruptManifest('partition-spec-id is not an integer')
  const columns = columnsOf(id)
  return { specId: id, entries: records.map((record) => parseEntry(record, id, columns)) }
}

function parseEntry(record: AvroRecord, specId: number, columns: readonly PartitionColumn[]): ManifestEntry {
  const status = STATUSES[numberOf(record, 'status')]
  if (!status) throw corruptManifest('an entry has an unknown status')
  return {
    status,
    snapshotId: optionalId(record, 'snapshot_id'),
    sequenceNumber: optionalNumber(record, 'sequence_number'),
    fileSequenceNumber: optionalNumber(record, 'file_sequence_number'),
    file: parseFile(recordOf(record.data_file, 'data_file'), specId, columns),
  }
}

function parseFile(record: AvroRecord, specId: number, columns: readonly PartitionColumn[]): DataFile {
  const content = CONTENTS[optionalNumber(record, 'content') ?? 0]
  if (!content) throw corruptManifest('a file has an unknown content')
  return {
    content,
    path: textOf(record, 'file_path'),
    format: textOf(record, 'file_format'),
    specId,
    partition: parsePartition(recordOf(record.partition, 'partition'), columns),
    recordCount: numberOf(record, 'record_count'),
    size_bytes: numberOf(record, 'file_size_in_bytes'),
    ...present('columnSizes', optionalMap(record, 'column_sizes', isNumber)),
    ...present('valueCounts', optionalMap(record, 'value_counts', isNumber)),
    ...present('nullCounts', optionalMap(record, 'null_value_counts', isNumber)),
    ...present('nanCounts', optionalMap(record, 'nan_value_counts', isNumber)),
    ...present('lowerBounds', optionalMap(record, 'lower_bounds', isBytes)),
    ...present('upperBounds', optionalMap(record, 'upper_bounds', isBytes)),
    ...present('keyMetadata', optionalBytes(record, 'key_metadata')),
    ...present('splitOffsets', optionalNumbers(record, 'split_offsets')),
    ...present('equalityIds', optionalNumbers(record, 'equality_ids')),
    ...present('sortOrderId', optionalNumber(record, 'sort_order_id')),
    ...present(
      'referencedDataFile',
      record.referenced_data_file == null ? undefined : textOf(record, 'referenced_data_file'),
    ),
  }
}

function present<Key extends string, V>(key: Key, value: V | undefined): { readonly [K in Key]?: V } {
  return value === undefined ? {} : ({ [key]: value } as { readonly [K in Key]: V })
}

function parsePartition(record: AvroRecord, columns: readonly PartitionColumn[]): readonly (Value | null)[] {
  return columns.map(({ fieldId, type }) => {
    const raw = record[partitionFieldName(fieldId)]
    return raw === null || raw === undefined ? null : valueFromAvro(type, raw)
  })
}
