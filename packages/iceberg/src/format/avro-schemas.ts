import type { Json, JsonObject } from './json.js'
import type { PartitionColumn } from './partition.js'
import { decimalParts, fixedLength, type PrimitiveType } from './schema.js'
import { decimalBytes } from './values.js'

/** Field ids of manifests and manifest lists (specification, "Manifests") with the names used while reading. */
const NAMES: ReadonlyMap<number, string> = new Map([
  [0, 'status'],
  [1, 'snapshot_id'],
  [2, 'data_file'],
  [3, 'sequence_number'],
  [4, 'file_sequence_number'],
  [134, 'content'],
  [100, 'file_path'],
  [101, 'file_format'],
  [102, 'partition'],
  [103, 'record_count'],
  [104, 'file_size_in_bytes'],
  [108, 'column_sizes'],
  [109, 'value_counts'],
  [110, 'null_value_counts'],
  [137, 'nan_value_counts'],
  [125, 'lower_bounds'],
  [128, 'upper_bounds'],
  [131, 'key_metadata'],
  [132, 'split_offsets'],
  [135, 'equality_ids'],
  [140, 'sort_order_id'],
  [143, 'referenced_data_file'],
  [500, 'manifest_path'],
  [501, 'manifest_length'],
  [502, 'partition_spec_id'],
  [503, 'added_snapshot_id'],
  [504, 'added_files_count'],
  [505, 'existing_files_count'],
  [506, 'deleted_files_count'],
  [507, 'partitions'],
  [509, 'contains_null'],
  [510, 'lower_bound'],
  [511, 'upper_bound'],
  [512, 'added_rows_count'],
  [513, 'existing_rows_count'],
  [514, 'deleted_rows_count'],
  [515, 'sequence_number'],
  [516, 'min_sequence_number'],
  [517, 'content'],
  [518, 'contains_nan'],
  [519, 'key_metadata'],
])

const FIRST_PARTITION_ID = 1000

/** Fields by id, so that other writers' names do not matter; a partition field is known by its id alone. */
export function fieldName(id: number): string | undefined {
  return id >= FIRST_PARTITION_ID ? partitionFieldName(id) : NAMES.get(id)
}

export function partitionFieldName(id: number): string {
  return `partition_${id}`
}

function required(id: number, name: string, type: Json): JsonObject {
  return { name, type, 'field-id': id }
}

function optional(id: number, name: string, type: Json): JsonObject {
  return { name, type: ['null', type], default: null, 'field-id': id }
}

function listOf(elementId: number, items: Json): JsonObject {
  return { type: 'array', items, 'element-id': elementId }
}

function intMap(keyId: number, valueId: number, value: Json): JsonObject {
  return {
    type: 'array',
    logicalType: 'map',
    items: {
      type: 'record',
      name: `k${keyId}_v${valueId}`,
      fields: [required(keyId, 'key', 'int'), required(valueId, 'value', value)],
    },
  }
}

/** Avro's type for an Iceberg type (specification, appendix A). Named types carry the field id: names are unique. */
function avroType(type: PrimitiveType, fieldId: number): Json {
  const decimal = decimalParts(type)
  if (decimal) {
    const size = decimalBytes(decimal.precision)
    return { type: 'fixed', name: `decimal_${fieldId}`, size, logicalType: 'decimal', ...decimal }
  }
  const length = fixedLength(type)
  if (length !== undefined) return { type: 'fixed', name: `fixed_${fieldId}`, size: length }
  switch (type) {
    case 'date':
      return { type: 'int', logicalType: 'date' }
    case 'time':
      return { type: 'long', logicalType: 'time-micros' }
    case 'timestamp':
      return { type: 'long', logicalType: 'timestamp-micros', 'adjust-to-utc': false }
    case 'timestamptz':
      return { type: 'long', logicalType: 'timestamp-micros', 'adjust-to-utc': true }
    case 'uuid':
      return { type: 'fixed', name: `uuid_${fieldId}`, size: 16, logicalType: 'uuid' }
    case 'binary':
      return 'bytes'
    default:
      return type
  }
}

/** Avro names admit letters, digits and `_`; Iceberg writes other characters as `_x` and their code. */
function avroName(name: string): string {
  const escaped = name.replace(/[^A-Za-z0-9_]/gu, (c) => `_x${(c.codePointAt(0) ?? 0).toString(16).toUpperCase()}`)
  return /^\d/.test(escaped) ? `_${escaped}` : escaped
}

/** Schema of a manifest's entries as it is written into the file. */
export function manifestEntrySchema(columns: readonly PartitionColumn[]): JsonObject {
  const partition = {
    type: 'record',
    name: 'r102',
    fields: columns.map(({ fieldId, name, type }) => optional(fieldId, avroName(name), avroType(type, fieldId))),
  }
  const file = {
    type: 'record',
    name: 'r2',
    fields: [
      required(134, 'content', 'int'),
      required(100, 'file_path', 'string'),
      required(101, 'file_format', 'string'),
      required(102, 'partition', partition),
      required(103, 'record_count', 'long'),
      required(104, 'file_size_in_bytes', 'long'),
      optional(108, 'column_sizes', intMap(117, 118, 'long')),
      optional(109, 'value_counts', intMap(119, 120, 'long')),
      optional(110, 'null_value_counts', intMap(121, 122, 'long')),
      optional(137, 'nan_value_counts', intMap(138, 139, 'long')),
      optional(125, 'lower_bounds', intMap(126, 127, 'bytes')),
      optional(128, 'upper_bounds', intMap(129, 130, 'bytes')),
      optional(131, 'key_metadata', 'bytes'),
      optional(132, 'split_offsets', listOf(133, 'long')),
      optional(135, 'equality_ids', listOf(136, 'int')),
      optional(140, 'sort_order_id', 'int'),
      optional(143, 'referenced_data_file', 'string'),
    ],
  }
  return {
    type: 'record',
    name: 'manifest_entry',
    fields: [
      required(0, 'status', 'int'),
      optional(1, 'snapshot_id', 'long'),
      optional(3, 'sequence_number', 'long'),
      optional(4, 'file_sequence_number', 'long'),
      required(2, 'data_file', file),
    ],
  }
}

const fieldSummary = {
  type: 'record',
  name: 'r508',
  fields: [
    required(509, 'contains_null', 'boolean'),
    optional(518, 'contains_nan', 'boolean'),
    optional(510, 'lower_bound', 'bytes'),
    optional(511, 'upper_bound', 'bytes'),
  ],
}

/** Schema of a manifest list's records. */
export const manifestFileSchema: JsonObject = {
  type: 'record',
  name: 'manifest_file',
  fields: [
    required(500, 'manifest_path', 'string'),
    required(501, 'manifest_length', 'long'),
    required(502, 'partition_spec_id', 'int'),
    required(517, 'content', 'int'),
    required(515, 'sequence_number', 'long'),
    required(516, 'min_sequence_number', 'long'),
    required(503, 'added_snapshot_id', 'long'),
    required(504, 'added_files_count', 'int'),
    required(505, 'existing_files_count', 'int'),
    required(506, 'deleted_files_count', 'int'),
    required(512, 'added_rows_count', 'long'),
    required(513, 'existing_rows_count', 'long'),
    required(514, 'deleted_rows_count', 'long'),
    optional(507, 'partitions', listOf(508, fieldSummary)),
    optional(519, 'key_metadata', 'bytes'),
  ],
}
