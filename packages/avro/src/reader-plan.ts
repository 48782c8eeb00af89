import { AssayError } from '@assay/core'
import type { Type } from 'avsc'
import { parseRecordSchema, schemaInvalid, unionBranches } from './schema.js'
import { parseWriterSchema, type WriterType } from './writer-schema.js'

/** Types that a field of a reader schema may have, by itself or in a union with null. */
const PRIMITIVES = ['int', 'long', 'float', 'double', 'boolean', 'string', 'bytes'] as const
export type Primitive = (typeof PRIMITIVES)[number]

/** What a row gets when its writer's schema lacks the field; spans lie in the plan's `defaultBytes`. */
type FieldDefault =
  | { readonly kind: 'none' }
  | { readonly kind: 'null' }
  | { readonly kind: 'long'; readonly value: bigint }
  | { readonly kind: 'double'; readonly value: number }
  | { readonly kind: 'boolean'; readonly value: boolean }
  | { readonly kind: 'span'; readonly start: number; readonly end: number }

export interface ReaderField {
  readonly name: string
  readonly aliases: readonly string[]
  readonly primitive: Primitive
  readonly nullable: boolean
  /** What its values mean beyond their bytes, as `timestamp-millis`; empty where the schema doesn't say. */
  readonly logical: string
  readonly default: FieldDefault
}

/** A record schema read as a table of columns. */
export interface ReaderPlan {
  readonly name: string
  readonly aliases: readonly string[]
  readonly fields: readonly ReaderField[]
  /** The defaults of all string and bytes fields, one after the other. */
  readonly defaultBytes: Uint8Array
}

/** Plans made before, since a batch asks for its schema's anew: schemas of our own, of which there are few. */
const known = new Map<string, ReaderPlan>()
const KNOWN_MAX = 100

/** Throws `schema_invalid`, or `schema_not_columnar` for a field that no column can hold. */
export function readerPlan(schema: string): ReaderPlan {
  const found = known.get(schema)
  if (found) return found
  const plan = newPlan(schema)
  if (known.size < KNOWN_MAX) known.set(schema, plan)
  return plan
}

function newPlan(schema: string): ReaderPlan {
  const record = parseRecordSchema(schema)
  const types = parseWriterSchema({ schema }).children
  const chunks: Uint8Array[] = []
  let used = 0
  const keep = (bytes: Uint8Array): FieldDefault => {
    chunks.push(bytes)
    const start = used
    used += bytes.length
    return { kind: 'span', start, end: used }
  }
  const fields = record.fields.map((field, index): ReaderField => {
    const { primitive, nullable } = columnType(field.name, field.type)
    return {
      name: field.name,
      aliases: field.aliases,
      primitive,
      nullable,
      logical: logicalOf(types[index]),
      default: fieldDefault(primitive, field.defaultValue(), keep),
    }
  })
  const name = record.name
  if (name === undefined) throw schemaInvalid('the record has no name')
  return { name, aliases: record.aliases ?? [], fields, defaultBytes: Buffer.concat(chunks) }
}

/** Logical type; of a union with null, that of the other branch. */
function logicalOf(type: WriterType | undefined): string {
  const value = type?.kind === 'union' ? type.children.find(({ kind }) => kind !== 'null') : type
  return value?.logical ?? ''
}

function columnType(name: string, type: Type): { primitive: Primitive; nullable: boolean } {
  const branches = unionBranches(type)
  const valued = branches?.filter((branch) => branch.typeName !== 'null') ?? [type]
  const primitive = PRIMITIVES.find((name) => name === valued[0]?.typeName)
  if (primitive === undefined || valued.length !== 1) {
    throw new AssayError('schema_not_columnar', `field "${name}": no column can hold ${type.toString()}`, {
      hint: `a reader's field is one of ${PRIMITIVES.join(', ')}, or a union of one of them with null`,
    })
  }
  return { primitive, nullable: branches?.length === 2 }
}

function fieldDefault(primitive: Primitive, value: unknown, keep: (bytes: Uint8Array) => FieldDefault): FieldDefault {
  if (value === undefined) return { kind: 'none' }
  if (value === null) return { kind: 'null' }
  switch (primitive) {
    case 'int':
    case 'long':
      return { kind: 'long', value: BigInt(value as number) }
    case 'float':
    case 'double':
      return { kind: 'double', value: value as number }
    case 'boolean':
      return { kind: 'boolean', value: value as boolean }
    case 'string':
      return keep(Buffer.from(value as string, 'utf8'))
    case 'bytes':
      return keep(value as Uint8Array)
  }
}
