import { setImmediate } from 'node:timers/promises'
import {
  type ColumnDecoder,
  compileColumnDecoder,
  type DecodedColumns,
  type DecodingVersion,
  newDecodedColumns,
} from '@assay/avro'
import { AssayError, rowBytes, rowLength } from '@assay/core'
import { FrameStatus } from '@assay/rules'
import { frameSchemaId, type SchemaLookup, type SchemaRegistry, WIRE_HEADER_BYTES } from '@assay/schema-registry'
import { describeDamage, describeFrame, RECORD_BYTES_MAX } from './frame-detail.js'
import { RowTexts } from './rows/row-texts.js'
import type { BronzeRows } from './rows/rows.js'

/** Schema ids asked of the registry for one batch: a producer of random ids must not stall the others. */
const MAX_LOOKUPS = 1_000
const LOOKUPS_AT_ONCE = 16
/** Rows between which the process may do something else. */
export const ROWS_AT_ONCE = 16_384

/** Records of a batch, decoded as far as they go. */
export interface DecodedRows {
  readonly columns: DecodedColumns
  /** One `FrameStatus` a row. */
  readonly frames: Uint8Array
  /** 1 for a row whose frame is ok. */
  readonly valid: Uint8Array
  readonly schemaIds: Int32Array
  readonly schemaIdNulls: Uint8Array
  readonly valueBytes: Int32Array
  /** Why the frame is not ok, for rows of which that is so. */
  readonly details: RowTexts
  /** Of valid rows: fields without a value where one is wanted. */
  readonly missing: RowTexts
  /** Of valid rows: what the writer's schema has beyond the reader's, as a JSON object. */
  readonly extras: RowTexts
}

/** What silver knows of a schema id: how to decode its records, or why it can't. */
type SchemaUse =
  | { readonly kind: 'decoder'; readonly decoder: ColumnDecoder }
  | { readonly kind: 'unknown' | 'incompatible'; readonly why: string }

/** Schemas by their ids, as one reader uses them. */
export interface DecoderLookup {
  /** How bytes are read before rules see them. */
  readonly version: DecodingVersion
  find(id: number): Promise<SchemaUse>
}

/**
 * Decoders by schema id. A registry that is away throws its `OutageError` (S4); an id that it does not know, or does
 * not show, is asked for again with each batch, since that may change any time.
 */
export function decoderLookup(registry: SchemaRegistry, readerSchema: string, version: DecodingVersion): DecoderLookup {
  const known = new Map<number, SchemaUse>()
  let witness: number | undefined
  return {
    version,
    async find(id) {
      const cached = known.get(id)
      if (cached) return cached
      const found = await registry.schema(id, witness)
      const use = useOf(id, found, readerSchema, version)
      if (use.kind !== 'unknown') known.set(id, use)
      if (use.kind === 'decoder') witness = id
      return use
    },
  }
}

function useOf(id: number, found: SchemaLookup, readerSchema: string, version: DecodingVersion): SchemaUse {
  switch (found.kind) {
    case 'unknown':
      return { kind: 'unknown', why: String(id) }
    case 'denied':
      return { kind: 'unknown', why: `${id}, which the registry refuses to show (${found.detail})` }
    case 'foreign':
      return { kind: 'incompatible', why: foreignSchema(found.schemaType) }
    case 'found':
      try {
        return { kind: 'decoder', decoder: compileColumnDecoder(found, readerSchema, version) }
      } catch (error) {
        return { kind: 'incompatible', why: unusable(found.schema, error) }
      }
  }
}

const LANGUAGES: Readonly<Record<string, string>> = { JSON: 'a JSON Schema', PROTOBUF: 'a Protobuf schema' }

function foreignSchema(schemaType: string): string {
  return `found ${LANGUAGES[schemaType] ?? `a schema of the type ${schemaType}`}, wanted an Avro schema`
}

/** A registry that has no types of schemas may hold other languages all the same. */
function unusable(schema: string, error: unknown): string {
  if (!(error instanceof AssayError)) return 'not a usable Avro schema'
  if (error.code === 'schema_incompatible') return error.message
  if (/^\s*(?:\/\/|syntax\s*=|package\s|import\s|message\s)/.test(schema)) return foreignSchema('PROTOBUF')
  if (/^\s*\{/.test(schema) && /"(?:\$schema|properties|\$ref)"\s*:/.test(schema)) return foreignSchema('JSON')
  return error.message
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
    details: new RowTexts(rows.count),
    missing: new RowTexts(rows.count),
    extras: new RowTexts(rows.count, Number.POSITIVE_INFINITY),
  }
  const ids = readFrames(rows, out)
  const uses = await lookUp(ids, lookup)
  for (let from = 0; from < rows.count; from += ROWS_AT_ONCE) {
    if (from > 0) await setImmediate()
    decodeSome(rows, out, uses, from, Math.min(rows.count, from + ROWS_AT_ONCE))
  }
  if (lookup.version === 1) asVersion1(out)
  else describeFrames(rows, out)
  return out
}

