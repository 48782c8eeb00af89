import type { Random } from '@assay/core'
import avsc, { type Type } from 'avsc'
import { long, type SchemaField } from './cells.js'

/** What an independent reading of the specification makes of a pair of schemas and a record. */
export interface Pair {
  readonly reader: string
  readonly writer: string
  readonly body: Uint8Array
  readonly expected:
    | { readonly kind: 'refused'; readonly fields: readonly string[] }
    | { readonly kind: 'failed'; readonly problem: 'incompatible' | 'damaged'; readonly field: string }
    | {
        readonly kind: 'decoded'
        readonly cells: Readonly<Record<string, unknown>>
        readonly missing: readonly string[]
        readonly extra: readonly string[]
      }
}

const PRIMITIVES = ['int', 'long', 'float', 'double', 'boolean', 'string', 'bytes'] as const
const DEFAULTS: Readonly<Record<string, unknown>> = {
  int: 7,
  long: -8,
  float: 0.5,
  double: 1.25,
  boolean: true,
  string: 'x',
  bytes: 'y',
}
/** Defaults that registries accept and strict readers don't: a writer's are never used to read. */
const ODD_DEFAULTS: readonly unknown[] = [null, 'x', 0, {}, [], true, 'NaN']

interface Written {
  readonly field: SchemaField
  /** The branch that the record has; the type itself where there is no union. */
  readonly branch: { readonly type: Type; readonly logical: string }
  readonly bytes: Uint8Array
}

/** Makes pairs of schemas, some of which don't fit, with a record of the writer's. */
export class PairMaker {
  readonly #random: Random
  #names = 0
  #pairs = 0
  #reader: readonly SchemaField[] = []

  constructor(random: Random) {
    this.#random = random
  }

