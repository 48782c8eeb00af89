import type { Random } from '@assay/core'
import { writeManifestList } from '../format/manifest-list.js'
import { MAIN_BRANCH, type Snapshot, type TableMetadata } from '../format/metadata.js'
import { summarize } from '../format/summary.js'

export interface FirstSnapshot {
  readonly metadata: TableMetadata
  /** The snapshot's manifest list, to be put before the table is made. */
  readonly key: string
  readonly bytes: Uint8Array
}

/** A new table's metadata with a snapshot that holds nothing. */
export function withFirstSnapshot(metadata: TableMetadata, tableKey: string, random: Random): FirstSnapshot {
  const snapshotId = BigInt(random.id53())
  const file = `metadata/snap-${snapshotId}-${random.uuid()}.avro`
  const snapshot: Snapshot = {
    snapshotId,
    parentId: undefined,
    sequenceNumber: 1,
    timestamp_ms: metadata.lastUpdated_ms,
    manifestList: `${metadata.location}/${file}`,
    summary: summarize({ operation: 'append', parent: undefined, manifests: [], added: [], removed: [], own: {} }),
    schemaId: metadata.currentSchemaId,
  }
  return {
    metadata: { ...metadata, snapshots: [snapshot], refs: { [MAIN_BRANCH]: { snapshotId, type: 'branch' } } },
    key: `${tableKey}/${file}`,
    bytes: writeManifestList([], snapshot, () => []),
  }
}
