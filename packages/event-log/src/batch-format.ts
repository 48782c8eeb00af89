import { crc32 } from 'node:zlib'
import { type BytesColumn, type Lane, type ProduceBatch, position, type RecordBatch } from '@assay/core'
import { BATCH_RECORDS_MAX, type PlannedBatch } from './plan.js'

/*
 * A stored batch, little-endian, at a byte of the segment that is a multiple of 8:
 *
 *    0  u32  magic "ASY1"
 *    4  u32  CRC-32 of the header's bytes 8 to 48
 *    8  u32  CRC-32 of the body
 *   12  u32  bytes of header and body, a multiple of 8
 *   16  i64  offset of the first record; the others follow without holes
 *   24  u32  records
 *   28  u32  byte of the segment at which the group that was written at once begins
 *   32  u32  bytes of all keys      36  u32  of all values      40  u32  of all headers
 *   44  u32  two bits a column (keys lowest): 0 no nulls, 1 some, 2 all; bit 6: bound to its address; above it 25 bits
 *            of the CRC-32 of that address (`BatchAddress`)
 *   48  body: i64 timestamps · u32 offsets (records + 1) of each column that isn't all null · a byte a record for
 *       each column with some nulls · data of keys, values, headers · zeros up to a multiple of 8
 *
 * The header has its own CRC, so that a damaged length is told apart from a batch that is still being written. A batch
 * that is bound to its address is none anywhere else: not in another lane, nor at another byte of its own. Those of the
 * first version are not bound.
 */
export const HEADER_BYTES = 48
const MAGIC = 0x31595341
export const ALIGNMENT = 8

const Nulls = { none: 0, some: 1, all: 2 } as const

const BOUND_BIT = 1 << 6
const BOUND_SHIFT = 7

/** Where a batch stands. `seal` is that of its lane (`laneSeal`). */
export interface BatchAddress {
  readonly seal: number
  readonly byte: number
}

/** What the batches of one lane are bound to. */
export function laneSeal(topicId: string, partition: number): number {
  return crc32(`${topicId}/${partition}`)
}

function boundTo({ seal, byte }: BatchAddress): number {
  return crc32(new Uint8Array(Uint32Array.of(byte).buffer), seal) >>> BOUND_SHIFT
}

interface ColumnLayout {
  readonly nulls: number
  readonly bytes: number
}

export interface BatchHeader {
  readonly total_bytes: number
  readonly base: bigint
  readonly count: number
  readonly groupStart: number
  readonly bodyCrc: number
  readonly isBound: boolean
  readonly columns: readonly [ColumnLayout, ColumnLayout, ColumnLayout]
}

/**
 * The header at a byte of a buffer that holds at least `HEADER_BYTES` from there; undefined if it is not one, or bound
 * to another address than the one given.
 */
export function readHeader(buffer: Uint8Array, at: number, address?: BatchAddress): BatchHeader | undefined {
  const view = new DataView(buffer.buffer, buffer.byteOffset + at, HEADER_BYTES)
  if (view.getUint32(0, true) !== MAGIC) return undefined
  if (view.getUint32(4, true) !== crc32(buffer.subarray(at + 8, at + HEADER_BYTES))) return undefined
  const flags = view.getUint32(44, true)
  const isBound = (flags & BOUND_BIT) !== 0
  if (isBound && address && flags >>> BOUND_SHIFT !== boundTo(address)) return undefined
  const column = (i: number): ColumnLayout => ({
    nulls: (flags >>> (2 * i)) & 3,
    bytes: view.getUint32(32 + 4 * i, true),
  })
  const header: BatchHeader = {
    bodyCrc: view.getUint32(8, true),
    total_bytes: view.getUint32(12, true),
    base: view.getBigInt64(16, true),
    count: view.getUint32(24, true),
    groupStart: view.getUint32(28, true),
    isBound,
    columns: [column(0), column(1), column(2)],
  }
  if (header.count < 1 || header.count > BATCH_RECORDS_MAX) return undefined
  return header.total_bytes === totalBytes(header.count, header.columns) ? header : undefined
}

