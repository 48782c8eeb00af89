import type { TableMetadata } from '../format/metadata.js'

/** How far back a table's history reaches beyond its newest snapshots. */
export interface HistoryPolicy {
  /** A tag is put on the last commit before each multiple of this time. */
  readonly tagEvery_ms: number
  /** The newest of these tags, which stay; the oldest gives way, and its snapshot expires. */
  readonly tagsToKeep: number
}

/** How a table is kept healthy by its own commits. */
export interface MaintenancePolicy {
  /** As many manifests of a size class are merged into one of the next class. */
  readonly manifestsToMerge: number
  /** Manifests with as many live files are left alone. */
  readonly manifestFilesMax: number
  /** The newest snapshots of main, which never expire. */
  readonly snapshotsToKeep: number
  /** Younger snapshots never expire, by the table's own time, unless there are several times those to keep. */
  readonly snapshotsKept_ms: number
  /** Snapshots expire when as many can: what an expiry costs is paid once for all of them. */
  readonly snapshotsToExpire: number
  /** How long a file that no snapshot names any more is left to readers that are at it. */
  readonly grace_ms: number
  /** History beyond the newest snapshots. Without, none is made and what others made is left alone. */
  readonly history?: HistoryPolicy
}

/**
 * For up to several commits a second. Every commit writes the list of snapshots anew, so at one a second ten minutes
 * of them would make 400 kB of metadata a commit; readers are served by the grace time of files, not by this list.
 */
export const defaultMaintenance: MaintenancePolicy = {
  manifestsToMerge: 8,
  manifestFilesMax: 8_192,
  snapshotsToKeep: 100,
  snapshotsKept_ms: 2 * 60_000,
  snapshotsToExpire: 25,
  grace_ms: 15 * 60_000,
}

/**
 * False when the table says that its files are not to be deleted (property `gc.enabled`, which all engines heed):
 * other tables or a versioned catalog's history may name them too.
 */
export function mayDeleteFiles({ properties }: TableMetadata): boolean {
  return properties['gc.enabled'] !== 'false'
}
