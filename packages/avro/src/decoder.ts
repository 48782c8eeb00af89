import { AssayError } from '@assay/core'
import { clearRow, type DecodedColumns, emptySlots, type Slot } from './columns.js'
import { Cursor } from './cursor.js'
import { extraFields } from './extra-fields.js'
import { type DecodeFailure, fieldFailure } from './failure.js'
import { FlatRecord } from './flat-record.js'
import { type ReaderField, type ReaderPlan, readerPlan } from './reader-plan.js'
import { incompatible, type Resolution, type ResolveOptions, resolve, wanted } from './resolve.js'
import { parseRecordSchema } from './schema.js'
import { type Step, take } from './step.js'
import { describeType, parseWriterSchema, type WriterSchema, type WriterType } from './writer-schema.js'

/** Decodes records of one writer schema into columns of one reader schema. */
export interface ColumnDecoder {
  /**
   * Decodes the Avro body `source[start .. end)` into row `row` of columns made by `newDecodedColumns`
   * with the same reader schema and source. False when the body is not exactly one valid record within
   * the limits on depth, items and values; the row is then null. Never throws; the time is bounded by the
   * body's length and those limits.
   */
  decode(source: Uint8Array, start: number, end: number, row: number, out: DecodedColumns): boolean
  /**
   * Why `decode` gave false; undefined for a body that it takes. The fields before that place go `into` row 0 of
   * columns, if there are any. For the few that need it: it costs more than decoding.
   */
  explain(source: Uint8Array, start: number, end: number, into?: DecodedColumns): DecodeFailure | undefined
  /** Whether the writer's schema lets fields be null where the reader wants a value. */
  readonly mayLackValues: boolean
  /** Fields of a decoded row that are null although the reader wants a value. */
  missingFields(row: number, out: DecodedColumns): readonly string[]
  /** Whether the writer's schema has fields beyond the reader's. */
  readonly hasExtraFields: boolean
  /**
   * What a body that `decode` takes has beyond the reader's fields, as the text of a JSON object; undefined where the
   * schema has nothing beyond them. What would be too long is left out, and named under `_omitted`.
   */
  extraFields(source: Uint8Array, start: number, end: number): string | undefined
}

/**
 * How records are read. 2: writers' schemas leniently, logical types compared, a null left null. 1, as lakes made
 * before have it in their past: strictly, logical types read over, a null where a value is wanted no record.
 */
export type DecodingVersion = 1 | 2
export const DECODING_VERSION = 2

/**
 * Throws `schema_invalid`, `schema_not_columnar` (reader) and `schema_incompatible`, which names every field with what
 * was found and what is wanted.
 */
export function compileColumnDecoder(
  writer: string | WriterSchema,
  readerSchema: string,
  version: DecodingVersion = DECODING_VERSION,
): ColumnDecoder {
  const schema = typeof writer === 'string' ? { schema: writer } : writer
  if (version === 1) parseRecordSchema(schema.schema)
  return new Decoder(parseWriterSchema(schema), readerPlan(readerSchema), {
    logicalTypes: version > 1,
    nulls: version > 1,
  })
}

/** A record that the writer's bytes may be, or why the reader can't take it. */
type Branch = { readonly type: WriterType } & ({ readonly resolution: Resolution } | { readonly why: string | null })

class Decoder implements ColumnDecoder {
  readonly #reader: ReaderPlan
  readonly #cursor = new Cursor()
  /** At the top of the writer's schema there is a union, whose branch comes before the record. */
  readonly #isUnion: boolean
  readonly #branches: readonly Branch[]
  /** Of a writer whose records are plain, and how those are resolved. */
  readonly #flat: FlatRecord | undefined
  readonly #flatResolution: Resolution | undefined
  readonly mayLackValues: boolean
  readonly hasExtraFields: boolean

  constructor(writer: WriterType, reader: ReaderPlan, options: ResolveOptions) {
    this.#reader = reader
    this.#isUnion = writer.kind === 'union'
    const types = this.#isUnion ? writer.children : [writer]
    this.#branches = types.map((type) => branchOf(type, reader, options))
    const resolutions = this.#branches.flatMap((branch) => ('resolution' in branch ? [branch.resolution] : []))
    this.mayLackValues = resolutions.some(({ required }) => required.length > 0)
    this.hasExtraFields = resolutions.some(({ extra }) => extra.length > 0)
    this.#flatResolution = this.#isUnion ? undefined : resolutions[0]
    this.#flat = this.#flatResolution && FlatRecord.of(this.#flatResolution.steps, reader.fields.length)
    if (resolutions.length > 0) return
    const reasons = this.#branches.flatMap((branch) => ('why' in branch && branch.why !== null ? [branch.why] : []))
    throw incompatible(reasons.length > 0 ? reasons : [`found ${describeType(writer)}, wanted record ${reader.name}`])
  }

