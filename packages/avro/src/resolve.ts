import { AssayError } from '@assay/core'
import type { Type, types } from 'avsc'
import type { Primitive, ReaderField, ReaderPlan } from './reader-plan.js'
import { isRecord, schemaInvalid, unionBranches, unqualified } from './schema.js'
import { Op, type Step, step } from './step.js'

/** How a writer's record becomes a reader's columns. */
export interface Resolution {
  /** One step for each of the writer's fields, in its order. */
  readonly steps: readonly Step[]
  /** The reader's fields (by column) that the writer lacks; each has a default. */
  readonly defaulted: readonly number[]
}

/**
 * Schema resolution by the rules of the Avro specification ("Schema Resolution"). As there, a union
 * of which the reader can take only some branches is fine until a record comes with another one.
 * Throws `schema_incompatible`.
 */
export function resolve(writer: types.RecordType, reader: ReaderPlan): Resolution {
  checkName(writer, reader)
  const skipped: Skipped = { steps: new Map(), slot: reader.fields.length }
  const columns = new Map<types.Field, number>()
  const defaulted: number[] = []
  reader.fields.forEach((field, column) => {
    const match = writersField(writer, field)
    if (match) columns.set(match, column)
    else if (field.default.kind !== 'none') defaulted.push(column)
    else throw incompatible(field.name, 'the writer lacks it and the reader has no default')
  })
  const steps = writer.fields.map((field) => {
    const column = columns.get(field)
    if (column === undefined) return skipStep(field.type, skipped)
    return fieldStep(field.type, reader.fields[column] as ReaderField, column)
  })
  return { steps, defaulted }
}

function incompatible(field: string, difference: string): AssayError {
  return new AssayError('schema_incompatible', `field "${field}": ${difference}`, {
    hint: "register a writer's schema that the current one can read: new fields need defaults, types may only be promoted",
  })
}

function checkName(writer: types.RecordType, reader: ReaderPlan): void {
  const known = [reader.name, ...reader.aliases].map(unqualified)
  if (writer.name !== undefined && known.includes(unqualified(writer.name))) return
  throw new AssayError(
    'schema_incompatible',
    `the writer's record is "${writer.name}", the reader's "${reader.name}"`,
    {
      hint: "give the reader's record the writer's name as an alias",
    },
  )
}

function writersField(writer: types.RecordType, field: ReaderField): types.Field | undefined {
  for (const name of [field.name, ...field.aliases]) {
    const match = writer.fields.find((candidate) => candidate.name === name)
    if (match) return match
  }
  return undefined
}

function fieldStep(written: Type, field: ReaderField, column: number): Step {
  const branches = unionBranches(written)
  if (!branches) {
    const single = valueStep(written, field, column)
    if (single.op === Op.refuse) throw incompatible(field.name, difference(written, field))
    return single
  }
  const union = step(Op.union, column)
  for (const branch of branches) union.children.push(valueStep(branch, field, column))
  if (union.children.every((branch) => branch.op === Op.refuse))
    throw incompatible(field.name, difference(written, field))
  return union
}

function difference(written: Type, field: ReaderField): string {
  const wanted = field.nullable ? `null or ${field.primitive}` : field.primitive
  return `the writer has ${written.toString()}, the reader ${wanted}`
}

function valueStep(written: Type, field: ReaderField, column: number): Step {
  if (written.typeName === 'null') return step(field.nullable ? Op.null : Op.refuse, column)
  return step(PROMOTIONS[field.primitive][written.typeName] ?? Op.refuse, column)
}

/** For each of the reader's types, the writer's types that it takes. */
const PROMOTIONS: Record<Primitive, Readonly<Record<string, Step['op']>>> = {
  int: { int: Op.int },
  long: { int: Op.int, long: Op.long },
  float: { int: Op.intAsFloat, long: Op.longAsFloat, float: Op.float },
  double: { int: Op.intAsDouble, long: Op.longAsDouble, float: Op.float, double: Op.double },
  boolean: { boolean: Op.boolean },
  string: { string: Op.text, bytes: Op.text },
  bytes: { string: Op.text, bytes: Op.bytes },
}

/** The steps made so far for types that no column takes, and the slot that takes nothing. */
interface Skipped {
  readonly steps: Map<Type, Step>
  readonly slot: number
}

function skipStep(type: Type, skipped: Skipped): Step {
  const known = skipped.steps.get(type)
  if (known) return known
  const made = emptySkipStep(type, skipped.slot)
  skipped.steps.set(type, made)
  for (const child of childTypes(type)) made.children.push(skipStep(child, skipped))
  return made
}

const SKIPPED: Readonly<Record<string, Step['op']>> = {
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
}

function emptySkipStep(type: Type, slot: number): Step {
  const op = unionBranches(type) ? Op.union : SKIPPED[type.typeName]
  if (op === undefined) throw schemaInvalid(`type ${type.typeName} is not known`)
  if (op === Op.fixed) return step(op, slot, (type as types.FixedType).size)
  return step(op, slot, op === Op.enum ? (type as types.EnumType).symbols.length : 0)
}

function childTypes(type: Type): readonly Type[] {
  if (isRecord(type)) return type.fields.map((field) => field.type)
  if (type.typeName === 'array') return [(type as types.ArrayType).itemsType]
  if (type.typeName === 'map') return [(type as types.MapType).valuesType as Type]
  return unionBranches(type) ?? []
}
