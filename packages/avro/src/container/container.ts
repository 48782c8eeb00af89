import { createHash } from 'node:crypto'
import { crc32, deflateRawSync, inflateRawSync } from 'node:zlib'
import { AssayError, readJson, TOOL_JSON_DEPTH_MAX } from '@assay/core'
import { type AvroRecord, compileAvro, type Encode, type FieldNames } from './codec.js'
import { AvroInput, DAMAGED_HINT } from './input.js'
import { AvroOutput } from './output.js'

/** `Obj` and the version byte 1 (Avro specification 1.11, "Object Container Files"). */
const MAGIC = Buffer.from([0x4f, 0x62, 0x6a, 0x01])
const SYNC_BYTES = 16
/**
 * Entry of the header with the CRC-32 of all other entries, and of the blocks as they are stored. Others that write
 * such files have no checksum, and readers pass over an entry that they don't know.
 */
const CHECKSUM = 'assay.crc32'
const BLOCK_BYTES_MAX = 256 * 1024 * 1024
const COMPILED_MAX = 256

interface AvroFile {
  /** The header's metadata as text. */
  readonly header: ReadonlyMap<string, string>
  readonly records: readonly AvroRecord[]
}

type Compiled = ReturnType<typeof compileAvro>

/** Schemas repeat from file to file; compiling one costs more than reading a small manifest. */
export class SchemaCache {
  readonly #compiled = new Map<string, Compiled>()
  readonly #names: FieldNames

  constructor(names: FieldNames) {
    this.#names = names
  }

  compile(text: string): Compiled {
    const known = this.#compiled.get(text)
    if (known) return known
    let schema: unknown
    try {
      schema = readJson(text, TOOL_JSON_DEPTH_MAX)
    } catch (cause) {
      throw new AssayError('corrupt_avro', 'the schema of an Avro file is not JSON', { cause, hint: DAMAGED_HINT })
    }
    if (this.#compiled.size >= COMPILED_MAX) this.#compiled.clear()
    const compiled = compileAvro(schema, this.#names)
    this.#compiled.set(text, compiled)
    return compiled
  }
}

/** Writes one container file of one deflated block. The sync marker is a hash of the content: no randomness. */
export function writeAvro(
  schema: string,
  encode: Encode,
  header: ReadonlyMap<string, string>,
  records: readonly AvroRecord[],
): Buffer {
  const body = new AvroOutput()
  for (const record of records) encode(record, body)
  const block = deflateRawSync(body.finish())
  const sync = createHash('md5').update(block).digest()
  const file = new AvroOutput()
  file.raw(MAGIC)
  const entries = new Map([...header, ['avro.schema', schema], ['avro.codec', 'deflate']])
  entries.delete(CHECKSUM)
  const crc = headerCrc(entries)
  entries.set(CHECKSUM, String(records.length > 0 ? blockCrc(crc, records.length, block) : crc))
  file.long(entries.size)
  for (const [key, value] of entries) {
    file.string(key)
    file.string(value)
  }
  file.long(0)
  file.raw(sync)
  if (records.length > 0) {
    file.long(records.length)
    file.sized(block)
    file.raw(sync)
  }
  return file.finish()
}

/**
 * Reads a whole container file. Throws `corrupt_avro`, or `unsupported_avro_codec` for one other than null and deflate.
 */
export function readAvro(bytes: Uint8Array, schemas: SchemaCache): AvroFile {
  const input = new AvroInput(bytes)
  if (!input.take(Math.min(MAGIC.length, input.remaining_bytes)).equals(MAGIC)) {
    throw new AssayError('corrupt_avro', 'not an Avro container file', { hint: DAMAGED_HINT })
  }
  const header = readHeader(input)
  const sync = input.take(SYNC_BYTES)
  const blocks: { readonly count: number; readonly stored: Uint8Array }[] = []
  while (input.remaining_bytes > 0) {
    const count = input.count(Number.MAX_SAFE_INTEGER)
    blocks.push({ count, stored: input.sized() })
    if (!input.take(SYNC_BYTES).equals(sync)) {
      throw new AssayError('corrupt_avro', 'a sync marker is wrong', { hint: DAMAGED_HINT })
    }
  }
  const checksum = header.get(CHECKSUM)
  const crc = blocks.reduce((sum, { count, stored }) => blockCrc(sum, count, stored), headerCrc(header))
  if (checksum !== undefined && checksum !== String(crc)) {
    throw new AssayError('corrupt_avro', 'the file is not what was written: its checksum is another', {
      hint: DAMAGED_HINT,
    })
  }
  const { decode } = schemas.compile(header.get('avro.schema') ?? '')
  const codec = header.get('avro.codec') ?? 'null'
  const records: AvroRecord[] = []
  for (const { count, stored } of blocks) {
    const block = new AvroInput(decompress(codec, stored))
    if (count < 0 || count > block.remaining_bytes)
      throw new AssayError('corrupt_avro', 'a block claims too many records', { hint: DAMAGED_HINT })
    for (let i = 0; i < count; i += 1) records.push(decode(block) as AvroRecord)
  }
  return { header, records }
}

function headerCrc(header: ReadonlyMap<string, string>): number {
  return crc32(JSON.stringify([...header].filter(([key]) => key !== CHECKSUM)))
}

function blockCrc(crc: number, count: number, block: Uint8Array): number {
  return crc32(block, crc32(`${count}:`, crc))
}

function readHeader(input: AvroInput): Map<string, string> {
  const header = new Map<string, string>()
  for (;;) {
    let count = input.count(input.remaining_bytes)
    if (count === 0) return header
    if (count < 0) {
      count = -count
      input.long()
    }
    for (let i = 0; i < count; i += 1) header.set(input.string(), input.string())
  }
}

function decompress(codec: string, block: Uint8Array): Uint8Array {
  if (codec === 'null') return block
  if (codec !== 'deflate') {
    throw new AssayError('unsupported_avro_codec', `a manifest is compressed with "${codec}"`, {
      hint: 'let the other engine write manifests with the codec gzip (deflate) or uncompressed',
    })
  }
  try {
    return inflateRawSync(block, { maxOutputLength: BLOCK_BYTES_MAX })
  } catch (cause) {
    throw new AssayError('corrupt_avro', 'a block of a manifest cannot be decompressed', { cause, hint: DAMAGED_HINT })
  }
}
