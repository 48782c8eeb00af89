import { type Lane, position, type RecordBatch } from '@assay/core'
import { crc32c } from '@platformatic/kafka'
import { CodecError, decompress, TooLargeError } from './codecs.js'
import { column, type ParsedRecords, parseRecords } from './records.js'

/** Bytes of a batch's header, up to its first record. */
export const BATCH_HEADER_BYTES = 61
/** Bytes before the part of the header that the length counts. */
const LENGTH_END = 12

const IS_LOG_APPEND_TIME = 0x08
const IS_TRANSACTIONAL = 0x10
const IS_CONTROL = 0x20

/**
 * Header of a record batch in Kafka's message format 2 (kafka.apache.org/documentation, "Record Batch"), big-endian:
 * base offset i64 · length i32 (of what follows) · partition leader epoch i32 · magic i8 · CRC-32C u32 (of what
 * follows) · attributes i16 · last offset delta i32 · base timestamp i64 · max timestamp i64 · producer id i64 ·
 * producer epoch i16 · base sequence i32 · records i32.
 */
export interface BatchHeader {
  readonly base: bigint
  /** Offset of the batch's last place, also where compaction took its record away. */
  readonly last: bigint
  readonly total_bytes: number
  readonly epoch: number
  readonly crc: number
  readonly codec: number
  readonly isLogAppendTime: boolean
  readonly isTransactional: boolean
  readonly isControl: boolean
  readonly baseTimestamp_ms: bigint
  readonly maxTimestamp_ms: bigint
  readonly producerId: bigint
  readonly count: number
}

/** What makes a batch unreadable; the caller knows the lane and what to do. */
type BatchFault = 'corrupt' | 'too_large' | 'old_format'

export class BatchError extends Error {
  readonly fault: BatchFault

  constructor(fault: BatchFault, message: string) {
    super(message)
    this.fault = fault
  }
}

/** The header at a byte of a fetched buffer; undefined where the buffer ends within the batch. */
export function readBatchHeader(data: Buffer, at: number): BatchHeader | undefined {
  if (at + 17 > data.length) return undefined
  const magic = data.readInt8(at + 16)
  if (magic < 2) throw new BatchError('old_format', `the batch is in message format ${magic}`)
  if (magic > 2) throw new BatchError('corrupt', `the batch says it is in message format ${magic}`)
  const length = data.readInt32BE(at + 8)
  if (length < BATCH_HEADER_BYTES - LENGTH_END) throw new BatchError('corrupt', `the batch says it has ${length} bytes`)
  if (at + LENGTH_END + length > data.length) return undefined
  const base = data.readBigInt64BE(at)
  const attributes = data.readInt16BE(at + 21)
  return {
    base,
    last: base + BigInt(data.readInt32BE(at + 23)),
    total_bytes: LENGTH_END + length,
    epoch: data.readInt32BE(at + 12),
    crc: data.readUInt32BE(at + 17),
    codec: attributes & 7,
    isLogAppendTime: (attributes & IS_LOG_APPEND_TIME) !== 0,
    isTransactional: (attributes & IS_TRANSACTIONAL) !== 0,
    isControl: (attributes & IS_CONTROL) !== 0,
    baseTimestamp_ms: data.readBigInt64BE(at + 27),
    maxTimestamp_ms: data.readBigInt64BE(at + 35),
    producerId: data.readBigInt64BE(at + 43),
    count: data.readInt32BE(at + 57),
  }
}

/** Throws unless the bytes are those that the batch's CRC was made of. It covers all but offset, length and epoch. */
export function checkBatch(data: Buffer, at: number, header: BatchHeader): void {
  if (crc32c(data.subarray(at + 21, at + header.total_bytes)) !== header.crc) {
    throw new BatchError('corrupt', 'the batch is not what its CRC says')
  }
  if (header.base < 0n || header.last < header.base || header.count < 0) {
    throw new BatchError('corrupt', 'the batch has impossible offsets')
  }
}

/** True for a control batch that ends a transaction by abort (its key: version i16, type i16, 0 = abort). */
export function isAbortMarker(data: Buffer, at: number, header: BatchHeader): boolean {
  const { data: body, spans } = parse(data, at, header, header.total_bytes)
  const key = spans[0] ?? 0
  return (spans[1] ?? -1) >= 4 && body[key + 2] === 0 && body[key + 3] === 0
}

/**
 * The records as columns of their own, which share nothing with the fetched buffer. Throws `BatchError`.
 * `records_bytes_max` bounds what the batch may become when it is decompressed.
 */
export function decodeRecords(
  data: Buffer,
  at: number,
  header: BatchHeader,
  lane: Lane,
  records_bytes_max: number,
): RecordBatch {
  const { count } = header
  const parsed = parse(data, at, header, records_bytes_max)
  return {
    lane,
    count,
    offsets: parsed.offsets,
    timestamps_ms: header.isLogAppendTime
      ? new BigInt64Array(count).fill(header.maxTimestamp_ms)
      : parsed.timestamps_ms,
    keys: column(parsed, 0),
    values: column(parsed, 1),
    headers: column(parsed, 2),
    next: position(header.last + 1n),
  }
}

function parse(data: Buffer, at: number, header: BatchHeader, records_bytes_max: number): ParsedRecords {
  const section = data.subarray(at + BATCH_HEADER_BYTES, at + header.total_bytes)
  try {
    return parseRecords(decompress(header.codec, section, records_bytes_max), header)
  } catch (error) {
    if (error instanceof TooLargeError) {
      throw new BatchError('too_large', `the batch becomes larger than ${records_bytes_max} bytes`)
    }
    if (error instanceof CodecError) throw new BatchError('corrupt', error.message)
    throw error
  }
}
