/** Buffers are made in powers of two, so that one fits the next page of about that size. */
const SIZE_MIN = 16 * 1024
/** A page of 1 MiB and the room for its levels need as much; larger ones are rare, and are not kept. */
const SIZE_MAX = 2 ** 21
/** As much as all writers of a process leave behind for the next ones. */
const KEPT_BYTES_MAX = 16 * 2 ** 20

/** Those that are in use: what the runtime or a compressor made may belong to others, too. */
const taken = new WeakSet<ArrayBufferLike>()
const kept = new Map<number, ArrayBuffer[]>()
let kept_bytes = 0

/**
 * A buffer of at least so many bytes, holding anything: fresh ones cost more than what is written into them, since the
 * system clears each of their pages.
 */
export function takeBuffer(size: number): ArrayBuffer {
  const rounded = Math.max(SIZE_MIN, 2 ** Math.ceil(Math.log2(size)))
  const found = kept.get(rounded)?.pop()
  const buffer = found ?? new ArrayBuffer(rounded)
  if (found) kept_bytes -= rounded
  taken.add(buffer)
  return buffer
}

/** Gives back a buffer that nobody looks at any more. What was not taken here is left alone. */
export function giveBuffer(buffer: ArrayBufferLike): void {
  if (!taken.delete(buffer)) return
  const size = buffer.byteLength
  if (size > SIZE_MAX || kept_bytes + size > KEPT_BYTES_MAX) return
  const same = kept.get(size)
  if (same) same.push(buffer as ArrayBuffer)
  else kept.set(size, [buffer as ArrayBuffer])
  kept_bytes += size
}
