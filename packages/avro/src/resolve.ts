import { AssayError } from '@assay/core'
import type { Primitive, ReaderField, ReaderPlan } from './reader-plan.js'
import { unqualified } from './schema.js'
import { Op, type Step, step } from './step.js'
import { describeType, type WriterKind, type WriterType } from './writer-schema.js'

/** How a writer's record becomes a reader's columns. */
export interface Resolution {
  /** One step for each of the writer's fields, in its order. */
  readonly steps: readonly Step[]
  /** The reader's fields (by column) that the writer lacks; each has a default. */
  readonly defaulted: readonly number[]
  /** The reader's fields (by column) that must have a value and for which the writer may have none. */
  readonly required: readonly number[]
  /** The writer's fields (by step) that the reader lacks. */
  readonly extra: readonly number[]
}

export interface ResolveOptions {
  /** Compare logical types; without, they stand for the types beneath them. */
  readonly logicalTypes: boolean
  /** Leave a column null where the writer has null and the reader wants a value; without, the record is refused. */
  readonly nulls: boolean
  /** Refuse a union of which the reader takes only some branches. */
  readonly everyBranch?: boolean
}

/**
 * Schema resolution by the rules of the Avro specification ("Schema Resolution"), and by logical types: a number is
 * never read from bytes that mean something else. As there, a union of which the reader can take only some branches
 * is fine until a record comes with another one. Throws `schema_incompatible` with every difference.
 */
export function resolve(writer: WriterType, reader: ReaderPlan, options: ResolveOptions): Resolution {
  const differences: string[] = []
  const named = differentName(writer, reader)
  if (named !== undefined) throw incompatible([named])
  const skipped: Skipped = { steps: new Map(), slot: reader.fields.length }
  const written = new Map(writer.names.map((name, index) => [name, index]))
  const columns = new Map<number, number>()
  const defaulted: number[] = []
  const required: number[] = []
  reader.fields.forEach((field, column) => {
    const match = [field.name, ...field.aliases].map((name) => written.get(name)).find((index) => index !== undefined)
    if (match !== undefined) columns.set(match, column)
    else if (field.default.kind !== 'none') defaulted.push(column)
    else differences.push(`field "${field.name}": the writer's schema lacks it, wanted ${wanted(field)}`)
  })
  const extra: number[] = []
  const steps = writer.children.map((type, index) => {
    const column = columns.get(index)
    if (column === undefined) {
      extra.push(index)
      return skipStep(type, skipped)
    }
    const field = reader.fields[column] as ReaderField
    const made = fieldStep(type, field, column, options)
    const isRefused = options.everyBranch === true && made.children.some(({ op }) => op === Op.refuse)
    if (isRefused || givesNothing(made, field)) {
      differences.push(`field "${field.name}": found ${describeType(type)}, wanted ${wanted(field)}`)
    }
    if (!field.nullable && made.op === Op.union && made.children.some(({ op }) => op === Op.null)) required.push(column)
    return made
  })
  if (differences.length > 0) throw incompatible(differences)
  return { steps, defaulted, required, extra }
}

const DIFFERENCES_MAX = 20

export function incompatible(differences: readonly string[]): AssayError {
  const more = differences.length > DIFFERENCES_MAX ? `; and ${differences.length - DIFFERENCES_MAX} more` : ''
  const text = `${differences.slice(0, DIFFERENCES_MAX).join('; ')}${more}`
  return new AssayError('schema_incompatible', text, {
    hint: "register a writer's schema that the reader's can read: no wanted field missing, types only promoted",
  })
}

function differentName(writer: WriterType, reader: ReaderPlan): string | undefined {
  if (writer.kind !== 'record') return `found ${describeType(writer)}, wanted record ${unqualified(reader.name)}`
  const known = [reader.name, ...reader.aliases].map(unqualified)
  if (writer.name !== '' && known.includes(unqualified(writer.name))) return undefined
  return `found record "${writer.name}", wanted record "${reader.name}"`
}

