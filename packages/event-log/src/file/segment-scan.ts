import type { FileHandle } from 'node:fs/promises'
import { AssayError } from '@assay/core'
import { ALIGNMENT, type BatchHeader, HEADER_BYTES, isBodyIntact, readHeader } from './batch-format.js'
import { readBytes } from './segment-files.js'

export const CHUNK_BYTES = 1024 * 1024

/** What there is at a byte of a chunk of a segment. */
export type Step =
  | { readonly kind: 'batch'; readonly header: BatchHeader }
  /** The chunk is too short to tell: read again from here, this many bytes. */
  | { readonly kind: 'more'; readonly bytes: number }
  /** The segment ends here. */
  | { readonly kind: 'end' }
  /** The segment ends within a batch: somebody is writing it, or died doing so. */
  | { readonly kind: 'short' }
  /** Bytes that are no batch, or not the ones that were written. */
  | { readonly kind: 'damaged' }

/** `rest_bytes`: from `at` to the end of the segment, as far as is known. */
export function stepAt(chunk: Uint8Array, at: number, rest_bytes: number): Step {
  if (rest_bytes === 0) return { kind: 'end' }
  if (rest_bytes < HEADER_BYTES) return { kind: 'short' }
  const there_bytes = chunk.length - at
  if (there_bytes < HEADER_BYTES) return { kind: 'more', bytes: CHUNK_BYTES }
  const header = readHeader(chunk, at)
  if (!header) return { kind: 'damaged' }
  if (header.total_bytes > rest_bytes) return { kind: 'short' }
  if (header.total_bytes > there_bytes) return { kind: 'more', bytes: Math.max(CHUNK_BYTES, header.total_bytes) }
  return isBodyIntact(chunk, at, header) ? { kind: 'batch', header } : { kind: 'damaged' }
}

/** A place between two batches of a segment. */
export interface SegmentPlace {
  readonly byte: number
  /** Offset of the record that comes next there. */
  readonly next: bigint
}

export interface SegmentEnd extends SegmentPlace {
  /** What follows the last intact batch. */
  readonly tail: 'nothing' | 'short' | 'damaged'
}

/**
 * Follows the batches of the newest segment from a place to where they end. Damage with a later completed write
 * behind it is passed over: that is no torn tail, and whoever reads that part will find it.
 */
export async function findEnd(handle: FileHandle, from: SegmentPlace, size_bytes: number): Promise<SegmentEnd> {
  let { byte, next } = from
  let wanted_bytes = CHUNK_BYTES
  for (;;) {
    const chunk = await readBytes(handle, byte, Math.min(wanted_bytes, size_bytes - byte))
    let at = 0
    let step = stepAt(chunk, at, size_bytes - byte)
    while (step.kind === 'batch') {
      if (step.header.base !== next) throw notInOrder(step.header.base, next, byte + at)
      at += step.header.total_bytes
      next += BigInt(step.header.count)
      step = stepAt(chunk, at, size_bytes - byte - at)
    }
    byte += at
    if (step.kind === 'end') return { byte, next, tail: 'nothing' }
    if (step.kind === 'short') return { byte, next, tail: 'short' }
    wanted_bytes = CHUNK_BYTES
    if (step.kind === 'more') {
      wanted_bytes = step.bytes
      continue
    }
    const later = await findLaterGroup(handle, byte, size_bytes)
    if (!later) return { byte, next, tail: 'damaged' }
    if (later.next < next) throw notInOrder(later.next, next, later.byte)
    byte = later.byte
    next = later.next
  }
}

function notInOrder(base: bigint, expected: bigint, byte: number): AssayError {
  return new AssayError('log_corrupt', `offset ${base} at byte ${byte} of a segment, where ${expected} belongs`, {
    hint: 'two writers were in the lane at once: was a lock file removed by hand, or the folder synchronised?',
  })
}

/**
 * The first batch behind a damaged byte that was written after the damaged one was done. Batches of the same group
 * don't count: a group that a loss of power interrupted can have lost any of its pages.
 */
export async function findLaterGroup(
  handle: FileHandle,
  damaged_byte: number,
  size_bytes: number,
): Promise<SegmentPlace | undefined> {
  let byte = damaged_byte + ALIGNMENT
  while (size_bytes - byte >= HEADER_BYTES) {
    const chunk = await readBytes(handle, byte, Math.min(CHUNK_BYTES, size_bytes - byte))
    let at = 0
    for (; at + HEADER_BYTES <= chunk.length; at += ALIGNMENT) {
      const header = readHeader(chunk, at)
      if (header && header.groupStart > damaged_byte) return { byte: byte + at, next: header.base }
    }
    if (at === 0) return undefined
    byte += at
  }
  return undefined
}
