import {
  ALIGNMENT,
  type BatchAddress,
  type BatchHeader,
  HEADER_BYTES,
  isBodyIntact,
  readHeader,
} from '../batch-format.js'
import { type LogFile, readBytes } from './files/log-files.js'

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
  /** Bytes that are no batch, or not the ones that were written, or not written to be here. */
  | { readonly kind: 'damaged' }

/** `rest_bytes`: from `at` to the end of the segment, as far as is known. `address` is that of `at` in the segment. */
export function stepAt(chunk: Uint8Array, at: number, rest_bytes: number, address: BatchAddress): Step {
  if (rest_bytes <= 0) return { kind: 'end' }
  if (rest_bytes < HEADER_BYTES) return { kind: 'short' }
  const there_bytes = chunk.length - at
  if (there_bytes < HEADER_BYTES) return { kind: 'more', bytes: CHUNK_BYTES }
  const header = readHeader(chunk, at, address)
  if (!header) return { kind: 'damaged' }
  if (header.total_bytes > rest_bytes) return { kind: 'short' }
  if (header.total_bytes > there_bytes) return { kind: 'more', bytes: Math.max(CHUNK_BYTES, header.total_bytes) }
  return isBodyIntact(chunk, at, header) ? { kind: 'batch', header } : { kind: 'damaged' }
}

/** An address between two batches of a segment. */
export interface SegmentAddress {
  readonly byte: number
  /** Offset of the record that comes next there. */
  readonly next: bigint
}

export interface SegmentEnd extends SegmentAddress {
  /** What follows the last intact batch. */
  readonly tail: 'nothing' | 'short' | 'damaged'
  /**
   * Where bytes begin that were acknowledged, behind which nothing was written later, and that are not there as
   * written.
   */
  readonly lost?: SegmentAddress
  /** True when a batch was met that is bound to its address: whoever wrote it kept an end mark. */
  readonly isBound: boolean
}

interface ScanOptions {
  readonly seal: number
  /** Where what was acknowledged ends, if that is in this segment. */
  readonly acknowledged: SegmentAddress | undefined
}

/**
 * Follows the batches of the newest segment from an address to where they end. Damage with a later completed write
 * behind it is passed over: that is no torn tail, and whoever reads that part will find it. So is damage of what was
 * acknowledged last, since the mark tells what comes behind it; but that is told (`lost`).
 */
export async function findEnd(
  file: LogFile,
  from: SegmentAddress,
  size_bytes: number,
  { seal, acknowledged }: ScanOptions,
): Promise<SegmentEnd> {
  let { byte, next } = from
  let wanted_bytes = CHUNK_BYTES
  let isBound = false
  let lost: SegmentAddress | undefined
  for (;;) {
    const want_bytes = Math.min(wanted_bytes, size_bytes - byte)
    const chunk = await readBytes(file, byte, want_bytes)
    let at = 0
    let step = stepAt(chunk, at, size_bytes - byte, { seal, byte })
    while (step.kind === 'batch' && step.header.base === next) {
      at += step.header.total_bytes
      next += BigInt(step.header.count)
      isBound ||= step.header.isBound
      step = stepAt(chunk, at, size_bytes - byte - at, { seal, byte: byte + at })
    }
    byte += at
    if (step.kind === 'more' && chunk.length === want_bytes) {
      wanted_bytes = step.bytes
      continue
    }
    wanted_bytes = CHUNK_BYTES
    const tail = step.kind === 'end' ? 'nothing' : step.kind === 'short' || step.kind === 'more' ? 'short' : 'damaged'
    if (tail === 'damaged') {
      const later = await findLater(file, byte, size_bytes, { seal, next, whole_bytes: acknowledged?.byte ?? 0 })
      if (later) {
        byte = later.byte
        next = later.next
        continue
      }
    }
    if (!acknowledged || byte >= acknowledged.byte) return { byte, next, tail, isBound, ...(lost && { lost }) }
    lost = { byte, next }
    if (size_bytes < acknowledged.byte) return { byte, next, tail: 'nothing', isBound, lost }
    byte = acknowledged.byte
    next = acknowledged.next
  }
}

interface LaterOptions {
  readonly seal: number
  /** Offset of the first record that the damaged bytes held. */
  readonly next: bigint
  /** Bytes of the segment that were written whole, damaged or not. */
  readonly whole_bytes: number
}

/**
 * The first batch behind a damaged byte that surely was written whole: by the end mark, or because the write in which
 * it came began when the damaged bytes were done. Other batches of the same write don't count: one that a loss of power
 * interrupted can have lost any of its pages.
 */
export async function findLater(
  file: LogFile,
  damaged_byte: number,
  size_bytes: number,
  { seal, next, whole_bytes }: LaterOptions,
): Promise<SegmentAddress | undefined> {
  let byte = damaged_byte + ALIGNMENT
  while (size_bytes - byte >= HEADER_BYTES) {
    const chunk = await readBytes(file, byte, Math.min(CHUNK_BYTES, size_bytes - byte))
    let at = 0
    for (; at + HEADER_BYTES <= chunk.length; at += ALIGNMENT) {
      const header = readHeader(chunk, at, { seal, byte: byte + at })
      if (!header || header.base < next) continue
      if (header.groupStart > damaged_byte || byte + at < whole_bytes) return { byte: byte + at, next: header.base }
    }
    if (at === 0) return undefined
    byte += at
  }
  return undefined
}
