import { AssayError } from '@assay/core'
import {
  asArray,
  asId,
  asInteger,
  asObject,
  asString,
  CHECKSUM,
  checkChecksum,
  corrupt,
  type Json,
  type JsonObject,
  parseJson,
  serializeJson,
  unknownMembers,
  withChecksum,
} from './json.js'
import { type PartitionSpec, parseSpec, specFieldsJson } from './partition.js'
import { parseSchema, type Schema, schemaJson } from './schema.js'

export interface Snapshot {
  readonly snapshotId: bigint
  readonly parentId: bigint | undefined
  readonly sequenceNumber: number
  readonly timestamp_ms: number
  /** Path of the manifest list. */
  readonly manifestList: string
  readonly summary: Readonly<Record<string, string>>
  readonly schemaId: number | undefined
  readonly extra?: JsonObject
}

export interface SnapshotRef {
  readonly snapshotId: bigint
  readonly type: 'branch' | 'tag'
  readonly extra?: JsonObject
}

/** The content of a metadata file of format version 2. Members that this code does not know are in `extra`. */
export interface TableMetadata {
  readonly tableUuid: string
  /** Path or URI under which the table's files lie. */
  readonly location: string
  readonly lastSequenceNumber: number
  readonly lastUpdated_ms: number
  readonly lastColumnId: number
  readonly schemas: readonly Schema[]
  readonly currentSchemaId: number
  readonly partitionSpecs: readonly PartitionSpec[]
  readonly defaultSpecId: number
  readonly lastPartitionId: number
  readonly sortOrders: readonly JsonObject[]
  readonly defaultSortOrderId: number
  readonly properties: Readonly<Record<string, string>>
  readonly snapshots: readonly Snapshot[]
  readonly currentSnapshotId: bigint | undefined
  readonly refs: Readonly<Record<string, SnapshotRef>>
  readonly snapshotLog: readonly { readonly snapshotId: bigint; readonly timestamp_ms: number }[]
  readonly metadataLog: readonly { readonly file: string; readonly timestamp_ms: number }[]
  readonly extra: JsonObject
}

export const MAIN_BRANCH = 'main'
export const UNSORTED: JsonObject = { 'order-id': 0, fields: [] }

const KNOWN = [
  CHECKSUM,
  'format-version',
  'table-uuid',
  'location',
  'last-sequence-number',
  'last-updated-ms',
  'last-column-id',
  'schemas',
  'current-schema-id',
  'partition-specs',
  'default-spec-id',
  'last-partition-id',
  'sort-orders',
  'default-sort-order-id',
  'properties',
  'snapshots',
  'current-snapshot-id',
  'refs',
  'snapshot-log',
  'metadata-log',
]

function parseStrings(value: Json | undefined, where: string): Readonly<Record<string, string>> {
  if (value === undefined) return {}
  const entries = Object.entries(asObject(value, where))
  return Object.fromEntries(entries.map(([key, one]) => [key, asString(one, `${where}.${key}`)]))
}

function parseSnapshot(value: Json): Snapshot {
  const object = asObject(value, 'snapshot')
  const known = [
    'snapshot-id',
    'parent-snapshot-id',
    'sequence-number',
    'timestamp-ms',
    'manifest-list',
    'summary',
    'schema-id',
  ]
  const extra = unknownMembers(object, known)
  const parent = object['parent-snapshot-id']
  return {
    snapshotId: asId(object['snapshot-id'], 'snapshot-id'),
    parentId: parent === undefined || parent === null ? undefined : asId(parent, 'parent-snapshot-id'),
    // Snapshots from before an upgrade to version 2 have none.
    sequenceNumber:
      object['sequence-number'] === undefined ? 0 : asInteger(object['sequence-number'], 'sequence-number'),
    timestamp_ms: asInteger(object['timestamp-ms'], 'timestamp-ms'),
    manifestList: asString(object['manifest-list'], 'manifest-list'),
    summary: parseStrings(object.summary, 'summary'),
    schemaId: object['schema-id'] === undefined ? undefined : asInteger(object['schema-id'], 'schema-id'),
    ...(Object.keys(extra).length > 0 ? { extra } : {}),
  }
}

