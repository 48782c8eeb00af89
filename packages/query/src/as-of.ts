import { UsageError } from '@assay/core'
import { ancestors, type Snapshot, type TableMetadata } from '@assay/iceberg'

/** A moment of the lake: a time, or the commit of a snapshot of any of its tables. */
export type AsOf =
  | { readonly kind: 'time'; readonly time_ms: number }
  | { readonly kind: 'snapshot'; readonly id: bigint }

/** What `--as-of` takes: an ISO 8601 time (UTC unless it says otherwise) or a snapshot id. Throws `bad_as_of`. */
export function parseAsOf(text: string): AsOf {
  if (/^\d{1,19}$/.test(text) && !/^\d{4}$/.test(text)) return { kind: 'snapshot', id: BigInt(text) }
  const iso = /^\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?(Z|[+-]\d{2}:?\d{2})?)?$/.exec(text)
  const time_ms = iso ? Date.parse(iso[1] || text.length === 10 ? text : `${text}Z`) : Number.NaN
  if (!Number.isNaN(time_ms)) return { kind: 'time', time_ms }
  throw new UsageError('bad_as_of', `"${text}" is neither a time nor a snapshot`, {
    hint: 'write a time like 2026-01-31T12:00:00Z, or a snapshot id from assay tables',
  })
}

/** The time to look at, given every table's metadata. Throws `snapshot_unknown`. */
export function timeOf(asOf: AsOf, tables: readonly TableMetadata[]): number {
  if (asOf.kind === 'time') return asOf.time_ms
  for (const { snapshots } of tables) {
    const found = snapshots.find(({ snapshotId }) => snapshotId === asOf.id)
    if (found) return found.timestamp_ms
  }
  throw new UsageError('snapshot_unknown', `no table has a snapshot ${asOf.id}`, {
    hint: 'it has expired or never was; assay tables lists the newest snapshot of each table, or give a time',
  })
}

/**
 * The snapshot of a table at a time; undefined when the table was still empty. Throws `snapshot_expired` when
 * it can't be told any more.
 */
export function snapshotAt(name: string, metadata: TableMetadata, time_ms: number): Snapshot | undefined {
  let oldest: Snapshot | undefined
  for (const snapshot of ancestors(metadata)) {
    if (snapshot.timestamp_ms <= time_ms) return snapshot
    oldest = snapshot
  }
  if (oldest === undefined || oldest.parentId === undefined) return undefined
  throw new UsageError('snapshot_expired', `${name} no longer knows how it was at ${new Date(time_ms).toISOString()}`, {
    hint: `its oldest snapshot is of ${new Date(oldest.timestamp_ms).toISOString()}`,
  })
}
