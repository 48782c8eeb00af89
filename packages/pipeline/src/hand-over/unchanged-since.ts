import { ancestors, type TableMetadata } from '@assay/iceberg'

/** Those of the snapshots that are in the table's history with nothing but appends and compactions since. */
export function unchangedSince(metadata: TableMetadata, wanted: ReadonlySet<bigint>): ReadonlySet<bigint> {
  const found = new Set<bigint>()
  for (const { snapshotId, summary } of ancestors(metadata)) {
    if (wanted.has(snapshotId)) found.add(snapshotId)
    if (found.size === wanted.size || !KEEPS_ROWS.has(summary.operation)) break
  }
  return found
}

/** Operations of snapshots that leave the rows before them as they were. */
const KEEPS_ROWS: ReadonlySet<string | undefined> = new Set(['append', 'replace'])
