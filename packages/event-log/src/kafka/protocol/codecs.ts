import * as zlib from 'node:zlib'
import { compressionsAlgorithms } from '@platformatic/kafka'
import { Decompress } from 'fzstd'
import { compressFrameSync, decompressFrameSync } from 'lz4-napi'
import type { ProducerCompression } from './kafka-options.js'

/** What the bytes would become is more than allowed. */
export class TooLargeError extends Error {}

/** The bytes are not what the codec says they are. */
export class CodecError extends Error {}

const XERIAL_MAGIC = Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0x00])
const LZ4_MAGIC = 0x184d2204
const ZSTD_MAGIC = 0xfd2fb528
/** Every decoder should take a window of this size (RFC 8878, 3.1.1.1.2), however little it then holds. */
const ZSTD_WINDOW_BYTES = 8 * 1024 * 1024

type NativeUnzstd = (data: Buffer, options: { readonly maxOutputLength: number }) => Buffer
/** Zstandard of Node, which has it from 22.15 on. */
const NATIVE_UNZSTD = (zlib as { readonly zstdDecompressSync?: NativeUnzstd }).zstdDecompressSync

/**
 * The records section of a batch as it was before compression. Never makes more than `bytes_max` bytes: sizes that
 * the data claims are checked before anything is allocated by them. Throws `TooLargeError` or `CodecError`.
 */
export function decompress(codec: number, data: Buffer, bytes_max: number): Uint8Array {
  try {
    return (DECODERS[codec] ?? unknownCodec)(data, bytes_max)
  } catch (error) {
    if (error instanceof TooLargeError || error instanceof CodecError) throw error
    if (error instanceof Error && 'code' in error && error.code === 'ERR_BUFFER_TOO_LARGE') throw new TooLargeError()
    throw new CodecError(error instanceof Error ? error.message : String(error))
  }
}

/** The records section of a batch, compressed as asked. */
export function compress(codec: ProducerCompression, data: Buffer): Buffer {
  switch (codec) {
    case 'none':
      return data
    case 'gzip':
      return zlib.gzipSync(data)
    case 'lz4':
      return compressFrameSync(data)
  }
}

type Decoder = (data: Buffer, bytes_max: number) => Uint8Array

const DECODERS: readonly Decoder[] = [
  (data) => data,
  (data, bytes_max) => zlib.gunzipSync(data, { maxOutputLength: bytes_max }),
  unsnappy,
  unlz4,
  unzstd,
]

function unknownCodec(): never {
  throw new CodecError('unknown codec')
}

/** Raw snappy, or the blocks of Java's SnappyOutputStream: magic, two versions, then length and raw snappy each. */
function unsnappy(data: Buffer, bytes_max: number): Uint8Array {
  if (!data.subarray(0, XERIAL_MAGIC.length).equals(XERIAL_MAGIC)) return unsnappyBlock(data, bytes_max)
  const parts: Uint8Array[] = []
  let left = bytes_max
  for (let at = 16; at < data.length; ) {
    const size = data.readUInt32BE(at)
    if (size > data.length - at - 4) throw new CodecError('a snappy block ends beyond the batch')
    const part = unsnappyBlock(data.subarray(at + 4, at + 4 + size), left)
    left -= part.length
    parts.push(part)
    at += 4 + size
  }
  return Buffer.concat(parts)
}

/** Raw snappy begins with the length of what it holds (format_description.txt of google/snappy). */
function unsnappyBlock(data: Buffer, bytes_max: number): Uint8Array {
  let claimed = 0
  for (let i = 0; ; i += 1) {
    const byte = data[i]
    if (byte === undefined || i > 4) throw new CodecError('no length before a snappy block')
    claimed += (byte & 0x7f) * 2 ** (7 * i)
    if (byte < 0x80) break
  }
  if (claimed > bytes_max) throw new TooLargeError()
  const result = compressionsAlgorithms.snappy.decompressSync(data)
  if (result.length !== claimed) throw new CodecError('a snappy block has another length than it says')
  return result
}

function unlz4(data: Buffer, bytes_max: number): Uint8Array {
  if (data.length < 7 || data.readUInt32LE(0) !== LZ4_MAGIC) throw new CodecError('not an LZ4 frame')
  const blockBytesMax = 2 ** (8 + 2 * (((data[5] as number) >> 4) & 7))
  const blocks = lz4Blocks(data)
  // Blocks only say how large they may be at most; one that could pass the limit is measured.
  const bound = blocks.reduce((sum, { from, to, isPlain }) => sum + (isPlain ? to - from : blockBytesMax), 0)
  if (bound > bytes_max) {
    const bytes = blocks.reduce(
      (sum, { from, to, isPlain }) => sum + (isPlain ? to - from : lz4Bytes(data, from, to)),
      0,
    )
    if (bytes > bytes_max) throw new TooLargeError()
  }
  return decompressFrameSync(data)
}

