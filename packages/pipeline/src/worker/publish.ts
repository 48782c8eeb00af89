import { AssayError } from '@assay/core'
import { pendingEntries, publish } from '@assay/iceberg'
import type { LakeTable, PinnedTable } from '../table/lake-table.js'

/**
 * Publishes what the main table's outbox holds, as of now unless a state is given, oldest first, and returns the manifests that are now in
 * their side tables. Whoever finds a pending entry does this before anything else, so that nothing is ever
 * derived twice. Throws when a side table can't be published to: then the main table makes no further
 * commits either (T18).
 */
export async function publishPending(
  main: LakeTable,
  sides: ReadonlyMap<string, LakeTable>,
  pinned?: PinnedTable,
): Promise<ReadonlySet<string>> {
  const { version, uuid } = pinned ?? (await main.pin())
  const published = new Set<string>()
  for (const entry of pendingEntries(version.metadata, main.table.propertyPrefix)) {
    const side = sides.get(entry.table)
    if (!side) {
      throw new AssayError('side_table_unknown', `${main.definition.name} has rows pending for ${entry.table}`, {
        hint: 'they were written by another version of Assay; run that version once to publish them',
      })
    }
    if ((await publish(side.table, uuid, entry)) === 'published') side.announceCommit()
    published.add(entry.manifest)
  }
  return published
}
