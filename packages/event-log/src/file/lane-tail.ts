import { statSync } from 'node:fs'
import { type FileHandle, open, stat } from 'node:fs/promises'
import { unlessMissing } from '../log-errors.js'
import { listSegments, type SegmentFile } from './segment-files.js'
import { findEnd, type SegmentEnd } from './segment-scan.js'
import { Serial } from './serial.js'

/** A lane as it was at one moment. */
export interface LaneView {
  readonly segments: readonly SegmentFile[]
  readonly start: bigint
  readonly end: bigint
  /** Where the newest segment ends; undefined when the lane has never been written to. */
  readonly newest: NewestSegment | undefined
}

export interface NewestSegment extends SegmentEnd {
  readonly file: SegmentFile
  /** Tells apart files that had the same name one after the other. */
  readonly inode: bigint
}

interface Followed {
  readonly handle: FileHandle
  newest: NewestSegment
}

/** Knows where a lane ends, by following the batches that are added to its newest segment. */
export class LaneTail {
  readonly #folder: string
  readonly #serial = new Serial()
  #followed: Followed | undefined
  /** As of the last look. */
  #seen = ''
  #end = 0n

  constructor(folder: string) {
    this.#folder = folder
  }

  /** Looks again. Every batch below `end` was intact when it was looked at, but for damage in the midst of the lane. */
  view(): Promise<LaneView> {
    return this.#serial.run(() => this.#look())
  }

  /**
   * False when the lane surely has no record at or after `offset`: costs a few microseconds, and may be false for a
   * moment too long when a segment was added.
   */
  mayHold(offset: bigint): boolean {
    return offset < this.#end || this.#fingerprint() !== this.#seen
  }

  close(): Promise<void> {
    return this.#serial.run(() => this.#forget())
  }

  async #look(): Promise<LaneView> {
    for (;;) {
      this.#seen = this.#fingerprint()
      const segments = await listSegments(this.#folder)
      const [first] = segments
      const last = segments.at(-1)
      if (!first || !last) {
        await this.#forget()
        this.#end = 0n
        return { segments, start: 0n, end: 0n, newest: undefined }
      }
      const newest = await this.#follow(last)
      if (!newest) continue
      this.#end = newest.next
      return { segments, start: first.base, end: newest.next, newest }
    }
  }

  /** Undefined when the file is gone. */
  async #follow(file: SegmentFile): Promise<NewestSegment | undefined> {
    const stats = await unlessMissing(stat(file.path, { bigint: true }))
    if (!stats) return undefined
    const size_bytes = Number(stats.size)
    const known = this.#followed?.newest
    if (known?.file.path !== file.path || known.inode !== stats.ino || known.byte > size_bytes) {
      await this.#forget()
      const handle = await unlessMissing(open(file.path, 'r'))
      if (!handle) return undefined
      const { ino } = await handle.stat({ bigint: true })
      this.#followed = { handle, newest: { file, inode: ino, byte: 0, next: file.base, tail: 'nothing' } }
      if (ino !== stats.ino) return undefined
    }
    const followed = this.#followed
    if (!followed) return undefined
    const { newest, handle } = followed
    if (size_bytes === newest.byte) followed.newest = { ...newest, tail: 'nothing' }
    else followed.newest = { ...newest, ...(await findEnd(handle, newest, size_bytes)) }
    return followed.newest
  }

  async #forget(): Promise<void> {
    const followed = this.#followed
    this.#followed = undefined
    await followed?.handle.close()
  }

  #fingerprint(): string {
    const folder = statSync(this.#folder, { bigint: true, throwIfNoEntry: false })
    const newest = this.#followed?.newest.file.path
    const file = newest ? statSync(newest, { bigint: true, throwIfNoEntry: false }) : undefined
    return `${folder?.ino} ${folder?.mtimeNs} ${file?.ino} ${file?.size}`
  }
}
