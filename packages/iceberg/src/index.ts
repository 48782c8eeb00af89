export type { Catalog, CompareAndSwapOutcome, TableVersion } from './catalog/catalog.js'
export { FileSystemCatalog } from './catalog/file-system-catalog.js'
export { keyOfPath, pathInTable } from './catalog/paths.js'
export { openRestCatalog } from './catalog/rest-catalog.js'
export { collect } from './cleanup/collect.js'
export { removeOrphans } from './cleanup/orphans.js'
export type { CommitOutcome, TableChange } from './commit/change.js'
export { commit } from './commit/commit.js'
export { expirable } from './commit/expire.js'
export { expiredFilesEntries } from './commit/expired-files.js'
export { mainHistory, taggedHistory } from './commit/history-tags.js'
export { createTable } from './evolution/create-table.js'
export { type Evolved, evolveTable, matchTable, type TableMatch, type Wanted } from './evolution/evolve-table.js'
export { olderWriter, writerOf } from './evolution/older-writer.js'
export { type ColumnStatistics, type DataFile, dataFile, FILE_PATH_ID, POSITION_ID } from './format/data-file.js'
export { brokenInvariants, greatestSequence } from './format/invariants.js'
export { isLive, type ResolvedEntry, resolveEntry } from './format/manifest-entries.js'
export type { ManifestFile } from './format/manifest-list.js'
export {
  ancestors,
  currentSchema,
  currentSnapshot,
  parseMetadata,
  type Snapshot,
  type TableMetadata,
} from './format/metadata.js'
export { type PartitionSpec, partitionKey } from './format/partition.js'
export {
  type IcebergType,
  type NestedField,
  type PrimitiveType,
  primitiveOf,
  type Schema,
  typeText,
} from './format/schema.js'
export { compareValues, decodeValue, encodeValue, promoted, type Value } from './format/values.js'
export {
  type PendingEntry,
  type PendingManifest,
  pendingChange,
  pendingEntries,
  pendingProperty,
  publish,
  publishedSequence,
  publishPending,
  writePendingManifest,
} from './outbox/outbox.js'
export { ancestry } from './plan/ancestry.js'
export {
  type CompactionPolicy,
  type CompactionTask,
  defaultCompaction,
  planCompaction,
} from './plan/plan-compaction.js'
export { type PlannedFile, planFiles } from './plan/plan-files.js'
export type { DeleteFileRewriter } from './relocate/relocate-manifests.js'
export { relocateTable } from './relocate/relocate-table.js'
export { refuseIfMoved } from './table/moved.js'
export { defaultMaintenance, type MaintenancePolicy } from './table/policy.js'
export { columnsOf, Table, type TableNotice } from './table/table.js'
