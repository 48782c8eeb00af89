import { giveBuffer, takeBuffer } from './buffers.js'

/** Room before a page's values for the levels, which are known only when the page ends. */
const LEVELS_ROOM = 4096
const FIRST_BYTES = 16 * 1024
const NO_BYTES = new ArrayBuffer(0)

/** Values of a page while it grows. Fixed-width values begin at a multiple of four. */
export class PageBytes {
  bytes = new Uint8Array(NO_BYTES)
  words = new Int32Array(NO_BYTES)
  view = new DataView(NO_BYTES)
  /** Where the next value goes. */
  at = LEVELS_ROOM
  /** What the last page needed: the next one will, too. */
  #usual_bytes = FIRST_BYTES

  get size(): number {
    return this.at - LEVELS_ROOM
  }

  reserve(count: number): void {
    const wanted = this.at + count
    if (wanted <= this.bytes.length) return
    const before = this.bytes
    const isFirst = before.length === 0
    this.#use(takeBuffer(Math.max(wanted, isFirst ? this.#usual_bytes : before.length * 2)))
    if (isFirst) return
    this.bytes.set(before.subarray(0, this.at))
    giveBuffer(before.buffer)
  }

  /** The levels and then the values, in a buffer that is the caller's alone; the page is empty again. */
  take(levels: Uint8Array): Uint8Array {
    this.reserve(0)
    const values = this.bytes.subarray(LEVELS_ROOM, this.at)
    let taken: Uint8Array
    if (levels.length <= LEVELS_ROOM) {
      taken = this.bytes.subarray(LEVELS_ROOM - levels.length, this.at)
      taken.set(levels)
    } else {
      taken = new Uint8Array(levels.length + values.length)
      taken.set(levels)
      taken.set(values, levels.length)
    }
    this.#usual_bytes = Math.max(FIRST_BYTES, this.at)
    this.#use(NO_BYTES)
    this.at = LEVELS_ROOM
    return taken
  }

  #use(buffer: ArrayBuffer): void {
    this.bytes = new Uint8Array(buffer)
    this.words = new Int32Array(buffer)
    this.view = new DataView(buffer)
  }
}
