import { type Clock, type Lane, OutageError, type Position, position } from '@assay/core'
import { encodedBytes, encodeGroup } from '../batch-format.js'
import { damagedEnd } from '../damage.js'
import { vanished } from '../log-errors.js'
import type { PlannedBatch } from '../plan.js'
import type { EndMark, EndMarkFile } from './end-mark.js'
import { type FileLogEvent, tailCut } from './file-log-event.js'
import { createWith, type LogFile, type LogFiles, readBytes, writeBytes } from './files/log-files.js'
import type { LaneLock } from './lane-lock.js'
import type { LaneTail, LaneView, NewestSegment } from './lane-tail.js'
import { createSegment, type SegmentFile } from './segment-files.js'
import { Serial } from './serial.js'

const WAITING_CALLS_MAX = 10_000
const GROUP_BYTES_MAX = 16 * 1024 * 1024

interface LaneWriterOptions {
  readonly lane: Lane
  readonly folder: string
  readonly seal: number
  readonly files: LogFiles
  readonly tail: LaneTail
  readonly lock: LaneLock
  readonly mark: EndMarkFile
  readonly clock: Clock
  readonly segment_bytes: number
  readonly retention_bytes: number
  readonly mark_sync_ms_max: number
  readonly onEvent: (event: FileLogEvent) => void
}

interface Waiting {
  readonly batches: readonly PlannedBatch[]
  readonly bytes: number
  resolve(range: AppendedRange): void
  reject(error: unknown): void
}

interface AppendedRange {
  readonly from: bigint
  readonly to: bigint
}

/**
 * Appends to a lane. While one group is being forced to the disk, later calls pile up and become the next group,
 * so that a slow disk makes groups larger and not the queue longer.
 */
export class LaneWriter {
  readonly #options: LaneWriterOptions
  readonly #closing = new AbortController()
  /** Appends of this process take turns before they ask for the lock. */
  readonly #turns = new Serial()
  #waiting: Waiting[] = []
  #working: Promise<void> | undefined
  #open: { readonly handle: LogFile; readonly newest: NewestSegment } | undefined
  /** Up to here the newest segment is known to be on the disk. */
  #synced_bytes = 0
  /** Oldest offset that retention has left in the write under way. */
  #retainedFrom: bigint | undefined
  /** The end mark on its way to the disk. */
  #markSync: Promise<void> | undefined

  constructor(options: LaneWriterOptions) {
    this.#options = options
  }

