import { compileEncoder, type DecodedColumns, type DecodedField, type DecodingVersion } from '@assay/avro'
import { AssayError, type BytesColumn, bytesColumn, readJson, UsageError } from '@assay/core'
import { type Exchange, readerSchemaOf } from '@assay/exchanges'
import { frameSchemaId, type SchemaRegistry, wireHeader } from '@assay/schema-registry'
import { z } from 'zod'
import { type DecoderLookup, decodeRows, decoderLookup } from '../silver/decode.js'
import { NO_ROWS } from '../silver/rows/rows.js'
import {
  coordinatesOf,
  coordinateText,
  type DeadLetterBatch,
  type DeadLetterCoordinates,
} from './select-dead-letters.js'

/** Corrections by hand: for the dead letter at a coordinate, fields of its Avro record. */
export interface Correction {
  readonly deadLetters: ReadonlyMap<string, CorrectedDeadLetter>
}

interface CorrectedDeadLetter {
  readonly coordinates: DeadLetterCoordinates
  readonly fields: Readonly<Record<string, FieldValue>>
}

type FieldValue = string | number | boolean | null

/** Limit of a correction's file, since the ledger keeps all of it. */
const CORRECTION_BYTES_MAX = 2 ** 20
/** Limit of a recorded correction, whose numbers are written out. */
const RECORDED_BYTES_MAX = 2 * CORRECTION_BYTES_MAX
const DEAD_LETTERS_MAX = 10_000
const MISTAKES_MAX = 20

const deadLetterSchema = z.strictObject({
  coordinate: z.string(),
  fields: z.record(z.string(), z.union([z.string(), z.number(), z.boolean(), z.null()])),
})

/**
 * Reads a file of corrections: JSON Lines of `{"coordinate": "topic/partition/offset", "fields": {…}}`. Throws
 * `bad_fix_file` with every mistake in it.
 */
export function parseCorrection(text: string, exchange: Exchange): Correction {
  if (text.length > CORRECTION_BYTES_MAX) throw badCorrection([`it is longer than ${CORRECTION_BYTES_MAX} characters`])
  const lines = text.split('\n').map((line, index) => [`line ${index + 1}`, line] as const)
  return correctionOf(
    lines.filter(([, line]) => line.trim() !== '').map(([where, line]) => [where, jsonOf(line)]),
    exchange,
  )
}

/**
 * Reads corrections as the ledger of replays keeps them: what the lines of a file had, as one list. Throws
 * `bad_fix_file`.
 */
export function parseRecordedCorrection(json: string, exchange: Exchange): Correction {
  if (json.length > RECORDED_BYTES_MAX) throw badCorrection([`they are longer than ${RECORDED_BYTES_MAX} characters`])
  const list = jsonOf(json)
  if (!Array.isArray(list)) throw badCorrection(['they are not a list'])
  return correctionOf(
    list.map((entry: unknown, index) => [`correction ${index + 1}`, entry] as const),
    exchange,
  )
}

/** Of what was written at some places, as far as it is JSON. */
function correctionOf(entries: readonly (readonly [where: string, json: unknown])[], exchange: Exchange): Correction {
  const mistakes: string[] = []
  const types = fieldTypes(exchange)
  const deadLetters = new Map<string, CorrectedDeadLetter>()
  for (const [where, json] of entries) {
    const found = parseDeadLetter(json, types)
    if (typeof found === 'string') mistakes.push(`${where}: ${found}`)
    else if (deadLetters.has(coordinateText(found.coordinates))) mistakes.push(`${where}: its coordinate came before`)
    else deadLetters.set(coordinateText(found.coordinates), found)
  }
  if (deadLetters.size > DEAD_LETTERS_MAX)
    mistakes.push(`it corrects ${deadLetters.size} dead letters, more than ${DEAD_LETTERS_MAX}`)
  if (deadLetters.size === 0 && mistakes.length === 0) mistakes.push('it corrects no dead letter')
  if (mistakes.length > 0) throw badCorrection(mistakes)
  return { deadLetters }
}

export function badCorrection(mistakes: readonly string[]): UsageError {
  const more = mistakes.length > MISTAKES_MAX ? [`and ${mistakes.length - MISTAKES_MAX} more`] : []
  return new UsageError(
    'bad_fix_file',
    `the corrections can't be used:\n- ${[...mistakes.slice(0, MISTAKES_MAX), ...more].join('\n- ')}`,
    {
      hint: 'nothing was written; write one {"coordinate": "topic/partition/offset", "fields": {"price": "1.5"}} a line',
    },
  )
}

/** `topic/partition/offset`; undefined for anything else. */
export function parseCoordinate(text: string): DeadLetterCoordinates | undefined {
  const [, topic, partition, offset] = /^(.+)\/(\d{1,9})\/(\d{1,18})$/.exec(text) ?? []
  if (!topic || !partition || !offset) return undefined
  return { topic, partition: Number(partition), offset: BigInt(offset) }
}

/** Parses a text; undefined for one that is no JSON. */
function jsonOf(text: string): unknown {
  try {
    return readJson(text)
  } catch {
    return undefined
  }
}

