import { AssayError } from '@assay/core'
import type { DataFile } from '../format/data-file.js'
import { FILE_PATH_ID } from '../format/data-file.js'
import type { ResolvedEntry } from '../format/manifest-entries.js'
import { partitionKey } from '../format/partition.js'

interface DeleteFile {
  readonly file: DataFile
  readonly sequenceNumber: number
}

/** Position-delete files of a snapshot, by the partition that they apply to. */
export class PositionDeletes {
  readonly #byPartition = new Map<string, DeleteFile[]>()

  /** Adds a delete file. Throws `equality_deletes_unsupported`. */
  add({ file, sequenceNumber }: ResolvedEntry): void {
    if (file.content === 'equality_deletes') {
      throw new AssayError(
        'equality_deletes_unsupported',
        `${file.path} deletes rows by equality, which cannot be applied`,
        {
          hint: 'let the engine that wrote it compact the table, and have it write position deletes or copies instead',
        },
      )
    }
    const key = partitionKey(file.specId, file.partition)
    const files = this.#byPartition.get(key)
    if (files) files.push({ file, sequenceNumber })
    else this.#byPartition.set(key, [{ file, sequenceNumber }])
  }

  /** Delete files that apply to a data file: not older than it, of its partition, and about its path. */
  of(entry: ResolvedEntry): readonly DataFile[] {
    if (this.#byPartition.size === 0) return []
    const files = this.#byPartition.get(partitionKey(entry.file.specId, entry.file.partition)) ?? []
    return files
      .filter(({ file, sequenceNumber }) => sequenceNumber >= entry.sequenceNumber && mayName(file, entry.file.path))
      .map(({ file }) => file)
  }
}

/** Bounds of paths may be cut: a lower one is never too great, an upper one never too small. */
function mayName(file: DataFile, path: string): boolean {
  if (file.referencedDataFile !== undefined) return file.referencedDataFile === path
  const bytes = Buffer.from(path, 'utf8')
  const lower = file.lowerBounds?.get(FILE_PATH_ID)
  const upper = file.upperBounds?.get(FILE_PATH_ID)
  return (!lower || Buffer.compare(lower, bytes) <= 0) && (!upper || Buffer.compare(upper, bytes) >= 0)
}
