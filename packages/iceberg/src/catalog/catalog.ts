import type { TableMetadata } from '../format/metadata.js'

/** One state of a table, as it was read or committed. Never changes. */
export interface TableVersion {
  readonly metadata: TableMetadata
  /** Path or URI of the metadata file, as other engines open it. */
  readonly metadataLocation: string
  /** Store key under which the table's files lie; `metadata.location` maps to it, wherever the lake was moved. */
  readonly tableKey: string
  /** What the catalog knows this version by. */
  readonly token: string
}

export type CompareAndSwapOutcome =
  | { readonly kind: 'committed'; readonly version: TableVersion }
  /** Another writer has committed on this base: load again. */
  | { readonly kind: 'conflict' }
  /** The base is so old that the commit counts for nothing: drop all state and load again. */
  | { readonly kind: 'base_expired'; readonly reason: string }

export interface ForgetLimits {
  readonly keep: number
  /** Whether a version was committed so long ago that no writer builds on it any more: fifteen minutes at least. */
  readonly isOld: (metadata: TableMetadata) => boolean
}

/**
 * Which table names point to which metadata. A compare-and-swap demands that the table's identity and main's head are
 * the base's.
 */
export interface Catalog {
  /** Where a new table of this name puts its files. Rejects with `bad_table_name`. */
  newLocation(name: string): Promise<{ readonly tableKey: string; readonly location: string }>
  /** The newest version, or undefined when there is no such table. */
  load(name: string): Promise<TableVersion | undefined>
  create(name: string, metadata: TableMetadata): Promise<'created' | 'exists'>
  /**
   * One attempt to put `next` on top of `base`. Throws `paused`, or an `OutageError` with the code
   * `commit_outcome_unknown` when it cannot be told whether the commit took place.
   */
  compareAndSwap(name: string, base: TableVersion, next: TableMetadata): Promise<CompareAndSwapOutcome>
  /** Names of all tables, in order. */
  list(): Promise<readonly string[]>
  /**
   * Deletes metadata files of earlier versions, oldest first: none of the newest `keep`, none that is not `isOld`.
   * Returns the keys deleted; a catalog that minds its own history returns none.
   */
  forgetVersions(name: string, limits: ForgetLimits): Promise<readonly string[]>
}