function parseDeadLetter(json: unknown, types: ReadonlyMap<string, string>): CorrectedDeadLetter | string {
  if (json === undefined) return 'it is not JSON'
  const parsed = deadLetterSchema.safeParse(json)
  if (!parsed.success) return parsed.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`).join('; ')
  const { coordinate, fields } = parsed.data
  const coordinates = parseCoordinate(coordinate)
  if (!coordinates) return `"${coordinate}" is not topic/partition/offset`
  if (Object.keys(fields).length === 0) return 'it corrects no field'
  const unknown = Object.keys(fields).filter((name) => !types.has(name))
  if (unknown.length > 0) return `the record has no field ${unknown.join(', ')}; it has ${[...types.keys()].join(', ')}`
  const inexact = Object.entries(fields).filter(
    ([name, value]) => types.get(name) === 'long' && typeof value === 'number' && !Number.isSafeInteger(value),
  )
  if (inexact.length > 0) return `${inexact.map(([name]) => name).join(', ')}: write a large integer as text`
  return { coordinates, fields }
}

const recordSchema = z.object({
  fields: z.array(z.object({ name: z.string(), type: z.unknown() })),
})

/** The primitive type of each field of the exchange's record; of a union with null, the other one. */
function fieldTypes({ schema }: Exchange): Map<string, string> {
  const { fields } = recordSchema.parse(JSON.parse(schema))
  return new Map(fields.map(({ name, type }) => [name, String([type].flat().find((one) => one !== 'null'))]))
}

/**
 * Corrected dead letters are encoded by the exchange's own schema, whatever they were before: it is the one of every
 * id.
 */
export function correctionRegistry({ schema }: Exchange): SchemaRegistry {
  return {
    schema: async () => ({ kind: 'found', schema }),
    register: () => Promise.reject(new RangeError('corrected dead letters register no schema')),
  }
}

/** Decoders for corrected dead letters. */
export function correctedLookup(exchange: Exchange, decoding: DecodingVersion): DecoderLookup {
  return decoderLookup(correctionRegistry(exchange), readerSchemaOf(exchange), decoding)
}

/** The batch with the corrections in its bytes, and what is wrong with them. */
export async function applyCorrection(
  batch: DeadLetterBatch,
  correction: Correction,
  exchange: Exchange,
  lookup: DecoderLookup,
): Promise<{ readonly batch: DeadLetterBatch; readonly mistakes: readonly string[] }> {
  const { rows } = batch
  const coordinates = Array.from({ length: rows.count }, (_, row) => coordinateText(coordinatesOf(batch, row)))
  const { raw, mistakes } = await correctRecords({ coordinates, raw: rows.raw }, correction, exchange, lookup)
  return { batch: { ...batch, rows: { ...rows, raw } }, mistakes }
}

interface CorrectedRecords {
  /** Bytes of the corrected records; null where a correction makes no record. */
  readonly raw: BytesColumn
  /** Why it makes none: texts for people that begin with the coordinate. */
  readonly mistakes: readonly string[]
}

/**
 * Records with their corrections in them. One that can't be decoded is made of the correction alone; without a schema
 * id it gets 0, which no schema has.
 */
export async function correctRecords(
  { coordinates, raw }: { readonly coordinates: readonly string[]; readonly raw: BytesColumn },
  correction: Correction,
  exchange: Exchange,
  lookup: DecoderLookup,
): Promise<CorrectedRecords> {
  const types = fieldTypes(exchange)
  const encode = compileEncoder(exchange.schema)
  const { columns, valid } = await decodeRows(
    { ...NO_ROWS, count: coordinates.length, raw },
    readerSchemaOf(exchange),
    lookup,
  )
  const mistakes: string[] = []
  const records = coordinates.map((coordinate, row) => {
    const record = valid[row] === 1 ? recordAt(columns, types, row) : {}
    for (const [name, value] of Object.entries(correction.deadLetters.get(coordinate)?.fields ?? {})) {
      record[name] = types.get(name) === 'long' && typeof value === 'string' ? bigintOf(value) : value
    }
    const id = frameSchemaId(raw.data, raw.offsets[row] as number, raw.offsets[row + 1] as number)
    try {
      return encode(record, wireHeader(Math.max(0, id)))
    } catch (error) {
      if (!(error instanceof AssayError)) throw error
      mistakes.push(`${coordinate}: ${error.message}`)
      return undefined
    }
  })
  return { raw: bytesColumn(records), mistakes }
}

function recordAt(
  { fields, source }: DecodedColumns,
  types: ReadonlyMap<string, string>,
  row: number,
): Record<string, unknown> {
  const record: Record<string, unknown> = {}
  for (const [name, type] of types) {
    const field = fields[name]
    if (field) record[name] = valueAt(field, type, source, row)
  }
  return record
}

function valueAt(field: DecodedField, type: string, source: Uint8Array, row: number): unknown {
  if (field.nulls[row] === 1) return null
  switch (field.kind) {
    case 'long':
      return type === 'int' ? Number(field.data[row]) : field.data[row]
    case 'double':
      return field.data[row]
    case 'boolean':
      return field.data[row] === 1
    case 'span': {
      const bytes = source.slice(field.starts[row], field.ends[row])
      return type === 'bytes' ? bytes : new TextDecoder().decode(bytes)
    }
  }
}

/** The number that a text is, or the text, which the encoder then names as wrong. */
function bigintOf(text: string): bigint | string {
  return /^-?\d{1,19}$/.test(text) ? BigInt(text) : text
}