export function isBodyIntact(buffer: Uint8Array, at: number, header: BatchHeader): boolean {
  return crc32(buffer.subarray(at + HEADER_BYTES, at + header.total_bytes)) === header.bodyCrc
}

/** The records of an intact batch. Columns share the buffer, whose byte 0 and `at` must be multiples of 8. */
export function decodeBatch(buffer: Uint8Array, at: number, header: BatchHeader, lane: Lane): RecordBatch {
  const { count } = header
  let cursor = buffer.byteOffset + at + HEADER_BYTES
  const timestamps_ms = new BigInt64Array(buffer.buffer, cursor, count)
  cursor += 8 * count
  const offsets = header.columns.map(({ nulls }) => {
    if (nulls === Nulls.all) return ALL_NULL.offsets.subarray(0, count + 1)
    const column = new Uint32Array(buffer.buffer, cursor, count + 1)
    cursor += 4 * (count + 1)
    return column
  })
  const nullBytes = header.columns.map(({ nulls }) => {
    if (nulls === Nulls.none) return undefined
    if (nulls === Nulls.all) return ALL_NULL.nulls.subarray(0, count)
    const column = new Uint8Array(buffer.buffer, cursor, count)
    cursor += count
    return column
  })
  const column = (i: 0 | 1 | 2): BytesColumn => {
    const data = new Uint8Array(buffer.buffer, cursor, header.columns[i].bytes)
    cursor += data.length
    const nulls = nullBytes[i]
    const shared = { data, offsets: offsets[i] as Uint32Array }
    return nulls ? { ...shared, nulls } : shared
  }
  return {
    lane,
    count,
    offsets: consecutive(header.base, count),
    timestamps_ms,
    keys: column(0),
    values: column(1),
    headers: column(2),
    next: position(header.base + BigInt(count)),
  }
}

/** Bytes that the batches take in a segment. */
export function encodedBytes(batches: readonly PlannedBatch[]): number {
  return batches.reduce((sum, batch) => sum + totalBytes(batch.rows.length, layout(batch)), 0)
}

/**
 * Batches one after the other as they stand in a segment from `groupStart` on, the first record with offset `base`;
 * bound to their addresses where the seal of a lane is given.
 */
export function encodeGroup(
  batches: readonly PlannedBatch[],
  base: bigint,
  groupStart: number,
  seal?: number,
): Uint8Array {
  const buffer = new Uint8Array(encodedBytes(batches))
  let at = 0
  let offset = base
  for (const batch of batches) {
    const address = seal === undefined ? undefined : { seal, byte: groupStart + at }
    at += encodeBatch(buffer, at, batch, { base: offset, groupStart, address })
    offset += BigInt(batch.rows.length)
  }
  return buffer
}

interface BatchStand {
  readonly base: bigint
  readonly groupStart: number
  readonly address: BatchAddress | undefined
}

function encodeBatch(
  buffer: Uint8Array,
  at: number,
  batch: PlannedBatch,
  { base, groupStart, address }: BatchStand,
): number {
  const { source, rows } = batch
  const columns = layout(batch)
  const total_bytes = totalBytes(rows.length, columns)
  let cursor = at + HEADER_BYTES
  writeTimestamps(new BigInt64Array(buffer.buffer, cursor, rows.length), source, rows)
  cursor += 8 * rows.length
  const sources = [source.keys, source.values, source.headers]
  const stored = sources.filter((_, i) => columns[i]?.nulls !== Nulls.all)
  for (const column of stored) {
    writeOffsets(new Uint32Array(buffer.buffer, cursor, rows.length + 1), column, rows)
    cursor += 4 * (rows.length + 1)
  }
  sources.forEach((column, i) => {
    if (columns[i]?.nulls !== Nulls.some) return
    const nulls = column.nulls as Uint8Array
    rows.forEach((row, to) => {
      buffer[cursor + to] = nulls[row] as number
    })
    cursor += rows.length
  })
  for (const column of stored) cursor = writeData(buffer, cursor, column, rows)

  const view = new DataView(buffer.buffer, at, HEADER_BYTES)
  view.setUint32(0, MAGIC, true)
  view.setUint32(8, crc32(buffer.subarray(at + HEADER_BYTES, at + total_bytes)), true)
  view.setUint32(12, total_bytes, true)
  view.setBigInt64(16, base, true)
  view.setUint32(24, rows.length, true)
  view.setUint32(28, groupStart, true)
  columns.forEach(({ bytes }, i) => {
    view.setUint32(32 + 4 * i, bytes, true)
  })
  const bound = address ? BOUND_BIT | (boundTo(address) << BOUND_SHIFT) : 0
  view.setUint32(44, (columns[0].nulls | (columns[1].nulls << 2) | (columns[2].nulls << 4) | bound) >>> 0, true)
  view.setUint32(4, crc32(buffer.subarray(at + 8, at + HEADER_BYTES)), true)
  return total_bytes
}

