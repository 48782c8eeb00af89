import { type FileHandle, open, stat, unlink, writeFile } from 'node:fs/promises'
import { OutageError } from '@assay/core'
import { unlessMissing } from '../log-errors.js'
import type { PlannedBatch } from '../plan.js'
import { encodedBytes, encodeGroup } from './batch-format.js'
import type { LaneLock } from './lane-lock.js'
import type { LaneTail, LaneView, NewestSegment } from './lane-tail.js'
import { createSegment, readBytes, type SegmentFile, writeBytes } from './segment-files.js'

const WAITING_CALLS_MAX = 10_000
const GROUP_BYTES_MAX = 16 * 1024 * 1024

export interface LaneWriterOptions {
  readonly folder: string
  readonly segment_bytes: number
  readonly retention_bytes: number
}

interface Waiting {
  readonly batches: readonly PlannedBatch[]
  readonly bytes: number
  resolve(range: AppendedRange): void
  reject(error: unknown): void
}

export interface AppendedRange {
  readonly from: bigint
  readonly to: bigint
}

/**
 * Appends to a lane. While one group is being forced to the disk, later calls pile up and become the next group,
 * so that a slow disk makes groups larger and not the queue longer.
 */
export class LaneWriter {
  readonly #options: LaneWriterOptions
  readonly #tail: LaneTail
  readonly #lock: LaneLock
  #waiting: Waiting[] = []
  #working: Promise<void> | undefined
  #open: { readonly handle: FileHandle; readonly newest: NewestSegment } | undefined
  /** Up to here the newest segment is known to be on the disk. */
  #synced_bytes = 0

  constructor(options: LaneWriterOptions, tail: LaneTail, lock: LaneLock) {
    this.#options = options
    this.#tail = tail
    this.#lock = lock
  }

  /** Durable when it resolves. */
  append(batches: readonly PlannedBatch[]): Promise<AppendedRange> {
    if (this.#waiting.length >= WAITING_CALLS_MAX) {
      throw new OutageError('log_busy', `${WAITING_CALLS_MAX} calls wait to append to ${this.#options.folder}`, {
        hint: 'wait for produce to resolve before producing more',
      })
    }
    const range = new Promise<AppendedRange>((resolve, reject) => {
      this.#waiting.push({ batches, bytes: encodedBytes(batches), resolve, reject })
    })
    this.#working ??= this.#work()
    return range
  }

  /** Waits for the appends in hand. */
  async close(): Promise<void> {
    await this.#working
    await this.#closeHandle()
    await this.#lock.close()
  }

  async #work(): Promise<void> {
    while (this.#waiting.length > 0) {
      let group: Waiting[] = []
      try {
        const from = await this.#lock.hold(() => {
          group = this.#nextGroup()
          return this.#write(group.flatMap(({ batches }) => batches))
        })
        settle(group, from)
      } catch (error) {
        await this.#closeHandle().catch(() => undefined)
        // Without the lock none of those that wait will get further.
        for (const { reject } of group.length > 0 ? group : this.#waiting.splice(0)) reject(error)
      }
    }
    this.#working = undefined
  }

  #nextGroup(): Waiting[] {
    let bytes = 0
    const size = this.#waiting.findIndex((call, i) => {
      bytes += call.bytes
      return i > 0 && bytes > GROUP_BYTES_MAX
    })
    return this.#waiting.splice(0, size < 0 ? this.#waiting.length : size)
  }

  /** Writes one group under the lock and gives the offset of its first record. */
  async #write(batches: readonly PlannedBatch[]): Promise<bigint> {
    const view = await this.#tail.view()
    const { handle, newest } = await this.#openEnd(view, encodedBytes(batches))
    if (newest.tail !== 'nothing') await this.#cutTornTail(handle, newest)
    // What a process that died has left must not be less durable than what is written behind it.
    if (newest.byte !== this.#synced_bytes) await handle.datasync()
    const group = encodeGroup(batches, newest.next, newest.byte)
    this.#synced_bytes = -1
    await writeBytes(handle, newest.byte, group)
    await handle.datasync()
    this.#synced_bytes = newest.byte + group.length
    return newest.next
  }

  /** The segment to write to, a new one when the newest is full. */
  async #openEnd(view: LaneView, bytes: number): Promise<{ handle: FileHandle; newest: NewestSegment }> {
    const { newest } = view
    if (!newest) return this.#openSegment(await createSegment(this.#options.folder, 0n))
    const { handle } = await this.#openNewest(newest)
    if (newest.byte === 0 || newest.byte + bytes <= this.#options.segment_bytes) return { handle, newest }
    if (newest.tail !== 'nothing') await this.#cutTornTail(handle, newest)
    // Readers take for granted that all but the newest segment are on the disk.
    await handle.datasync()
    const file = await createSegment(this.#options.folder, newest.next)
    await this.#deleteOldest([...view.segments, file])
    return this.#openSegment(file)
  }

  async #openNewest(newest: NewestSegment): Promise<{ handle: FileHandle }> {
    if (this.#open?.newest.inode === newest.inode) return this.#open
    await this.#closeHandle()
    const handle = await open(newest.file.path, 'r+')
    this.#open = { handle, newest }
    return this.#open
  }

  async #openSegment(file: SegmentFile): Promise<{ handle: FileHandle; newest: NewestSegment }> {
    const { ino } = await stat(file.path, { bigint: true })
    const newest: NewestSegment = { file, inode: ino, byte: 0, next: file.base, tail: 'nothing' }
    const { handle } = await this.#openNewest(newest)
    return { handle, newest }
  }

  /**
   * Takes away bytes behind the last intact batch; nobody was told that they were written, nor read them. Damaged
   * ones (not merely short) are kept beside the segment, since a flipped bit in the last batch looks the same.
   */
  async #cutTornTail(handle: FileHandle, newest: NewestSegment): Promise<void> {
    if (newest.tail === 'damaged') {
      const { size } = await handle.stat()
      const bytes = await readBytes(handle, newest.byte, size - newest.byte)
      await writeFile(`${newest.file.path}.${newest.byte}.torn`, bytes)
    }
    await handle.truncate(newest.byte)
  }

  /** Retention: whole segments, oldest first, never the newest. */
  async #deleteOldest(segments: readonly SegmentFile[]): Promise<void> {
    if (this.#options.retention_bytes === Number.POSITIVE_INFINITY) return
    const sizes = await Promise.all(
      segments.map(async ({ path: file }) => (await unlessMissing(stat(file)))?.size ?? 0),
    )
    let total = sizes.reduce((sum, size) => sum + size, 0)
    for (const [i, { path: file }] of segments.slice(0, -1).entries()) {
      const size = sizes[i] ?? 0
      if (total - size < this.#options.retention_bytes) return
      await unlessMissing(unlink(file))
      total -= size
    }
  }

  async #closeHandle(): Promise<void> {
    const opened = this.#open
    this.#open = undefined
    this.#synced_bytes = -1
    await opened?.handle.close()
  }
}

function settle(group: readonly Waiting[], first: bigint): void {
  let from = first
  for (const { batches, resolve } of group) {
    const to = from + BigInt(batches.reduce((sum, { rows }) => sum + rows.length, 0))
    resolve({ from, to })
    from = to
  }
}
