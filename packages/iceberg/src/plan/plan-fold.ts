import type { TableVersion } from '../catalog/catalog.js'
import { greatestSequence } from '../format/invariants.js'
import { type PartitionTuple, partitionKey } from '../format/partition.js'
import type { Table } from '../table/table.js'
import { type PlannedFile, planFiles } from './plan-files.js'

export interface FoldPolicy {
  /** A partition with more small files than this is folded. */
  readonly smallFilesMax: number
  /** Files below this are small. */
  readonly small_bytes: number
  /** Input of one task, and so about its output. */
  readonly task_bytes: number
  readonly taskFiles: number
  /** A fold sorts its rows: what that takes follows their number, not how well they were compressed. */
  readonly taskRows: number
}

/** Design, "Healthy tables at one commit a second". */
export const defaultFold: FoldPolicy = {
  smallFilesMax: 32,
  small_bytes: 8 * 1024 * 1024,
  task_bytes: 64 * 1024 * 1024,
  taskFiles: 200,
  taskRows: 500_000,
}

/** Files of one partition to be rewritten as one, in a `replace` commit with `plannedAt` as given here. */
export interface FoldTask {
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
export async function planFold(
  table: Table,
  version: TableVersion,
  policy: FoldPolicy = defaultFold,
  chosenSpecId: number = version.metadata.defaultSpecId,
): Promise<FoldTask[]> {
  const partitions = new Map<string, PlannedFile[]>()
  for (const planned of await planFiles(table, version)) {
    const { specId, partition, size_bytes } = planned.file
    if (size_bytes >= policy.small_bytes || specId !== chosenSpecId) continue
    const key = partitionKey(specId, partition)
    const files = partitions.get(key)
    if (files) files.push(planned)
    else partitions.set(key, [planned])
  }
  const tasks: FoldTask[] = []
  for (const files of partitions.values()) {
    if (files.length > policy.smallFilesMax)
      tasks.push(...foldPartition(files, policy, greatestSequence(version.metadata)))
  }
  return tasks
}

function foldPartition(files: readonly PlannedFile[], policy: FoldPolicy, plannedAt: number): FoldTask[] {
  const tasks: FoldTask[] = []
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
    // Folding a grown file again with a few crumbs would rewrite its rows at every fold: it waits for its like.
    if (members.length >= policy.smallFilesMax / 2 && size_bytes > bytes) close()
    members.push(planned)
    bytes += size_bytes
    rows += recordCount
  }
  if (members.length >= policy.smallFilesMax / 2) close()
  return tasks
}

function task(files: readonly PlannedFile[], bytes: number, plannedAt: number): FoldTask {
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
