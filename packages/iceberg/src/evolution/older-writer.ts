import type { Snapshot, TableMetadata } from '../format/metadata.js'
import { ENGINE_NAME, VERSION_KEY } from '../format/summary.js'

/**
 * The newest snapshot of the last `within_ms` that was committed by a version of Assay from before it named its
 * version in summaries: such a one drops columns that it does not know when it rewrites files.
 */
export function olderWriter(metadata: TableMetadata, now_ms: number, within_ms: number): Snapshot | undefined {
  return metadata.snapshots.findLast(
    ({ summary, timestamp_ms }) =>
      summary['engine-name'] === ENGINE_NAME && summary[VERSION_KEY] === undefined && timestamp_ms > now_ms - within_ms,
  )
}

/** Who committed a snapshot; '' for a version that it does not say. */
export function writerOf({ summary }: Snapshot): { readonly engine: string; readonly version: string } {
  return { engine: summary['engine-name'] ?? 'one that leaves no name', version: summary[VERSION_KEY] ?? '' }
}
