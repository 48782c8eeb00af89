import path from 'node:path'
import { type LogFile, type LogFiles, readBytes } from './files/log-files.js'
import type { SegmentFile } from './segment-files.js'
import { CHUNK_BYTES, findLater, type SegmentAddress, type Step, stepAt } from './segment-scan.js'

const INDEX_STEP_BYTES = 256 * 1024
const CURSORS_MAX = 64

/** Where the batch is that holds an offset; or that the bytes which should hold it are not what was written. */
type Located = { readonly kind: 'found'; readonly byte: number } | { readonly kind: 'damaged'; readonly byte: number }

/** How far a segment may be read. */
export interface SegmentExtent {
  /** Byte at which the readable part ends. */
  readonly end: number
  /** Bytes that were written whole, damaged or not; all of them in a segment that has a successor. */
  readonly whole_bytes: number
  /** Where reading can be taken up behind damage of what was acknowledged last. */
  readonly acknowledged: SegmentAddress | undefined
}

/** A segment that is being read, with what is known of the addresses of its batches. */
export class OpenSegment {
  readonly file: SegmentFile
  readonly #files: LogFiles
  readonly #handle: LogFile
  readonly #seal: number
  /** An address every so many bytes, in order. */
  readonly #index: SegmentAddress[]
  /** Where readers left off: the byte of the batch that holds an offset. */
  readonly #cursors = new Map<bigint, number>()
  #durable_bytes = 0

  private constructor(files: LogFiles, file: SegmentFile, handle: LogFile, seal: number) {
    this.#files = files
    this.file = file
    this.#handle = handle
    this.#seal = seal
    this.#index = [{ byte: 0, next: file.base }]
  }

  /** Undefined when retention has deleted it. */
  static async open(files: LogFiles, file: SegmentFile, seal: number): Promise<OpenSegment | undefined> {
    const handle = await files.open(file.path, 'read')
    return handle && new OpenSegment(files, file, handle, seal)
  }

  async size_bytes(): Promise<number> {
    return (await this.#handle.stat()).size_bytes
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
    await this.#handle.sync()
    if (this.#durable_bytes === 0) await this.#files.syncFolder(path.dirname(this.file.path))
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
  addToIndex(address: SegmentAddress): void {
    const last = this.#index.at(-1)
    if (!last || address.byte >= last.byte + INDEX_STEP_BYTES) this.#index.push(address)
  }

  /** What there is at a byte of a chunk that was read from `chunkByte` on. */
  step(chunk: Uint8Array, at: number, chunkByte: number, end: number): Step {
    return stepAt(chunk, at, end - chunkByte - at, { seal: this.#seal, byte: chunkByte + at })
  }

  /** Finds the batch that holds `offset`. */
  async locate(offset: bigint, extent: SegmentExtent): Promise<Located> {
    const known = this.#cursors.get(offset)
    if (known !== undefined) return { kind: 'found', byte: known }
    const { end } = extent
    let { byte, next } = this.#addressBefore(offset)
    let wanted_bytes = CHUNK_BYTES
    for (;;) {
      const want_bytes = Math.min(wanted_bytes, end - byte)
      const chunk = await this.read(byte, want_bytes)
      wanted_bytes = CHUNK_BYTES
      let at = 0
      let step = this.step(chunk, at, byte, end)
      while (step.kind === 'batch' && step.header.base === next) {
        const { base, count, total_bytes } = step.header
        this.addToIndex({ byte: byte + at, next: base })
        if (offset < base + BigInt(count)) return { kind: 'found', byte: byte + at }
        at += total_bytes
        next += BigInt(count)
        step = this.step(chunk, at, byte, end)
      }
      byte += at
      if (step.kind === 'more' && chunk.length === want_bytes) {
        wanted_bytes = step.bytes
        continue
      }
      // Damage before the offset is no reason not to read behind it.
      const later = await this.behind({ byte, next }, extent)
      if (!later || later.next > offset) return { kind: 'damaged', byte }
      byte = later.byte
      next = later.next
    }
  }

  /** Where reading can be taken up behind an address at which it can't go on. */
  async behind(
    damaged: SegmentAddress,
    { end, whole_bytes, acknowledged }: SegmentExtent,
  ): Promise<SegmentAddress | undefined> {
    const { byte, next } = damaged
    const later = await findLater(this.#handle, byte, end, { seal: this.#seal, next, whole_bytes })
    if (later) return later
    return acknowledged && acknowledged.byte > byte ? acknowledged : undefined
  }

  close(): Promise<void> {
    return this.#handle.close()
  }

  #addressBefore(offset: bigint): SegmentAddress {
    let low = 0
    let high = this.#index.length - 1
    while (low < high) {
      const middle = (low + high + 1) >>> 1
      if ((this.#index[middle] as SegmentAddress).next <= offset) low = middle
      else high = middle - 1
    }
    return this.#index[low] as SegmentAddress
  }
}