  decode(source: Uint8Array, start: number, end: number, row: number, out: DecodedColumns): boolean {
    if (!(start >= 0 && start <= end && end <= source.length)) return false
    const resolution = this.#flat?.take(source, start, end, out.slots, row)
      ? this.#flatResolution
      : this.#takeBySteps(source, start, end, row, out)
    if (!resolution) return false
    out.bodyStarts[row] = start
    out.bodyEnds[row] = end
    const { defaulted } = resolution
    for (let i = 0; i < defaulted.length; i++) {
      const column = defaulted[i] as number
      putDefault(this.#reader.fields[column] as ReaderField, out.slots[column] as Slot, row, source.length)
    }
    return true
  }

  /** How the body was read; undefined for one that can't be, and then the row is null. */
  #takeBySteps(
    source: Uint8Array,
    start: number,
    end: number,
    row: number,
    out: DecodedColumns,
  ): Resolution | undefined {
    this.#cursor.open(source, start, end)
    const resolution = this.#resolution()
    if (resolution && this.#decodeBody(resolution, out, row)) return resolution
    clearRow(out, row)
    return undefined
  }

  #decodeBody({ steps }: Resolution, out: DecodedColumns, row: number): boolean {
    for (let i = 0; i < steps.length; i++) {
      if (!take(steps[i] as Step, this.#cursor, out.slots, row, 1)) return false
    }
    return this.#cursor.at === this.#cursor.end
  }

  /** How to read the record at the cursor; undefined for one that the reader can't take. */
  #resolution(): Resolution | undefined {
    const branch = this.#branch()
    return branch && 'resolution' in branch ? branch.resolution : undefined
  }

  #branch(): Branch | undefined {
    if (!this.#isUnion) return this.#branches[0]
    return this.#cursor.index(this.#branches.length) ? this.#branches[this.#cursor.low] : undefined
  }

  explain(source: Uint8Array, start: number, end: number, into?: DecodedColumns): DecodeFailure | undefined {
    const slots = into?.slots ?? emptySlots(this.#reader.fields.length)
    const cursor = this.#cursor
    cursor.open(source, start, end)
    const branch = this.#branch()
    if (!branch)
      return { kind: 'damaged', read: 0, why: 'it begins with no branch of the union at the top of its schema' }
    if (!('resolution' in branch)) {
      if (branch.why !== null) return { kind: 'incompatible', read: cursor.at - start, why: branch.why }
      if (cursor.at === end) return { kind: 'null', read: end - start, why: 'the record is null' }
      return { kind: 'damaged', read: cursor.at - start, why: behind('the null that the record is', end - cursor.at) }
    }
    const { type, resolution } = branch
    for (const [i, step] of resolution.steps.entries()) {
      const fieldStart = cursor.at
      if (take(step, cursor, slots, 0, 1)) continue
      const column = this.#reader.fields[step.slot]
      const field = {
        name: type.names[i] ?? '',
        type: type.children[i] as WriterType,
        wanted: column && wanted(column),
      }
      return fieldFailure(field, step, cursor, start, fieldStart)
    }
    if (cursor.at === end) return undefined
    return { kind: 'damaged', read: cursor.at - start, why: behind('its last field', end - cursor.at) }
  }

  missingFields(row: number, out: DecodedColumns): readonly string[] {
    const missing = new Set<string>()
    for (const branch of this.#branches) {
      if (!('resolution' in branch)) continue
      for (const column of branch.resolution.required) {
        if (out.slots[column]?.nulls[row] === 1) missing.add((this.#reader.fields[column] as ReaderField).name)
      }
    }
    return [...missing]
  }

  extraFields(source: Uint8Array, start: number, end: number): string | undefined {
    this.#cursor.open(source, start, end)
    const branch = this.#branch()
    if (!branch || !('resolution' in branch) || branch.resolution.extra.length === 0) return undefined
    return extraFields(branch.type, branch.resolution.extra, this.#cursor)
  }
}

function branchOf(type: WriterType, reader: ReaderPlan, options: ResolveOptions): Branch {
  if (type.kind === 'null') return { type, why: null }
  try {
    return { type, resolution: resolve(type, reader, options) }
  } catch (error) {
    if (!(error instanceof AssayError) || error.code !== 'schema_incompatible') throw error
    return { type, why: error.message }
  }
}

function behind(what: string, bytes: number): string {
  return `${bytes} byte${bytes === 1 ? ' lies' : 's lie'} behind ${what}`
}

function putDefault({ default: value }: ReaderField, slot: Slot, row: number, textsStart: number): void {
  switch (value.kind) {
    case 'none':
    case 'null':
      return
    case 'long':
      slot.words[2 * row] = Number(BigInt.asIntN(32, value.value))
      slot.words[2 * row + 1] = Number(value.value >> 32n)
      break
    case 'double':
      slot.numbers[row] = value.value
      break
    case 'boolean':
      slot.numbers[row] = value.value ? 1 : 0
      break
    case 'span':
      slot.starts[row] = textsStart + value.start
      slot.ends[row] = textsStart + value.end
      break
  }
  slot.nulls[row] = 0
}
