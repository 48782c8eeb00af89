import { createHash } from 'node:crypto'
import { z } from 'zod'
import { IntervalSet } from './interval-set.js'
import { KeySet } from './key-set.js'

const MAGIC = 'ASSAYKEY'
const DIGEST_BYTES = 32
/** Since 2 the symbol keys have the currency; a set of format 1 is built again from the table. */
const FORMAT = 2
const headerSchema = z.object({
  format: z.literal(FORMAT),
  table: z.string(),
  sequence: z.int(),
  books: z.array(z.object({ name: z.string(), intervals: z.int().min(0), large: z.array(z.string()) })),
})

/**
 * A key set as bytes: magic, length of the header (uint32, little-endian), header (JSON), starts and ends
 * of each symbol's intervals (float64, little-endian), SHA-256 of all before it.
 */
export function encodeKeySet(keys: KeySet, table: string, sequence: number): Uint8Array {
  const books = [...keys.symbols].sort(([a], [b]) => (a < b ? -1 : 1))
  const header = Buffer.from(
    JSON.stringify({
      format: FORMAT,
      table,
      sequence,
      books: books.map(([name, book]) => ({
        name,
        intervals: book.intervals.intervalCount,
        large: [...book.large].map(String),
      })),
    }),
  )
  const length = Buffer.alloc(4)
  length.writeUInt32LE(header.length)
  const arrays = books.flatMap(([, book]) => {
    const { starts, ends } = book.intervals.bounds()
    return [bytesOf(starts), bytesOf(ends)]
  })
  const content = Buffer.concat([Buffer.from(MAGIC), length, header, ...arrays])
  return Buffer.concat([content, digest(content)])
}

/**
 * The key set of a table at a snapshot, or undefined when the bytes are not exactly that: truncated,
 * changed, of another table or another snapshot. A saved key set is never trusted further than this.
 */
export function decodeKeySet(
  bytes: Uint8Array,
  table: string,
  sequence: number,
  cap_bytes: number,
): KeySet | undefined {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const start = MAGIC.length + 4
  if (buffer.length < start + DIGEST_BYTES || buffer.toString('latin1', 0, MAGIC.length) !== MAGIC) return undefined
  const content = buffer.subarray(0, buffer.length - DIGEST_BYTES)
  if (!digest(content).equals(buffer.subarray(content.length))) return undefined
  const headerEnd = start + buffer.readUInt32LE(MAGIC.length)
  const parsed = headerSchema.safeParse(JSON.parse(buffer.toString('utf8', start, headerEnd)))
  if (!parsed.success) return undefined
  const header = parsed.data
  if (header.table !== table || header.sequence !== sequence) return undefined
  const keys = new KeySet(cap_bytes)
  let at = headerEnd
  for (const book of header.books) {
    const starts = floatsAt(buffer, at, book.intervals)
    const ends = floatsAt(buffer, at + starts.byteLength, book.intervals)
    at += starts.byteLength + ends.byteLength
    keys.setSymbol(book.name, {
      intervals: new IntervalSet(starts, ends, book.intervals),
      large: new Set(book.large.map(BigInt)),
    })
  }
  keys.checkSize()
  return keys
}

function digest(bytes: Uint8Array): Buffer {
  return createHash('sha256').update(bytes).digest()
}

function bytesOf(array: Float64Array): Uint8Array {
  return new Uint8Array(array.buffer, array.byteOffset, array.byteLength)
}

function floatsAt(buffer: Buffer, at: number, count: number): Float64Array<ArrayBuffer> {
  const floats = new Float64Array(count)
  bytesOf(floats).set(buffer.subarray(at, at + count * 8))
  return floats
}