function decodeSome(
  rows: BronzeRows,
  out: DecodedRows,
  uses: ReadonlyMap<number, SchemaUse>,
  from: number,
  end: number,
): void {
  let lastId = Number.NaN
  let use: SchemaUse | undefined
  for (let row = from; row < end; row++) {
    if (out.frames[row] !== FrameStatus.ok) continue
    const id = out.schemaIds[row] as number
    if (id !== lastId) use = uses.get(id)
    lastId = id
    decodeRow(rows, out, row, use as SchemaUse)
  }
}

function decodeRow(rows: BronzeRows, out: DecodedRows, row: number, use: SchemaUse): void {
  if (use.kind !== 'decoder') {
    out.frames[row] = use.kind === 'unknown' ? FrameStatus.unknown_schema_id : FrameStatus.schema_incompatible
    out.details.set(row, use.why)
    return
  }
  const { decoder } = use
  const source = rows.raw.data
  const start = (rows.raw.offsets[row] as number) + WIRE_HEADER_BYTES
  const end = rows.raw.offsets[row + 1] as number
  if (decoder.decode(source, start, end, row, out.columns)) {
    out.valid[row] = 1
    if (decoder.mayLackValues) out.missing.set(row, decoder.missingFields(row, out.columns).join(', '))
    if (decoder.hasExtraFields) out.extras.set(row, decoder.extraFields(source, start, end))
    return
  }
  const failure = decoder.explain(source, start, end)
  out.frames[row] = failure ? STATUS[failure.kind] : FrameStatus.avro_decode_failed
  const isDamaged = failure?.kind === 'damaged'
  out.details.set(row, isDamaged ? describeDamage(failure, end - start + WIRE_HEADER_BYTES) : failure?.why)
}

const STATUS = {
  null: FrameStatus.value_is_null,
  incompatible: FrameStatus.schema_incompatible,
  damaged: FrameStatus.avro_decode_failed,
} as const

function readFrames(rows: BronzeRows, out: DecodedRows): Set<number> {
  const ids = new Set<number>()
  let lastId = -1
  for (let i = 0; i < rows.count; i++) {
    const length = rowLength(rows.raw, i)
    out.valueBytes[i] = length
    const id = frameSchemaId(rows.raw.data, rows.raw.offsets[i] as number, rows.raw.offsets[i + 1] as number)
    if (id < 0) out.schemaIdNulls[i] = 1
    else out.schemaIds[i] = id
    if (rows.raw.nulls?.[i]) out.frames[i] = FrameStatus.value_is_null
    else if (length > RECORD_BYTES_MAX) out.frames[i] = FrameStatus.record_too_large
    else if (id < 0) out.frames[i] = FrameStatus.malformed_wire_frame
    else if (rows.schemaUnknown?.has(i)) {
      out.frames[i] = FrameStatus.unknown_schema_id
      out.details.set(i, rows.schemaUnknown.get(i))
    } else if (id !== lastId) {
      ids.add(id)
      lastId = id
    }
  }
  return ids
}

/** What the frames say of themselves; an id that is none is known for what it is once nobody knows it. */
function describeFrames(rows: BronzeRows, out: DecodedRows): void {
  for (let i = 0; i < rows.count; i++) {
    if (out.frames[i] === FrameStatus.ok) continue
    if (out.frames[i] === FrameStatus.unknown_schema_id && out.schemaIds[i] === 0) {
      out.frames[i] = FrameStatus.malformed_wire_frame
      out.schemaIdNulls[i] = 1
    }
    const why = out.details.get(i)
    const headers = rows.headers && rowBytes(rows.headers, i)
    const id = out.schemaIdNulls[i] === 1 ? undefined : (out.schemaIds[i] as number)
    out.details.set(i, describeFrame(out.frames[i] as number, rowBytes(rows.raw, i), { id, why, headers }))
  }
}

/** Before version 2 every schema or record that could not be read was the same. */
function asVersion1(out: DecodedRows): void {
  for (let i = 0; i < out.frames.length; i++) {
    const status = out.frames[i]
    if (status === FrameStatus.schema_incompatible) out.frames[i] = FrameStatus.avro_decode_failed
    out.details.set(i, undefined)
    out.extras.set(i, undefined)
  }
}

async function lookUp(ids: ReadonlySet<number>, lookup: DecoderLookup): Promise<ReadonlyMap<number, SchemaUse>> {
  const uses = new Map<number, SchemaUse>()
  const waiting = [...ids]
  const refused: number[] = []
  const work = async (): Promise<void> => {
    for (let id = waiting.pop(); id !== undefined; id = waiting.pop()) {
      try {
        uses.set(id, await lookup.find(id))
      } catch (error) {
        if (!(error instanceof AssayError) || error.code !== 'registry_denied') throw error
        refused.push(id)
      }
    }
  }
  await Promise.all(Array.from({ length: Math.min(LOOKUPS_AT_ONCE, waiting.length) }, work))
  // Once another id has been shown it can be told whether these are refused or everything is.
  for (const id of refused) uses.set(id, await lookup.find(id))
  return uses
}