interface Lz4Block {
  readonly from: number
  readonly to: number
  readonly isPlain: boolean
}

/** Where the blocks of a frame are (lz4_Frame_format.md). */
function lz4Blocks(data: Buffer): Lz4Block[] {
  const flags = data[4] as number
  const blocks: Lz4Block[] = []
  for (let at = 7 + (flags & 0x08 ? 8 : 0) + (flags & 0x01 ? 4 : 0); at + 4 <= data.length; ) {
    const word = data.readUInt32LE(at)
    if (word === 0) break
    const from = at + 4
    const to = from + (word & 0x7fffffff)
    if (to > data.length) throw new CodecError('an LZ4 block ends beyond the batch')
    blocks.push({ from, to, isPlain: word > 0x7fffffff })
    at = to + (flags & 0x10 ? 4 : 0)
  }
  return blocks
}

/** What a block becomes: the sum of its literals' and matches' lengths, told in the open (lz4_Block_format.md). */
function lz4Bytes(data: Buffer, from: number, to: number): number {
  let bytes = 0
  let at = from
  const more = (nibble: number): number => {
    let length = nibble
    if (nibble < 15) return length
    for (let byte = 255; byte === 255 && at < to; at += 1) {
      byte = data[at] as number
      length += byte
    }
    return length
  }
  while (at < to) {
    const token = data[at] as number
    at += 1
    const literals = more(token >> 4)
    at += literals + 2
    bytes += literals
    if (at < to) bytes += more(token & 15) + 4
  }
  return bytes
}

function unzstd(data: Buffer, bytes_max: number): Uint8Array {
  checkZstdWindows(data, bytes_max)
  if (NATIVE_UNZSTD) return NATIVE_UNZSTD(data, { maxOutputLength: bytes_max })
  const parts: Uint8Array[] = []
  let left = bytes_max
  const stream = new Decompress((part) => {
    left -= part.length
    if (left < 0) throw new TooLargeError()
    parts.push(part)
  })
  stream.push(data, true)
  return Buffer.concat(parts)
}

/**
 * One decoder allocates by the window that a frame claims, and Node's own calls a claim too large for it damage, so
 * claims are compared with the limit first, frame by frame (RFC 8878, 3.1.1).
 */
function checkZstdWindows(data: Buffer, bytes_max: number): void {
  for (let at = 0; at + 6 <= data.length; ) {
    if (data.readUInt32LE(at) !== ZSTD_MAGIC) throw new CodecError('not a zstd frame')
    const flags = data[at + 4] as number
    const isSingle = (flags & 0x20) !== 0
    const sizeBytes = flags >> 6 ? 2 ** (flags >> 6) : isSingle ? 1 : 0
    const sizeAt = at + 5 + (isSingle ? 0 : 1) + ((1 << (flags & 3)) >> 1)
    const window = data[at + 5] as number
    const windowBytes = isSingle ? 0 : 2 ** (10 + (window >> 3)) * (1 + (window & 7) / 8)
    if (sizeAt + sizeBytes > data.length) throw new CodecError('a zstd frame ends within its header')
    const isTooLarge = zstdContentBytes(data, sizeAt, sizeBytes) > bytes_max
    if (isTooLarge || windowBytes > Math.max(bytes_max, ZSTD_WINDOW_BYTES)) throw new TooLargeError()
    at = zstdFrameEnd(data, sizeAt + sizeBytes) + (flags & 4 ? 4 : 0)
  }
}

function zstdContentBytes(data: Buffer, at: number, bytes: number): number {
  if (bytes === 8) return Number(data.readBigUInt64LE(at))
  if (bytes === 0) return 0
  return data.readUIntLE(at, bytes) + (bytes === 2 ? 256 : 0)
}

function zstdFrameEnd(data: Buffer, firstBlock: number): number {
  for (let at = firstBlock; at + 3 <= data.length; ) {
    const header = data.readUIntLE(at, 3)
    at += 3 + (((header >> 1) & 3) === 1 ? 1 : header >> 3)
    if (header & 1) return at
  }
  throw new CodecError('a zstd frame has no last block')
}
