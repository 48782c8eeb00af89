import { type FileHandle, open } from 'node:fs/promises'
import path from 'node:path'
import { unlessMissing } from '../log-errors.js'
import { readBytes, type SegmentFile, syncFolder } from './segment-files.js'
import { CHUNK_BYTES, findLaterGroup, type SegmentPlace, stepAt } from './segment-scan.js'

const INDEX_STEP_BYTES = 256 * 1024
const CURSORS_MAX = 64

/** Where the batch is that holds an offset; or that the bytes which should hold it are not what was written. */
export type Located = { readonly kind: 'found'; readonly byte: number } | { readonly kind: 'damaged'; byte: number }

/** A segment that is being read, with what is known of the places of its batches. */
export class OpenSegment {
  readonly file: SegmentFile
  readonly #handle: FileHandle
  /** A place every so many bytes, in order. */
  readonly #index: SegmentPlace[]
  /** Where readers left off: the byte of the batch that holds an offset. */
  readonly #cursors = new Map<bigint, number>()
  #durable_bytes = 0

  private constructor(file: SegmentFile, handle: FileHandle) {
    this.file = file
    this.#handle = handle
    this.#index = [{ byte: 0, next: file.base }]
  }

  /** Undefined when retention has deleted it. */
  static async open(file: SegmentFile): Promise<OpenSegment | undefined> {
    const handle = await unlessMissing(open(file.path, 'r'))
    return handle && new OpenSegment(file, handle)
  }

  async size_bytes(): Promise<number> {
    return (await this.#handle.stat()).size
  }

  read(byte: number, length: number): Promise<Uint8Array> {
    return readBytes(this.#handle, byte, length)
  }

  /**
   * Forces the bytes below `byte` to the disk. A reader must not hand on what its writer has not forced out yet:
   * a loss of power could take it back, and other records would get the same offsets.
   */
  async makeDurable(byte: number): Promise<void> {
    if (byte <= this.#durable_bytes) return
    await this.#handle.datasync()
    if (this.#durable_bytes === 0) await syncFolder(path.dirname(this.file.path))
    this.#durable_bytes = byte
  }

  /** Notes that the batch at `byte` holds the offset `next`, or begins with it. */
  remember(next: bigint, byte: number): void {
    if (this.#cursors.size >= CURSORS_MAX) {
      for (const [oldest] of this.#cursors) {
        this.#cursors.delete(oldest)
        break
      }
    }
    this.#cursors.delete(next)
    this.#cursors.set(next, byte)
  }

  /** Notes that a batch begins at `byte` with the offset `next`. */
  addToIndex(place: SegmentPlace): void {
    const last = this.#index.at(-1)
    if (!last || place.byte >= last.byte + INDEX_STEP_BYTES) this.#index.push(place)
  }

  /** Finds the batch that holds `offset` below the byte `end`. */
  async locate(offset: bigint, end: number): Promise<Located> {
    const known = this.#cursors.get(offset)
    if (known !== undefined) return { kind: 'found', byte: known }
    let { byte } = this.#placeBefore(offset)
    let wanted_bytes = CHUNK_BYTES
    for (;;) {
      const chunk = await this.read(byte, Math.min(wanted_bytes, end - byte))
      wanted_bytes = CHUNK_BYTES
      let at = 0
      let step = stepAt(chunk, at, end - byte)
      while (step.kind === 'batch') {
        const { base, count, total_bytes } = step.header
        this.addToIndex({ byte: byte + at, next: base })
        if (offset < base) return { kind: 'damaged', byte: byte + at }
        if (offset < base + BigInt(count)) return { kind: 'found', byte: byte + at }
        at += total_bytes
        step = stepAt(chunk, at, end - byte - at)
      }
      byte += at
      if (step.kind === 'more') {
        wanted_bytes = step.bytes
        continue
      }
      // Damage before the offset is no reason not to read behind it.
      const later = step.kind === 'damaged' ? await findLaterGroup(this.#handle, byte, end) : undefined
      if (!later || later.next > offset) return { kind: 'damaged', byte }
      byte = later.byte
    }
  }

  close(): Promise<void> {
    return this.#handle.close()
  }

  #placeBefore(offset: bigint): SegmentPlace {
    let low = 0
    let high = this.#index.length - 1
    while (low < high) {
      const middle = (low + high + 1) >>> 1
      if ((this.#index[middle] as SegmentPlace).next <= offset) low = middle
      else high = middle - 1
    }
    return this.#index[low] as SegmentPlace
  }
}
