import path from 'node:path'
import { crc32 } from 'node:zlib'
import { vanished } from '../log-errors.js'
import { createWith, type LogFile, type LogFiles, writeBytes } from './files/log-files.js'

/*
 * The end mark of a lane: what was acknowledged, beside the lane's folder and not in it, so that it outlives the loss
 * of any segment. A file of two slots, 4096 bytes apart, which are overwritten by turns, so that a slot that is torn
 * or damaged leaves the other one. A slot, little-endian:
 *
 *    0  u32  magic "ASYE"        4  u32  CRC-32 of the slot's bytes 8 to 96
 *    8  u64  number of the write; the greater one counts
 *   16  i64  segment             24  u64  byte of it at which what was acknowledged ends
 *   32  i64  offset of the record that comes next there
 *   40  i64  offset of the oldest record that retention has left
 *   48  u32  partition           52  u32  partitions of the topic
 *   56  the topic's id, zeros up to byte 96
 */
const MAGIC = 0x45595341
const SLOT_BYTES = 96
const ID_BYTES_MAX = 40
const SECOND_SLOT_BYTE = 4096
const FILE_BYTES = 8192

/** What was acknowledged of a lane. */
export interface EndMark {
  /** First offset of the segment in which it ends, and the byte there. */
  readonly segment: bigint
  readonly byte: number
  /** Offset of the record that comes next. */
  readonly next: bigint
  /** Offset of the oldest record that retention has left. */
  readonly start: bigint
}

/** Whose mark it is. What a topic's marks say of it outlives its own description. */
interface MarkedLane {
  readonly topicId: string
  readonly partitions: number
  readonly partition: number
}

/** `damaged`: there is a file, and neither slot is one of this lane. */
export type FoundMark = { readonly kind: 'known'; readonly mark: EndMark } | { readonly kind: 'missing' | 'damaged' }

interface Slot {
  readonly sequence: bigint
  readonly lane: MarkedLane
  readonly mark: EndMark
}

/** Folder of the marks of a topic's lanes. */
function marksFolder(topicFolder: string): string {
  return path.join(topicFolder, 'ends')
}

/** The mark of one lane. Written only by who holds the lane's lock. */
export class EndMarkFile {
  readonly #files: LogFiles
  readonly #path: string
  readonly #lane: MarkedLane
  #handle: LogFile | undefined
  #isReadOnly = false
  /** Number of the last write, as far as this object has seen. */
  #sequence = 0n

  constructor(files: LogFiles, topicFolder: string, lane: MarkedLane) {
    this.#files = files
    this.#path = path.join(marksFolder(topicFolder), `${lane.partition}.end`)
    this.#lane = lane
  }

