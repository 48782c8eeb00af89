import type { TableVersion } from '../catalog/catalog.js'
import type { DataFile } from '../format/data-file.js'
import type { Snapshot, TableMetadata } from '../format/metadata.js'

/** A manifest that is in the store already: ADDED entries without sequence numbers. */
export interface ManifestRef {
  readonly path: string
  readonly length_bytes: number
}

/** What a commit does to a table; without files it still makes a snapshot. */
export interface TableChange {
  readonly operation: 'append' | 'replace' | 'overwrite' | 'delete'
  /** Files of the current partition spec. */
  readonly addFiles?: readonly DataFile[]
  /** Committed exactly as it is. Its entries' snapshot id must be the one of the request. */
  readonly addManifest?: ManifestRef
  /** Paths of live data files. One that is not live in the base refuses the commit: `removed_files_gone`. */
  readonly removeFiles?: readonly string[]
  /**
   * Sequence number of the version from which `removeFiles` were read. Delete files committed since then refuse
   * the commit: `deletes_added`.
   */
  readonly plannedAt?: number
  readonly setProperties?: Readonly<Record<string, string>>
  readonly removeProperties?: readonly string[]
  /** Added to the snapshot's summary. */
  readonly summary?: Readonly<Record<string, string>>
}

type Preparation =
  | { readonly kind: 'proceed'; readonly change: TableChange }
  | { readonly kind: 'refuse'; readonly reason: string; readonly detail?: unknown }

export interface CommitRequest {
  /** Pure; called against each base that is tried, with what the snapshot of this attempt will have. */
  readonly prepare: (
    base: TableMetadata,
    next: { readonly sequenceNumber: number; readonly snapshotId: bigint },
  ) => Preparation
  /** The snapshot id that `addManifest` was written with; drawn if not given. */
  readonly snapshotId?: bigint
  /** Pure; the commit's sequence number is above this one, and above all that the table has given out. */
  readonly sequenceAbove?: (base: TableMetadata) => number
}

export type CommitOutcome =
  | { readonly kind: 'committed'; readonly version: TableVersion; readonly snapshot: Snapshot }
  /**
   * By `prepare`, or by the commit itself: `removed_files_gone` (detail: paths), `deletes_added`. `version` is the base
   * refused.
   */
  | { readonly kind: 'refused'; readonly reason: string; readonly detail: unknown; readonly version: TableVersion }
  /**
   * The base had been cleaned up before the commit landed: nothing was changed; drop all state and start from the
   * table.
   */
  | { readonly kind: 'base_expired'; readonly reason: string }