export function snapshotJson(snapshot: Snapshot): unknown {
  return {
    ...snapshot.extra,
    'sequence-number': snapshot.sequenceNumber,
    'snapshot-id': snapshot.snapshotId,
    'parent-snapshot-id': snapshot.parentId,
    'timestamp-ms': snapshot.timestamp_ms,
    summary: snapshot.summary,
    'manifest-list': snapshot.manifestList,
    'schema-id': snapshot.schemaId,
  }
}

function parseRefs(value: Json | undefined, current: bigint | undefined): Readonly<Record<string, SnapshotRef>> {
  if (value === undefined)
    return current === undefined ? {} : { [MAIN_BRANCH]: { snapshotId: current, type: 'branch' } }
  const entries = Object.entries(asObject(value, 'refs')).map(([name, one]): [string, SnapshotRef] => {
    const object = asObject(one, `refs.${name}`)
    const type = asString(object.type, `refs.${name}.type`)
    if (type !== 'branch' && type !== 'tag') throw corrupt(`refs.${name} is neither a branch nor a tag`)
    const extra = unknownMembers(object, ['snapshot-id', 'type'])
    return [
      name,
      {
        snapshotId: asId(object['snapshot-id'], `refs.${name}`),
        type,
        ...(Object.keys(extra).length > 0 ? { extra } : {}),
      },
    ]
  })
  return Object.fromEntries(entries)
}

function parseCurrentSnapshotId(value: Json | undefined): bigint | undefined {
  if (value === undefined || value === null) return undefined
  const id = asId(value, 'current-snapshot-id')
  // Older Java writers say "none" as -1.
  return id === -1n ? undefined : id
}

/** Parses a metadata file. Throws `corrupt_metadata`, or `unsupported_format_version` for one other than 2. */
export function parseMetadata(text: string): TableMetadata {
  checkChecksum(text)
  return metadataFromJson(parseJson(text))
}

/** The same for metadata that came as a part of something else, out of `parseJson`. */
export function metadataFromJson(value: Json | undefined): TableMetadata {
  const object = asObject(value, 'the metadata')
  if (object['format-version'] !== 2) {
    const version = String(object['format-version'])
    throw new AssayError('unsupported_format_version', `format version ${version} is not 2`, {
      hint:
        version === '1'
          ? 'upgrade the table: ALTER TABLE … SET TBLPROPERTIES (format-version = 2)'
          : 'another engine upgraded the table, which cannot be taken back in place: make the newest metadata file of format version 2 the current one again, or copy the rows into a table of version 2',
    })
  }
  const currentSnapshotId = parseCurrentSnapshotId(object['current-snapshot-id'])
  const metadata: TableMetadata = {
    tableUuid: asString(object['table-uuid'], 'table-uuid'),
    location: asString(object.location, 'location'),
    lastSequenceNumber: asInteger(object['last-sequence-number'], 'last-sequence-number'),
    lastUpdated_ms: asInteger(object['last-updated-ms'], 'last-updated-ms'),
    lastColumnId: asInteger(object['last-column-id'], 'last-column-id'),
    schemas: asArray(object.schemas, 'schemas').map(parseSchema),
    currentSchemaId: asInteger(object['current-schema-id'], 'current-schema-id'),
    partitionSpecs: asArray(object['partition-specs'], 'partition-specs').map(parseSpec),
    defaultSpecId: asInteger(object['default-spec-id'], 'default-spec-id'),
    lastPartitionId: asInteger(object['last-partition-id'], 'last-partition-id'),
    sortOrders: asArray(object['sort-orders'], 'sort-orders').map((one) => asObject(one, 'sort order')),
    defaultSortOrderId: asInteger(object['default-sort-order-id'], 'default-sort-order-id'),
    properties: parseStrings(object.properties, 'properties'),
    snapshots: asArray(object.snapshots ?? [], 'snapshots').map(parseSnapshot),
    currentSnapshotId,
    refs: parseRefs(object.refs, currentSnapshotId),
    snapshotLog: asArray(object['snapshot-log'] ?? [], 'snapshot-log').map((one) => {
      const entry = asObject(one, 'snapshot-log')
      return {
        snapshotId: asId(entry['snapshot-id'], 'snapshot-log'),
        timestamp_ms: asInteger(entry['timestamp-ms'], 'snapshot-log'),
      }
    }),
    metadataLog: asArray(object['metadata-log'] ?? [], 'metadata-log').map((one) => {
      const entry = asObject(one, 'metadata-log')
      return {
        file: asString(entry['metadata-file'], 'metadata-log'),
        timestamp_ms: asInteger(entry['timestamp-ms'], 'metadata-log'),
      }
    }),
    extra: unknownMembers(object, KNOWN),
  }
  checkReferences(metadata)
  return metadata
}

