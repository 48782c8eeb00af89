import type { Clock } from '@assay/core'
import type { EndMark, EndMarkFile, FoundMark } from './end-mark.js'
import { type LogFile, type LogFiles, readBytes } from './files/log-files.js'
import { listSegments, type SegmentFile } from './segment-files.js'
import { findEnd, type SegmentAddress, type SegmentEnd } from './segment-scan.js'
import { Serial } from './serial.js'

/** Acknowledged records at the end of a lane that are not there as they were written. */
interface LostEnd {
  readonly from: bigint
  /** Offset of the next record that was not acknowledged, or one that surely is not below it. */
  readonly to: bigint
  /** File and byte at which the lost records were. */
  readonly path: string
  readonly byte: number
}

/** A lane as it was at one moment. */
export interface LaneView {
  readonly segments: readonly SegmentFile[]
  readonly start: bigint
  readonly end: bigint
  /** Where the newest segment ends; undefined when the lane has never been written to. */
  readonly newest: NewestSegment | undefined
  readonly found: FoundMark
  /** Set when nobody may append before an operator has spoken. */
  readonly lost: LostEnd | undefined
}

export interface NewestSegment extends SegmentEnd {
  readonly file: SegmentFile
  /** Tells apart files that had the same name one after the other. */
  readonly inode: bigint
}

interface Followed {
  readonly file: LogFile
  /** Address from which the segment is looked at again. */
  from: SegmentAddress
  isBound: boolean
  newest: NewestSegment
}

const SECOND_LOOK_AFTER_MS = 10
/** Records at most in so many bytes of a segment: each has a timestamp. */
const RECORD_BYTES_MIN = 8
/** Without a mark nobody knows how much was cut off a segment: not more than a segment can hold. */
const SEGMENT_RECORDS_MAX = 2n ** 27n

interface LaneTailOptions {
  readonly files: LogFiles
  readonly folder: string
  readonly seal: number
  readonly mark: EndMarkFile
  readonly clock: Clock
}

/** Knows where a lane ends, by its end mark and by following the batches that are added to its newest segment. */
export class LaneTail {
  readonly #options: LaneTailOptions
  readonly #serial = new Serial()
  #followed: Followed | undefined
  /** State of the lane's files as of the last look. */
  #seen = ''
  #end = 0n

  constructor(options: LaneTailOptions) {
    this.#options = options
  }

  /**
   * Looks again. Every batch below `end` was intact when it was looked at, but for damage, which reads come upon;
   * acknowledged records never are at or behind `end`.
   */
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
    return this.#serial.run(async () => {
      await this.#forget()
      await this.#options.mark.close()
    })
  }

  async #look(): Promise<LaneView> {
    for (let looks = 1; ; looks += 1) {
      this.#seen = this.#fingerprint()
      // Before the segments: whatever it says was acknowledged must be found in them.
      const found = await this.#options.mark.read()
      const mark = found.kind === 'known' ? found.mark : undefined
      const segments = await listSegments(this.#options.files, this.#options.folder)
      const last = segments.at(-1)
      const newest = last && (await this.#follow(last, mark))
      if (last && !newest) continue
      if (!newest) await this.#forget()
      const lost = mark ? lostBelow(mark, newest, this.#options.folder) : await this.#lostWithoutMark(found, newest)
      if (lost && !mark && looks === 1) {
        // What looks damaged may be a batch that is being written.
        await this.#options.clock.sleep(SECOND_LOOK_AFTER_MS)
        continue
      }
      const ends = [newest?.next ?? 0n, mark?.next ?? 0n, lost?.to ?? 0n]
      this.#end = ends.reduce((a, b) => (a > b ? a : b))
      const start = mark?.start ?? segments[0]?.base ?? 0n
      return { segments, start, end: this.#end, newest, found, lost }
    }
  }

  /** Undefined when the file is gone. */
  async #follow(file: SegmentFile, mark: EndMark | undefined): Promise<NewestSegment | undefined> {
    const stats = await this.#options.files.stat(file.path)
    if (!stats) return undefined
    const { size_bytes } = stats
    const known = this.#followed
    if (known?.newest.file.path !== file.path || known.newest.inode !== stats.inode || known.from.byte > size_bytes) {
      await this.#forget()
      const opened = await this.#options.files.open(file.path, 'read')
      if (!opened) return undefined
      const { inode } = await opened.stat()
      const from = { byte: 0, next: file.base }
      const newest: NewestSegment = { file, inode, ...from, tail: 'nothing', isBound: false }
      this.#followed = { file: opened, from, isBound: false, newest }
      if (inode !== stats.inode) return undefined
    }
    const followed = this.#followed
    if (!followed) return undefined
    const acknowledged = mark?.segment === file.base ? mark : undefined
    const { inode } = followed.newest
    const end = await findEnd(followed.file, followed.from, size_bytes, { seal: this.#options.seal, acknowledged })
    followed.isBound ||= end.isBound
    // What is lost may be restored, so it is looked at again.
    followed.from = end.lost ?? { byte: end.byte, next: end.next }
    followed.newest = { file, inode, ...end, isBound: followed.isBound }
    return followed.newest
  }

  /**
   * What follows the last intact batch of a lane that has no mark. One written by an earlier version never had it: what
   * is cut short, or all zeros, is taken for a write that was never done; bytes that are not what was written are not.
   * One that had a mark and lost it can't tell either.
   */
  async #lostWithoutMark(found: FoundMark, newest: NewestSegment | undefined): Promise<LostEnd | undefined> {
    if (!newest || newest.tail === 'nothing' || !this.#followed) return undefined
    const hadMark = found.kind === 'damaged' || newest.isBound
    const { byte, next, file } = newest
    const size_bytes = (await this.#followed.file.stat()).size_bytes
    if (!hadMark) {
      if (newest.tail === 'short') return undefined
      const rest = await readBytes(this.#followed.file, byte, size_bytes - byte)
      if (rest.every((value) => value === 0)) return undefined
    }
    const records =
      newest.tail === 'short' ? SEGMENT_RECORDS_MAX : BigInt(Math.ceil((size_bytes - byte) / RECORD_BYTES_MIN))
    return { from: next, to: next + records, path: file.path, byte }
  }

  async #forget(): Promise<void> {
    const followed = this.#followed
    this.#followed = undefined
    await followed?.file.close()
  }

  #fingerprint(): string {
    const { files, folder } = this.#options
    const lane = files.statNow(folder)
    const newest = this.#followed?.newest.file.path
    const file = newest ? files.statNow(newest) : undefined
    return `${lane?.inode} ${lane?.modified_ns} ${file?.inode} ${file?.size_bytes}`
  }
}

function lostBelow(mark: EndMark, newest: NewestSegment | undefined, folder: string): LostEnd | undefined {
  if (newest?.lost) {
    const { lost, file } = newest
    return { from: lost.next, to: mark.next, path: file.path, byte: lost.byte }
  }
  const end = newest?.next ?? mark.start
  if (end >= mark.next) return undefined
  return { from: end, to: mark.next, path: newest?.file.path ?? folder, byte: newest?.byte ?? 0 }
}
