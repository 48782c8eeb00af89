import type { LaneKey, Position } from '@assay/core'
import type { LakeTable, PinnedTable, ScanFile, UpstreamTable } from '@assay/pipeline'

/** Chooses what is read of a pinned table; as `LakeTable.files`. */
export type FilesOf = UpstreamTable['files']

/**
 * A pinned table as a stage's upstream that ends at the given positions and never moves. Its sequence number is 0, so
 * that a stage which has read it to one end looks at all files again when it is given a later one.
 */
export function boundedTable(
  table: Pick<LakeTable, 'definition'>,
  pinned: PinnedTable,
  ends: ReadonlyMap<LaneKey, Position>,
  files: FilesOf,
): UpstreamTable {
  const lanes = new Map([...ends].map(([key, position]) => [key, { position, sequence: 0 }]))
  const { topics, sources } = pinned.checkpoint
  const bounded: PinnedTable = { ...pinned, sequence: 0, checkpoint: { topics, sources, lanes } }
  return {
    definition: table.definition,
    pin: async () => bounded,
    files: (_bounded, filter) => files(pinned, filter),
    waitForCommit: async () => undefined,
  }
}

/** A file that the lake's tables don't hold, as a stage reads it. */
export function looseFile(path: string): ScanFile {
  return { path, name: path, deletes: [] }
}