function checkReferences(metadata: TableMetadata): void {
  currentSchema(metadata)
  defaultSpec(metadata)
  if (metadata.currentSnapshotId !== undefined) snapshotById(metadata, metadata.currentSnapshotId)
}

/** Texts of snapshots and log entries, which make up most of a metadata file and never change. */
const texts = new WeakMap<object, string>()

function listText<T extends object>(items: readonly T[], json: (item: T) => unknown): string {
  const parts = items.map((item) => {
    const known = texts.get(item)
    if (known !== undefined) return known
    const text = serializeJson(json(item))
    texts.set(item, text)
    return text
  })
  return `[${parts.join(',')}]`
}

/** Serialises a metadata file; the same metadata always gives the same text. */
export function serializeMetadata(metadata: TableMetadata): string {
  const shell = serializeJson({
    ...metadata.extra,
    'format-version': 2,
    'table-uuid': metadata.tableUuid,
    location: metadata.location,
    'last-sequence-number': metadata.lastSequenceNumber,
    'last-updated-ms': metadata.lastUpdated_ms,
    'last-column-id': metadata.lastColumnId,
    schemas: metadata.schemas.map(schemaJson),
    'current-schema-id': metadata.currentSchemaId,
    'partition-specs': metadata.partitionSpecs.map((spec) => ({
      'spec-id': spec.specId,
      fields: specFieldsJson(spec),
    })),
    'default-spec-id': metadata.defaultSpecId,
    'last-partition-id': metadata.lastPartitionId,
    'sort-orders': metadata.sortOrders,
    'default-sort-order-id': metadata.defaultSortOrderId,
    properties: metadata.properties,
    'current-snapshot-id': metadata.currentSnapshotId,
    refs: Object.fromEntries(
      Object.entries(metadata.refs).map(([name, ref]) => [
        name,
        { ...ref.extra, 'snapshot-id': ref.snapshotId, type: ref.type },
      ]),
    ),
  })
  const snapshots = listText(metadata.snapshots, snapshotJson)
  const snapshotLog = listText(metadata.snapshotLog, (entry) => ({
    'snapshot-id': entry.snapshotId,
    'timestamp-ms': entry.timestamp_ms,
  }))
  const metadataLog = listText(metadata.metadataLog, (entry) => ({
    'metadata-file': entry.file,
    'timestamp-ms': entry.timestamp_ms,
  }))
  return withChecksum(
    `${shell.slice(0, -1)},"snapshots":${snapshots},"snapshot-log":${snapshotLog},"metadata-log":${metadataLog}}`,
  )
}

export function currentSchema(metadata: TableMetadata): Schema {
  const schema = metadata.schemas.find((one) => one.schemaId === metadata.currentSchemaId)
  if (!schema) throw corrupt('the current schema is not in the metadata')
  return schema
}

export function specById(metadata: TableMetadata, specId: number): PartitionSpec {
  const spec = metadata.partitionSpecs.find((one) => one.specId === specId)
  if (!spec) throw corrupt(`partition spec ${specId} is not in the metadata`)
  return spec
}

export function defaultSpec(metadata: TableMetadata): PartitionSpec {
  return specById(metadata, metadata.defaultSpecId)
}

function snapshotById(metadata: TableMetadata, id: bigint): Snapshot {
  const snapshot = metadata.snapshots.find((one) => one.snapshotId === id)
  if (!snapshot) throw corrupt(`snapshot ${id} is not in the metadata`)
  return snapshot
}

/** The head of the main branch, or undefined in a table that has no snapshot. */
export function currentSnapshot(metadata: TableMetadata): Snapshot | undefined {
  return metadata.currentSnapshotId === undefined ? undefined : snapshotById(metadata, metadata.currentSnapshotId)
}

/** Main's snapshots from the newest to the oldest that is kept. */
export function* ancestors(metadata: TableMetadata, from = metadata.currentSnapshotId): Generator<Snapshot> {
  const byId = new Map(metadata.snapshots.map((snapshot) => [snapshot.snapshotId, snapshot]))
  for (let at = from === undefined ? undefined : byId.get(from); at; ) {
    yield at
    byId.delete(at.snapshotId)
    at = at.parentId === undefined ? undefined : byId.get(at.parentId)
  }
}