function totalBytes(count: number, columns: BatchHeader['columns']): number {
  let bytes = HEADER_BYTES + 8 * count
  for (const column of columns) {
    if (column.nulls === Nulls.all) continue
    bytes += 4 * (count + 1) + column.bytes + (column.nulls === Nulls.some ? count : 0)
  }
  return Math.ceil(bytes / ALIGNMENT) * ALIGNMENT
}

function layout({ source, rows }: PlannedBatch): BatchHeader['columns'] {
  return [columnLayout(source.keys, rows), columnLayout(source.values, rows), columnLayout(source.headers, rows)]
}

function columnLayout(column: BytesColumn, rows: Uint32Array): ColumnLayout {
  let nulls = 0
  let bytes = 0
  for (const row of rows) {
    bytes += (column.offsets[row + 1] as number) - (column.offsets[row] as number)
    if (column.nulls?.[row]) nulls += 1
  }
  if (nulls === rows.length) return { nulls: Nulls.all, bytes: 0 }
  return { nulls: nulls === 0 ? Nulls.none : Nulls.some, bytes }
}

function writeTimestamps(target: BigInt64Array, source: ProduceBatch, rows: Uint32Array): void {
  const first = rows[0] as number
  if (isConsecutive(rows)) target.set(source.timestamps_ms.subarray(first, first + rows.length))
  else for (let i = 0; i < rows.length; i += 1) target[i] = source.timestamps_ms[rows[i] as number] as bigint
}

function writeOffsets(target: Uint32Array, column: BytesColumn, rows: Uint32Array): void {
  let end = 0
  for (let i = 0; i < rows.length; i += 1) {
    const row = rows[i] as number
    end += (column.offsets[row + 1] as number) - (column.offsets[row] as number)
    target[i + 1] = end
  }
}

function writeData(buffer: Uint8Array, at: number, column: BytesColumn, rows: Uint32Array): number {
  const { data, offsets } = column
  let cursor = at
  for (let i = 0; i < rows.length; ) {
    // Neighbours in the source are copied together.
    let last = i
    while (last + 1 < rows.length && rows[last + 1] === (rows[last] as number) + 1) last += 1
    const from = offsets[rows[i] as number] as number
    const to = offsets[(rows[last] as number) + 1] as number
    buffer.set(data.subarray(from, to), cursor)
    cursor += to - from
    i = last + 1
  }
  return cursor
}

function isConsecutive(rows: Uint32Array): boolean {
  return (rows[rows.length - 1] as number) - (rows[0] as number) === rows.length - 1
}

/** base, base + 1, … written as 32-bit halves, since a bigint a record would cost more than reading it. */
function consecutive(base: bigint, count: number): BigInt64Array {
  const offsets = new BigInt64Array(count)
  const halves = new Uint32Array(offsets.buffer)
  let low = Number(base & 0xffffffffn)
  let high = Number(base >> 32n)
  for (let i = 0; i < count; i += 1) {
    halves[2 * i] = low
    halves[2 * i + 1] = high
    low += 1
    if (low === 2 ** 32) {
      low = 0
      high += 1
    }
  }
  return offsets
}

const ALL_NULL = { offsets: new Uint32Array(BATCH_RECORDS_MAX + 1), nulls: new Uint8Array(BATCH_RECORDS_MAX).fill(1) }