  async read(): Promise<FoundMark> {
    const handle = await this.#open()
    if (!handle) return { kind: 'missing' }
    const bytes = new Uint8Array(FILE_BYTES)
    const read_bytes = handle.readNow(bytes, 0)
    const slot = newestSlot(bytes.subarray(0, read_bytes), (lane) => isSame(lane, this.#lane))
    if (!slot) return { kind: 'damaged' }
    this.#sequence = slot.sequence
    return { kind: 'known', mark: slot.mark }
  }

  /** To be called after `read`. In the hands of the operating system when it resolves, on the disk after `sync`. */
  async write(mark: EndMark): Promise<void> {
    // What could only be read may be written by now: the rights were given back.
    if (this.#isReadOnly) await this.close()
    let handle = await this.#open()
    if (!handle) {
      if (await this.make(mark)) return
      // Who opened the log first made it a moment ago.
      await this.read()
      handle = await this.#open()
    }
    if (!handle) throw vanished(this.#path, 'made')
    this.#sequence += 1n
    await writeBytes(handle, slotByte(this.#sequence), encodeSlot(this.#sequence, this.#lane, mark))
  }

  /** Makes the file, durably, unless there is one; says whether it did. */
  async make(mark: EndMark): Promise<boolean> {
    const folder = path.dirname(this.#path)
    if (await this.#files.makeFolder(folder)) await this.#files.syncFolder(path.dirname(folder))
    const bytes = new Uint8Array(FILE_BYTES)
    for (const sequence of [0n, 1n]) bytes.set(encodeSlot(sequence, this.#lane, mark), slotByte(sequence))
    made += 1
    const temporary = `${this.#path}.${process.pid}.${made}.new`
    await this.#files.remove(temporary)
    await createWith(this.#files, temporary, bytes)
    const outcome = await this.#files.link(temporary, this.#path)
    await this.#files.remove(temporary)
    await this.#files.syncFolder(folder)
    return outcome === 'linked'
  }

  async sync(): Promise<void> {
    await this.#handle?.sync()
  }

  async close(): Promise<void> {
    const handle = this.#handle
    this.#handle = undefined
    this.#isReadOnly = false
    await handle?.close()
  }

  async #open(): Promise<LogFile | undefined> {
    if (this.#handle) return this.#handle
    let isReadOnly = false
    const opened = await this.#files.open(this.#path, 'write').catch((error: NodeJS.ErrnoException) => {
      if (!DENIED.has(error.code)) throw error
      // Who may only read the log reads its marks, too.
      isReadOnly = true
      return this.#files.open(this.#path, 'read')
    })
    if (this.#handle) await opened?.close()
    else {
      this.#handle = opened
      this.#isReadOnly = isReadOnly
    }
    return this.#handle
  }
}

let made = 0

const DENIED: ReadonlySet<string | undefined> = new Set(['EACCES', 'EPERM', 'EROFS'])

/** What the marks of a topic's lanes say that the topic is; undefined when there are none, or they disagree. */
export async function markedTopic(
  files: LogFiles,
  topicFolder: string,
): Promise<Omit<MarkedLane, 'partition'> | undefined> {
  const folder = marksFolder(topicFolder)
  let found: MarkedLane | undefined
  for (const name of await files.names(folder)) {
    if (!/^\d+\.end$/.test(name)) continue
    const bytes = (await files.readAll(path.join(folder, name))) ?? new Uint8Array()
    const slot = newestSlot(bytes, ({ partition }) => `${partition}.end` === name)
    if (!slot) continue
    if (found && (found.topicId !== slot.lane.topicId || found.partitions !== slot.lane.partitions)) return undefined
    found = slot.lane
  }
  return found && { topicId: found.topicId, partitions: found.partitions }
}

function isSame(a: MarkedLane, b: MarkedLane): boolean {
  return a.topicId === b.topicId && a.partition === b.partition
}

function slotByte(sequence: bigint): number {
  return sequence % 2n === 0n ? 0 : SECOND_SLOT_BYTE
}

function newestSlot(bytes: Uint8Array, wants: (lane: MarkedLane) => boolean): Slot | undefined {
  const slots = [0, SECOND_SLOT_BYTE].flatMap((at) => decodeSlot(bytes, at) ?? []).filter(({ lane }) => wants(lane))
  const [first, second] = slots
  if (!first || !second) return first
  return first.sequence > second.sequence ? first : second
}

function encodeSlot(sequence: bigint, lane: MarkedLane, mark: EndMark): Uint8Array {
  const bytes = new Uint8Array(SLOT_BYTES)
  const view = new DataView(bytes.buffer)
  view.setUint32(0, MAGIC, true)
  view.setBigUint64(8, sequence, true)
  view.setBigInt64(16, mark.segment, true)
  view.setBigUint64(24, BigInt(mark.byte), true)
  view.setBigInt64(32, mark.next, true)
  view.setBigInt64(40, mark.start, true)
  view.setUint32(48, lane.partition, true)
  view.setUint32(52, lane.partitions, true)
  bytes.set(new TextEncoder().encode(lane.topicId).subarray(0, ID_BYTES_MAX), 56)
  view.setUint32(4, crc32(bytes.subarray(8)), true)
  return bytes
}

function decodeSlot(bytes: Uint8Array, at: number): Slot | undefined {
  if (bytes.length < at + SLOT_BYTES) return undefined
  const view = new DataView(bytes.buffer, bytes.byteOffset + at, SLOT_BYTES)
  if (view.getUint32(0, true) !== MAGIC) return undefined
  if (view.getUint32(4, true) !== crc32(bytes.subarray(at + 8, at + SLOT_BYTES))) return undefined
  const id = bytes.subarray(at + 56, at + SLOT_BYTES)
  const end = id.indexOf(0)
  return {
    sequence: view.getBigUint64(8, true),
    lane: {
      topicId: new TextDecoder().decode(end < 0 ? id : id.subarray(0, end)),
      partition: view.getUint32(48, true),
      partitions: view.getUint32(52, true),
    },
    mark: {
      segment: view.getBigInt64(16, true),
      byte: Number(view.getBigUint64(24, true)),
      next: view.getBigInt64(32, true),
      start: view.getBigInt64(40, true),
    },
  }
}
