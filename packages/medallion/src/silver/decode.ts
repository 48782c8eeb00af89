import { type ColumnDecoder, compileColumnDecoder, type DecodedColumns, newDecodedColumns } from '@assay/avro'
import { rowLength } from '@assay/core'
import { frameSchemaId, type SchemaRegistry, WIRE_HEADER_BYTES } from '@assay/schema-registry'
import { FrameStatus } from '../rules/silver-rules.js'
import type { BronzeRows } from './rows.js'

/** Largest record that silver looks into. */
const MAX_RECORD_BYTES = 2 ** 20
/** Schema ids asked of the registry for one batch: a producer of random ids must not stall the others. */
export const MAX_LOOKUPS = 1_000
const LOOKUPS_AT_ONCE = 16

/** Records of a batch, decoded as far as they go. */
export interface DecodedRows {
  readonly columns: DecodedColumns
  /** One `FrameStatus` a row. */
  readonly frames: Uint8Array
  /** 1 where the frame is ok. */
  readonly valid: Uint8Array
  readonly schemaIds: Int32Array
  readonly schemaIdNulls: Uint8Array
  readonly valueBytes: Int32Array
}

/** What silver knows of a schema id: how to decode it, or that it can't. */
export type DecoderLookup = (id: number) => Promise<ColumnDecoder | 'unknown' | 'incompatible'>

/**
 * Decoders by schema id. A registry that is away throws its `OutageError` (S4); an id that it does not
 * know is asked for again with each batch, since it may be registered any time.
 */
export function decoderLookup(registry: SchemaRegistry, readerSchema: string): DecoderLookup {
  const known = new Map<number, ColumnDecoder | 'incompatible'>()
  return async (id) => {
    const cached = known.get(id)
    if (cached) return cached
    const found = await registry.schema(id)
    if (found.kind === 'unknown') return 'unknown'
    const decoder = compile(found.schema, readerSchema)
    known.set(id, decoder)
    return decoder
  }
}

function compile(writerSchema: string, readerSchema: string): ColumnDecoder | 'incompatible' {
  try {
    return compileColumnDecoder(writerSchema, readerSchema)
  } catch {
    return 'incompatible'
  }
}

/** Rows up to which the batch asks for at most `MAX_LOOKUPS` schemas. */
export function countWithinLookups(rows: BronzeRows): number {
  const ids = new Set<number>()
  let last = -1
  for (let i = 0; i < rows.count; i++) {
    const id = frameSchemaId(rows.raw.data, rows.raw.offsets[i] as number, rows.raw.offsets[i + 1] as number)
    if (id < 0 || id === last || ids.has(id)) continue
    if (ids.size === MAX_LOOKUPS) return i
    ids.add(id)
    last = id
  }
  return rows.count
}

/** Decodes every row that can be; the others get the status that says why not (S6: none of them throws). */
export async function decodeRows(rows: BronzeRows, readerSchema: string, lookup: DecoderLookup): Promise<DecodedRows> {
  const out: DecodedRows = {
    columns: newDecodedColumns(readerSchema, rows.raw.data, rows.count),
    frames: new Uint8Array(rows.count),
    valid: new Uint8Array(rows.count),
    schemaIds: new Int32Array(rows.count),
    schemaIdNulls: new Uint8Array(rows.count),
    valueBytes: new Int32Array(rows.count),
  }
  const ids = readFrames(rows, out)
  const decoders = await lookUp(ids, lookup)
  for (let i = 0; i < rows.count; i++) {
    if (out.frames[i] !== FrameStatus.ok) continue
    const decoder = decoders.get(out.schemaIds[i] as number)
    const start = (rows.raw.offsets[i] as number) + WIRE_HEADER_BYTES
    const end = rows.raw.offsets[i + 1] as number
    if (decoder === 'unknown') out.frames[i] = FrameStatus.unknown_schema_id
    else if (decoder === undefined || decoder === 'incompatible') out.frames[i] = FrameStatus.avro_decode_failed
    else if (decoder.decode(rows.raw.data, start, end, i, out.columns)) out.valid[i] = 1
    else out.frames[i] = FrameStatus.avro_decode_failed
  }
  return out
}

function readFrames(rows: BronzeRows, out: DecodedRows): Set<number> {
  const ids = new Set<number>()
  for (let i = 0; i < rows.count; i++) {
    const length = rowLength(rows.raw, i)
    out.valueBytes[i] = length
    const id = frameSchemaId(rows.raw.data, rows.raw.offsets[i] as number, rows.raw.offsets[i + 1] as number)
    if (id < 0) out.schemaIdNulls[i] = 1
    else out.schemaIds[i] = id
    if (rows.raw.nulls?.[i]) out.frames[i] = FrameStatus.value_is_null
    else if (length > MAX_RECORD_BYTES) out.frames[i] = FrameStatus.record_too_large
    else if (id < 0) out.frames[i] = FrameStatus.malformed_wire_frame
    else ids.add(id)
  }
  return ids
}

async function lookUp(ids: ReadonlySet<number>, lookup: DecoderLookup) {
  const decoders = new Map<number, Awaited<ReturnType<DecoderLookup>>>()
  const waiting = [...ids]
  const work = async (): Promise<void> => {
    for (let id = waiting.pop(); id !== undefined; id = waiting.pop()) decoders.set(id, await lookup(id))
  }
  await Promise.all(Array.from({ length: Math.min(LOOKUPS_AT_ONCE, waiting.length) }, work))
  return decoders
}
