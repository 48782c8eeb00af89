/** How far back a table's history reaches beyond its newest snapshots. */
export interface HistoryPolicy {
  /** A tag is put on the last commit before each multiple of this time. */
  readonly tagEvery_ms: number
  /** The newest of these tags, which stay; the oldest gives way, and its snapshot expires. */
  readonly tagsToKeep: number
}
