import { asObject, type Json, type JsonObject } from './json.js'
import { MAIN_BRANCH, type Snapshot, type SnapshotRef, type TableMetadata } from './metadata.js'

/** What one commit changes. */
export interface MetadataUpdate {
  /** The new snapshot, which becomes the head of main. */
  readonly snapshot: Snapshot
  readonly setProperties: Readonly<Record<string, string>>
  readonly removeProperties: readonly string[]
  /** Snapshots to forget; never the new one nor the head of a ref. */
  readonly expire: ReadonlySet<bigint>
  /** Tags to put on snapshots that stay, and to take away. */
  readonly setRefs: Readonly<Record<string, SnapshotRef>>
  readonly dropRefs: readonly string[]
}

/** The metadata after a commit. Pure; `base` stays as it is. */
export function applyUpdate(base: TableMetadata, update: MetadataUpdate): TableMetadata {
  const { snapshot, expire } = update
  const log = [...base.snapshotLog, { snapshotId: snapshot.snapshotId, timestamp_ms: snapshot.timestamp_ms }]
  return {
    ...base,
    lastSequenceNumber: snapshot.sequenceNumber,
    lastUpdated_ms: snapshot.timestamp_ms,
    properties: changedProperties(base.properties, update),
    snapshots: [...base.snapshots.filter((one) => !expire.has(one.snapshotId)), snapshot],
    currentSnapshotId: snapshot.snapshotId,
    refs: {
      ...Object.fromEntries(Object.entries(base.refs).filter(([name]) => !update.dropRefs.includes(name))),
      ...update.setRefs,
      [MAIN_BRANCH]: { ...base.refs[MAIN_BRANCH], snapshotId: snapshot.snapshotId, type: 'branch' },
    },
    snapshotLog: trimmedLog(log, expire),
    extra: withoutStatistics(base.extra, expire),
  }
}

function changedProperties(base: Readonly<Record<string, string>>, update: MetadataUpdate): Record<string, string> {
  const removed = new Set(update.removeProperties)
  return {
    ...Object.fromEntries(Object.entries(base).filter(([key]) => !removed.has(key))),
    ...update.setProperties,
  }
}

/** A gap makes the log before it useless for time travel, so the specification has it cleared up to the gap. */
function trimmedLog(log: TableMetadata['snapshotLog'], expire: ReadonlySet<bigint>): TableMetadata['snapshotLog'] {
  const lastGap = log.findLastIndex((entry) => expire.has(entry.snapshotId))
  return log.slice(lastGap + 1)
}

/** Statistics files belong to snapshots; those of forgotten ones go with them. */
function withoutStatistics(extra: JsonObject, expire: ReadonlySet<bigint>): JsonObject {
  if (expire.size === 0) return extra
  const kept = (value: Json): Json =>
    Array.isArray(value)
      ? value.filter((one: Json) => {
          const id = asObject(one, 'statistics')['snapshot-id']
          return (typeof id !== 'number' && typeof id !== 'bigint') || !expire.has(BigInt(id))
        })
      : value
  return Object.fromEntries(
    Object.entries(extra).map(([key, value]) => [
      key,
      key === 'statistics' || key === 'partition-statistics' ? kept(value) : value,
    ]),
  )
}

const METADATA_LOG_MAX = 100

/** Adds the base's own file to the list of previous metadata files, of which the newest hundred are named. */
export function withMetadataLog(next: TableMetadata, base: TableMetadata, baseLocation: string): TableMetadata {
  const log = [...next.metadataLog, { file: baseLocation, timestamp_ms: base.lastUpdated_ms }]
  return { ...next, metadataLog: log.slice(-METADATA_LOG_MAX) }
}