  /** Appends batches, which are durable when the promise resolves. */
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
    this.#closing.abort()
    await this.#working
    await this.#markSync
    await this.#closeHandle()
    await this.#options.lock.close()
  }

  /** Makes the end mark of a lane that has none, as one of an earlier version, of what is whole. */
  async keepMark(): Promise<void> {
    await this.#hold(async () => {
      const view = await this.#options.tail.view()
      if (view.found.kind === 'missing' && !view.lost) await this.#options.mark.make(markOf(view))
    })
  }

  /**
   * The operator's word that acknowledged records below `to` are lost: whoever produces goes on behind them, in a
   * segment of its own. Damaged files stay as they are. Without effect where nothing is lost, or more than was said.
   */
  async goPast(to: Position): Promise<void> {
    const { tail, mark, files, folder } = this.#options
    await this.#hold(async () => {
      const view = await tail.view()
      const { lost, segments } = view
      const first = segments[0]?.base ?? view.end
      const start = first > view.start && to >= first ? first : view.start
      if (lost && to >= lost.to) {
        const file = await createSegment(files, folder, view.end)
        await mark.write({ segment: file.base, byte: 0, next: view.end, start })
      } else if (!lost && start !== view.start) await mark.write({ ...markOf(view), start })
      else return
      await mark.sync()
    })
  }

  #hold<T>(step: () => Promise<T>): Promise<T> {
    return this.#turns.run(() => this.#options.lock.hold(step))
  }

  async #work(): Promise<void> {
    while (this.#waiting.length > 0) {
      let group: Waiting[] = []
      try {
        const from = await this.#hold(() => {
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
    const { lane, tail, mark, seal } = this.#options
    const view = await tail.view()
    this.#retainedFrom = undefined
    if (view.lost) {
      const { from, to, path, byte } = view.lost
      throw damagedEnd({ lane, from: position(from), to: position(to), path, byte })
    }
    // The mark is made before anything is written that it has to tell of.
    if (view.found.kind === 'missing') await mark.make(markOf(view))
    const { handle, newest } = await this.#openEnd(view, encodedBytes(batches))
    if (newest.tail !== 'nothing') await this.#cutTornTail(handle, newest)
    // What a process that died has left must not be less durable than what is written behind it.
    if (newest.byte !== this.#synced_bytes) await handle.sync()
    const group = encodeGroup(batches, newest.next, newest.byte, seal)
    this.#synced_bytes = -1
    await writeBytes(handle, newest.byte, group)
    await handle.sync()
    const end = newest.byte + group.length
    this.#synced_bytes = end
    const count = batches.reduce((sum, { rows }) => sum + rows.length, 0)
    const start = this.#retainedFrom ?? view.start
    await this.#acknowledge({ segment: newest.file.base, byte: end, next: newest.next + BigInt(count), start })
    return newest.next
  }

  /** Notes what the callers are about to be told. */
  async #acknowledge(mark: EndMark): Promise<void> {
    const { mark: file, mark_sync_ms_max } = this.#options
    await file.write(mark)
    if (mark_sync_ms_max === 0) await file.sync()
    else this.#markSync ??= this.#syncMarkSoon()
  }

  /**
   * The mark outlives this process as soon as it is written; for a loss of power it is forced out a little later, so
   * that no caller waits for a second visit to the disk.
   */
  async #syncMarkSoon(): Promise<void> {
    const { clock, mark, mark_sync_ms_max } = this.#options
    await clock.sleep(mark_sync_ms_max, this.#closing.signal)
    this.#markSync = undefined
    // One that can't be forced out is written anew with the next group.
    await mark.sync().catch(() => undefined)
  }

  /** The segment to write to, a new one when the newest is full. */
  async #openEnd(view: LaneView, bytes: number): Promise<{ handle: LogFile; newest: NewestSegment }> {
    const { files, folder, segment_bytes } = this.#options
    const { newest } = view
    if (!newest) return this.#openSegment(await createSegment(files, folder, view.end))
    const { handle } = await this.#openNewest(newest)
    if (newest.byte === 0 || newest.byte + bytes <= segment_bytes) return { handle, newest }
    if (newest.tail !== 'nothing') await this.#cutTornTail(handle, newest)
    // Readers take for granted that all but the newest segment are on the disk.
    await handle.sync()
    const file = await createSegment(files, folder, newest.next)
    await this.#deleteOldest(view, [...view.segments, file])
    return this.#openSegment(file)
  }

  async #openNewest(newest: NewestSegment): Promise<{ handle: LogFile }> {
    if (this.#open?.newest.inode === newest.inode) return this.#open
    await this.#closeHandle()
    const handle = await this.#options.files.open(newest.file.path, 'write')
    if (!handle) throw vanished(newest.file.path, 'opened')
    this.#open = { handle, newest }
    return this.#open
  }

  async #openSegment(file: SegmentFile): Promise<{ handle: LogFile; newest: NewestSegment }> {
    const stats = await this.#options.files.stat(file.path)
    if (!stats) throw vanished(file.path, 'made')
    const address = { byte: 0, next: file.base, tail: 'nothing' as const, isBound: false }
    const newest: NewestSegment = { file, inode: stats.inode, ...address }
    const { handle } = await this.#openNewest(newest)
    return { handle, newest }
  }

  /** Takes away bytes that nobody was told were written, and keeps them beside the segment. */
  async #cutTornTail(handle: LogFile, { file, byte }: NewestSegment): Promise<void> {
    const { files, lane, onEvent } = this.#options
    const { size_bytes } = await handle.stat()
    const bytes = await readBytes(handle, byte, size_bytes - byte)
    let kept = `${file.path}.${byte}.torn`
    for (let n = 2; await files.stat(kept); n += 1) kept = `${file.path}.${byte}.${n}.torn`
    await createWith(files, kept, bytes)
    await handle.truncate(byte)
    onEvent(tailCut(lane, { path: file.path, byte, bytes: bytes.length, kept }))
  }

  /** Retention: whole segments, oldest first, never the newest. */
  async #deleteOldest(view: LaneView, segments: readonly SegmentFile[]): Promise<void> {
    const { files, mark, retention_bytes } = this.#options
    if (retention_bytes === Number.POSITIVE_INFINITY) return
    const sizes = await Promise.all(segments.map(async ({ path }) => (await files.stat(path))?.size_bytes ?? 0))
    let total = sizes.reduce((sum, size) => sum + size, 0)
    let kept = 0
    while (kept < segments.length - 1 && total - (sizes[kept] ?? 0) >= retention_bytes) {
      total -= sizes[kept] ?? 0
      kept += 1
    }
    const first = segments[kept]
    if (kept === 0 || !first) return
    // On the disk before they go: segments that are missing without its word were not taken by retention.
    await mark.write({ ...markOf(view), start: first.base })
    await mark.sync()
    this.#retainedFrom = first.base
    for (const { path } of segments.slice(0, kept)) await files.remove(path)
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

/** The mark of a lane of which all is whole, as far as can be seen. */
function markOf({ newest, start, end, found }: LaneView): EndMark {
  if (found.kind === 'known') return found.mark
  return newest
    ? { segment: newest.file.base, byte: newest.byte, next: newest.next, start }
    : { segment: end, byte: 0, next: end, start }
}