/** What the field takes, in words. */
export function wanted({ primitive, nullable, logical }: ReaderField): string {
  const type = logical === '' ? primitive : `${primitive} (${logical})`
  return nullable ? `null or ${type}` : type
}

/** True when no value of the writer's can ever come into the column. */
function givesNothing(made: Step, { nullable }: ReaderField): boolean {
  const ops = made.op === Op.union ? made.children.map(({ op }) => op) : [made.op]
  return ops.every((op) => op === Op.refuse || (op === Op.null && !nullable))
}

function fieldStep(written: WriterType, field: ReaderField, column: number, options: ResolveOptions): Step {
  if (written.kind !== 'union') return valueStep(written, field, column, options)
  const union = step(Op.union, column)
  for (const branch of written.children) union.children.push(valueStep(branch, field, column, options))
  return union
}

function valueStep(written: WriterType, field: ReaderField, column: number, options: ResolveOptions): Step {
  if (written.kind === 'null') return step(field.nullable || options.nulls ? Op.null : Op.refuse, column)
  if (options.logicalTypes && !meansTheSame(written, field)) return step(Op.refuse, column)
  return step(PROMOTIONS[field.primitive][written.kind] ?? Op.refuse, column)
}

/** For each of the reader's types, the writer's types that it takes. */
const PROMOTIONS: Record<Primitive, Readonly<Partial<Record<WriterKind, Step['op']>>>> = {
  int: { int: Op.int },
  long: { int: Op.int, long: Op.long },
  float: { int: Op.intAsFloat, long: Op.longAsFloat, float: Op.float },
  double: { int: Op.intAsDouble, long: Op.longAsDouble, float: Op.float, double: Op.double },
  boolean: { boolean: Op.boolean },
  string: { string: Op.text, bytes: Op.text },
  bytes: { string: Op.text, bytes: Op.bytes },
}

/** The logical types by which numbers of a kind are no counts. Others are not known to Avro, which reads over them. */
const TIMES: ReadonlySet<string> = new Set([
  'date',
  'time-millis',
  'time-micros',
  'timestamp-millis',
  'timestamp-micros',
  'timestamp-nanos',
  'local-timestamp-millis',
  'local-timestamp-micros',
  'local-timestamp-nanos',
])

/**
 * False where the writer says that its values mean something else than the reader takes them for. A writer that says
 * nothing is believed; bytes with any meaning of their own are neither text nor plain bytes.
 */
function meansTheSame({ kind, logical }: WriterType, field: ReaderField): boolean {
  if (logical === '' || logical === field.logical) return true
  if (kind === 'bytes') return false
  return !(kind === 'int' || kind === 'long') || !(TIMES.has(logical) || logical.startsWith('decimal'))
}

/** The steps made so far for types that no column takes, and the slot that takes nothing. */
interface Skipped {
  readonly steps: Map<WriterType, Step>
  readonly slot: number
}

/** Goes from type to type without recursion: named types may follow one another in any number. */
function skipStep(type: WriterType, skipped: Skipped): Step {
  const waiting: WriterType[] = []
  const stepOf = (each: WriterType): Step => {
    const known = skipped.steps.get(each)
    if (known) return known
    const made = step(SKIPPED[each.kind], skipped.slot, each.kind === 'enum' ? each.names.length : each.size)
    skipped.steps.set(each, made)
    waiting.push(each)
    return made
  }
  const first = stepOf(type)
  for (let next = waiting.pop(); next; next = waiting.pop()) {
    const made = stepOf(next)
    for (const child of next.children) made.children.push(stepOf(child))
  }
  return first
}

const SKIPPED: Readonly<Record<WriterKind, Step['op']>> = {
  null: Op.null,
  boolean: Op.boolean,
  int: Op.int,
  long: Op.long,
  float: Op.float,
  double: Op.double,
  string: Op.text,
  bytes: Op.bytes,
  fixed: Op.fixed,
  enum: Op.enum,
  array: Op.array,
  map: Op.map,
  record: Op.record,
  union: Op.union,
}
