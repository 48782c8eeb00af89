import type { TableVersion } from '../catalog/catalog.js'
import { greatestSequence } from '../format/invariants.js'
import { type PartitionTuple, partitionKey } from '../format/partition.js'
import type { Table } from '../table/table.js'
import { type PlannedFile, planFiles } from './plan-files.js'

export interface CompactionPolicy {
  /** A partition with more small files than this is compacted. */
  readonly smallFilesMax: number
  /** Files below this are small. */
  readonly small_bytes: number
  /** Bytes that one task reads, and so about those that it writes. */
  readonly task_bytes: number
  readonly taskFiles: number
  /** A compaction sorts its rows: what that takes follows their number, not how well they were compressed. */
  readonly taskRows: number
}

/** Limits under which a table stays healthy at one commit a second. */
export const defaultCompaction: CompactionPolicy = {
  smallFilesMax: 32,
  small_bytes: 8 * 1024 * 1024,
  task_bytes: 64 * 1024 * 1024,
  taskFiles: 200,
  taskRows: 500_000,
}

/** Files of one partition to be rewritten as one, in a `replace` commit with `plannedAt` as given here. */
export interface CompactionTask {
  readonly specId: number
  readonly partition: PartitionTuple
  readonly files: readonly PlannedFile[]
  readonly rows: number
  readonly bytes: number
  readonly plannedAt: number
}

/**
 * Partitions of a spec, the table's default unless given, that hold too many small files. The smallest files go first.
 */
export async function planCompaction(
  table: Table,
  version: TableVersion,
  policy: CompactionPolicy = defaultCompaction,
  chosenSpecId: number = version.metadata.defaultSpecId,
): Promise<CompactionTask[]> {
  const partitions = new Map<string, PlannedFile[]>()
  for (const planned of await planFiles(table, version)) {
    const { specId, partition, size_bytes } = planned.file
    if (size_bytes >= policy.small_bytes || specId !== chosenSpecId) continue
    const key = partitionKey(specId, partition)
    const files = partitions.get(key)
    if (files) files.push(planned)
    else partitions.set(key, [planned])
  }
  const tasks: CompactionTask[] = []
  for (const files of partitions.values()) {
    if (files.length > policy.smallFilesMax)
      tasks.push(...compactionTasks(files, policy, greatestSequence(version.metadata)))
  }
  return tasks
}

function compactionTasks(files: readonly PlannedFile[], policy: CompactionPolicy, plannedAt: number): CompactionTask[] {
  const tasks: CompactionTask[] = []
  const bySize = [...files].sort((a, b) => a.file.size_bytes - b.file.size_bytes)
  let members: PlannedFile[] = []
  let bytes = 0
  let rows = 0
  const close = (): void => {
    if (members.length > 1) tasks.push(task(members, bytes, plannedAt))
    members = []
    bytes = 0
    rows = 0
  }
  for (const planned of bySize) {
    const { size_bytes, recordCount } = planned.file
    const isFull =
      members.length >= policy.taskFiles ||
      bytes + size_bytes > policy.task_bytes ||
      rows + recordCount > policy.taskRows
    if (members.length > 0 && isFull) close()
    // Compacting a grown file again with a few tiny ones would rewrite its rows every time: it waits for files of its size.
    if (members.length >= policy.smallFilesMax / 2 && size_bytes > bytes) close()
    members.push(planned)
    bytes += size_bytes
    rows += recordCount
  }
  if (members.length >= policy.smallFilesMax / 2) close()
  return tasks
}

function task(files: readonly PlannedFile[], bytes: number, plannedAt: number): CompactionTask {
  const first = files[0]
  return {
    specId: first?.file.specId ?? 0,
    partition: first?.file.partition ?? [],
    files,
    rows: files.reduce((sum, { file }) => sum + file.recordCount, 0),
    bytes,
    plannedAt,
  }
}