  next(): Pair {
    this.#names = 0
    // Compiling a reader's schema takes longer than all else.
    if (this.#pairs++ % 25 === 0)
      this.#reader = Array.from({ length: 1 + this.#below(5) }, (_, i) => this.#readerField(i))
    const readerFields = this.#reader
    const written: Written[] = []
    for (const field of readerFields) {
      if (this.#chance(0.9))
        written.push(this.#written(this.#pick([field.name, field.name, ...(field.aliases ?? [])]), field))
    }
    for (let i = this.#below(3); i > 0; i--) written.splice(this.#below(written.length + 1), 0, this.#written(`x${i}`))
    const name = this.#chance(0.97) ? 'org.a.Row' : 'org.a.Other'
    const record = { type: 'record', name, fields: written.map(({ field }) => field) }
    const top = this.#chance(0.1) ? ['null', record] : record
    const body = Buffer.concat([...(top === record ? [] : [Uint8Array.of(2)]), ...written.map(({ bytes }) => bytes)])
    const reader = { type: 'record', name: 'Row', namespace: 'org.b', fields: readerFields }
    const expected =
      name === 'org.a.Row' ? expectation(readerFields, written) : ({ kind: 'refused', fields: ['Other'] } as const)
    return { reader: JSON.stringify(reader), writer: JSON.stringify(top), body, expected }
  }

  #readerField(index: number): SchemaField {
    const primitive = this.#pick(PRIMITIVES)
    const isTime = primitive === 'long' && this.#chance(0.3)
    const type = isTime ? { type: 'long', logicalType: 'timestamp-millis' } : primitive
    const nullable = this.#chance(0.3)
    const fallback = nullable ? null : DEFAULTS[primitive]
    return {
      name: `f${index}`,
      type: nullable ? ['null', type] : type,
      ...(this.#chance(0.3) && { aliases: [`a${index}`] }),
      ...(this.#chance(0.5) && { default: fallback }),
    }
  }

  #written(name: string, reader?: SchemaField): Written {
    const branches = this.#chance(0.3) ? this.#branches(reader) : [this.#branch(reader)]
    const isUnion = branches.length > 1 || this.#chance(0.1)
    const index = this.#below(branches.length)
    const branch = branches[index] as { schema: unknown; logical: string }
    const schema = isUnion ? branches.map((each) => each.schema) : branch.schema
    const type = avscType(branch.schema)
    const bytes = Buffer.concat([Uint8Array.from(isUnion ? long(index) : []), this.#valueOf(type)])
    const odd = this.#chance(0.2) && { default: this.#pick(ODD_DEFAULTS) }
    return {
      field: { name, type: schema, ...odd },
      branch: { type, logical: branch.logical },
      bytes,
    }
  }

  #valueOf(type: Type): Uint8Array {
    // The peer's random bytes are rarely UTF-8.
    if (type.typeName === 'bytes' && this.#chance(0.7)) return type.toBuffer(Buffer.from('12.5'))
    return type.toBuffer(type.random())
  }

  /** Branches of different kinds, as a union wants them. */
  #branches(reader?: SchemaField): { schema: unknown; logical: string }[] {
    const made = [
      ...Array.from({ length: 1 + this.#below(2) }, () => this.#branch(reader)),
      { schema: 'null', logical: '' },
    ]
    const kinds = made.map(({ schema }) => kindOf(schema))
    const distinct = made.filter((_, i) => kinds.indexOf(kinds[i] as string) === i)
    return this.#chance(0.5) ? distinct.reverse() : distinct
  }

  /** Mostly something that the reader's field can take. */
  #branch(reader?: SchemaField): { schema: unknown; logical: string } {
    const wanted = reader && kindOf([reader.type].flat().find((type) => type !== 'null'))
    const fitting = PRIMITIVES.filter((kind) => wanted && readable(wanted, avscType(kind)))
    const primitive = fitting.length > 0 && this.#chance(0.85) ? this.#pick(fitting) : this.#pick(PRIMITIVES)
    if (this.#chance(reader ? 0.05 : 0.6)) return { schema: this.#nested(2), logical: '' }
    if (primitive === 'long' && this.#chance(0.3))
      return logical('long', this.#pick(['timestamp-millis', 'timestamp-micros', 'acme']))
    if (primitive === 'bytes' && this.#chance(0.3)) return logical('bytes', 'decimal')
    return { schema: primitive, logical: '' }
  }

  #nested(depth: number): unknown {
    const inner = (): unknown => (depth > 0 && this.#chance(0.5) ? this.#nested(depth - 1) : this.#pick(PRIMITIVES))
    const name = `T${this.#names++}`
    switch (this.#below(5)) {
      case 0:
        return { type: 'array', items: inner() }
      case 1:
        return { type: 'map', values: inner() }
      case 2:
        return { type: 'enum', name, symbols: ['A', 'B', 'C'] }
      case 3:
        return { type: 'fixed', name, size: 1 + this.#below(5) }
      default:
        return {
          type: 'record',
          name,
          fields: [
            { name: 'p', type: inner() },
            { name: 'q', type: ['null', 'long'] },
          ],
        }
    }
  }

  #below(limit: number): number {
    return Math.floor(this.#random.unit() * limit)
  }

  #chance(share: number): boolean {
    return this.#random.unit() < share
  }

  #pick<T>(from: readonly T[]): T {
    return from[this.#below(from.length)] as T
  }
}

function logical(type: string, logicalType: string): { schema: unknown; logical: string } {
  const decimal = logicalType === 'decimal' ? { precision: 9, scale: 2 } : {}
  return { schema: { type, logicalType, ...decimal }, logical: logicalType }
}

function kindOf(schema: unknown): string {
  return typeof schema === 'string' ? schema : String((schema as { type: unknown }).type)
}

/** The peer makes code for each type and each pair of types. */
const types = new Map<string, Type>()
const resolvers = new Map<string, ReturnType<Type['createResolver']> | undefined>()

function avscType(schema: unknown): Type {
  const key = JSON.stringify(schema)
  const known = types.get(key)
  if (known) return known
  const made = avsc.Type.forSchema(schema as avsc.Schema, { logicalTypes: {} })
  if (key.length < 100) types.set(key, made)
  return made
}

function resolver(primitive: string, written: Type): ReturnType<Type['createResolver']> | undefined {
  const key = `${primitive} ${written.typeName}`
  if (!resolvers.has(key)) resolvers.set(key, newResolver(primitive, written))
  return resolvers.get(key)
}

function newResolver(primitive: string, written: Type): ReturnType<Type['createResolver']> | undefined {
  try {
    return avscType(primitive).createResolver(written)
  } catch {
    return undefined
  }
}

/** Whether the peer can read a value of a type as the reader's primitive. */
function readable(primitive: string, written: Type): boolean {
  return resolver(primitive, written) !== undefined
}

interface Wanted {
  readonly primitive: string
  readonly isNullable: boolean
  readonly logical: string
}

function wantedOf({ type }: SchemaField): Wanted {
  const value = [type].flat().find((each) => each !== 'null')
  return {
    primitive: kindOf(value),
    isNullable: Array.isArray(type),
    logical: typeof value === 'object' ? 'timestamp-millis' : '',
  }
}

/** Meanings that the writer states must be the reader's; bytes with a meaning are nobody's text. */
function contradicts(meaning: string, { logical: wanted }: Wanted): boolean {
  return meaning !== '' && meaning !== 'acme' && meaning !== wanted
}

function fits(schema: unknown, wanted: Wanted): boolean {
  const kind = kindOf(schema)
  if (kind === 'null') return wanted.isNullable
  const meaning = typeof schema === 'object' ? String((schema as { logicalType?: unknown }).logicalType ?? '') : ''
  return readable(wanted.primitive, avscType(schema)) && !contradicts(meaning, wanted)
}

function expectation(reader: readonly SchemaField[], written: readonly Written[]): Pair['expected'] {
  const source = new Map<string, Written>()
  const refused: string[] = []
  for (const field of reader) {
    const names = [field.name, ...(field.aliases ?? [])]
    const match = names.map((name) => written.find((each) => each.field.name === name)).find((each) => each)
    if (match) source.set(field.name, match)
    const branches = match ? [match.field.type].flat() : []
    if (match ? !branches.some((branch) => fits(branch, wantedOf(field))) : !('default' in field))
      refused.push(field.name)
  }
  if (refused.length > 0) return { kind: 'refused', fields: refused }
  const cells: Record<string, unknown> = {}
  const missing: string[] = []
  for (const each of written) {
    const field = reader.find(({ name }) => source.get(name) === each)
    if (!field) continue
    const { type, logical: meaning } = each.branch
    const wanted = wantedOf(field)
    if (type.typeName === 'null') {
      cells[field.name] = null
      if (!wanted.isNullable) missing.push(field.name)
    } else if (!readable(wanted.primitive, type) || contradicts(meaning, wanted)) {
      return { kind: 'failed', problem: 'incompatible', field: each.field.name }
    } else {
      const value = writtenValue(each, wanted.primitive)
      if (value === undefined) return { kind: 'failed', problem: 'damaged', field: each.field.name }
      cells[field.name] = value
    }
  }
  for (const field of reader) {
    if (!source.has(field.name)) cells[field.name] = asCell(field.default, wantedOf(field).primitive)
  }
  const used = new Set(source.values())
  return {
    kind: 'decoded',
    cells,
    missing,
    extra: written.filter((each) => !used.has(each)).map(({ field }) => field.name),
  }
}

/** Undefined for bytes that are no text where text is wanted. */
function writtenValue({ branch, bytes, field }: Written, primitive: string): unknown {
  const value = Array.isArray(field.type) ? bytes.subarray(1) : bytes
  if (primitive === 'string' && branch.type.typeName === 'bytes') {
    const raw = branch.type.fromBuffer(Buffer.from(value)) as Buffer
    return Buffer.from(raw.toString()).equals(raw) ? raw.toString('latin1') : undefined
  }
  const type = avscType(primitive)
  return asCell(type.fromBuffer(Buffer.from(value), resolver(primitive, branch.type)), primitive)
}

function asCell(value: unknown, primitive: string): unknown {
  if (value === null) return null
  if (typeof value === 'string') return Buffer.from(value).toString('latin1')
  if (Buffer.isBuffer(value)) return value.toString('latin1')
  if (primitive === 'int' || primitive === 'long') return BigInt(value as number)
  return primitive === 'float' ? Math.fround(value as number) : value
}
