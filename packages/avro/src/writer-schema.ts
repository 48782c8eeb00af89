import { readJson, TOOL_JSON_DEPTH_MAX } from '@assay/core'
import { SCHEMA_CHARACTERS_MAX, schemaInvalid, unqualified } from './schema.js'

/** A writer's schema as a registry gives it: its JSON text, and those of the schemas whose types it names. */
export interface WriterSchema {
  readonly schema: string
  /** In an order in which each names only types of those before it. */
  readonly references?: readonly string[]
}

export type WriterKind =
  | 'null'
  | 'boolean'
  | 'int'
  | 'long'
  | 'float'
  | 'double'
  | 'string'
  | 'bytes'
  | 'fixed'
  | 'enum'
  | 'array'
  | 'map'
  | 'record'
  | 'union'

/** A type of a writer's schema: what is needed to read its bytes. `children` may close a circle. */
export interface WriterType {
  readonly kind: WriterKind
  /** Full name of a record, enum or fixed; empty without one. */
  readonly name: string
  /** What the values mean beyond their bytes, as `decimal(12,2)`; empty without one. */
  readonly logical: string
  /** Size of a fixed type in bytes. */
  readonly size: number
  /** Symbols of an enum, names of a record's fields. */
  readonly names: readonly string[]
  /** Types of a record's fields, branches of a union, the item of an array or the value of a map. */
  readonly children: WriterType[]
}

const PRIMITIVES: ReadonlySet<string> = new Set<WriterKind>([
  'null',
  'boolean',
  'int',
  'long',
  'float',
  'double',
  'string',
  'bytes',
])
/** Types inside one another; the values inside have a limit of their own. */
const NESTING_MAX = 500

type Json = Readonly<Record<string, unknown>>

/**
 * Reads a writer's schema as leniently as registries accept them: what says how bytes are laid out must be sound,
 * everything else (defaults, aliases, order, docs, the letters of a name) is not looked at. Throws `schema_invalid`.
 */
export function parseWriterSchema({ schema, references = [] }: WriterSchema): WriterType {
  const named = new Map<string, WriterType>()
  for (const reference of references) new Parser(named).parse(jsonOf(reference))
  return new Parser(named).parse(jsonOf(schema))
}

function jsonOf(text: string): unknown {
  if (text.length > SCHEMA_CHARACTERS_MAX) throw schemaInvalid(`longer than ${SCHEMA_CHARACTERS_MAX} characters`)
  try {
    return readJson(text, TOOL_JSON_DEPTH_MAX)
  } catch (cause) {
    throw schemaInvalid(cause instanceof Error ? cause.message.slice(0, 200) : String(cause), cause)
  }
}

class Parser {
  readonly #named: Map<string, WriterType>
  #nesting = 0

  constructor(named: Map<string, WriterType>) {
    this.#named = named
  }

  parse(json: unknown): WriterType {
    return this.#type(json, '', '')
  }

  /** `stated` is a logical type that was written one level further out. */
  #type(json: unknown, namespace: string, stated: string): WriterType {
    if (++this.#nesting > NESTING_MAX) throw schemaInvalid(`types lie more than ${NESTING_MAX} deep in one another`)
    const type = this.#nested(json, namespace, stated)
    this.#nesting--
    return type
  }

  #nested(json: unknown, namespace: string, stated: string): WriterType {
    if (typeof json === 'string') return this.#byName(json, namespace, stated)
    if (Array.isArray(json)) {
      return plain('union', { children: json.map((branch) => this.#type(branch, namespace, stated)) })
    }
    if (typeof json !== 'object' || json === null) throw schemaInvalid(`${shown(json)} is no type`)
    const object = json as Json
    const logical = logicalOf(object) || stated
    const { type } = object
    switch (type) {
      case 'record':
      case 'error':
        return this.#record(object, namespace)
      case 'enum':
        return this.#remember(
          plain('enum', { ...nameOf(object, namespace), names: textList(object.symbols, 'symbols') }),
        )
      case 'fixed':
        return this.#remember(plain('fixed', { ...nameOf(object, namespace), logical, size: sizeOf(object) }))
      case 'array':
        return plain('array', { children: [this.#type(object.items, namespace, '')] })
      case 'map':
        return plain('map', { children: [this.#type(object.values, namespace, '')] })
      default:
        return this.#type(type, namespace, logical)
    }
  }

  #byName(name: string, namespace: string, logical: string): WriterType {
    if (PRIMITIVES.has(name)) return plain(name as WriterKind, { logical })
    const found = (namespace !== '' && this.#named.get(`${namespace}.${name}`)) || this.#named.get(name)
    if (!found) throw schemaInvalid(`type ${shown(name)} is not known`)
    return found
  }

  #record(object: Json, namespace: string): WriterType {
    const { name } = nameOf(object, namespace)
    const fields = object.fields
    if (!Array.isArray(fields)) throw schemaInvalid(`record ${shown(name)} has no list of fields`)
    const names = fields.map((field) => fieldName(field, name))
    const seen = new Set<string>()
    for (const each of names) {
      if (seen.has(each)) throw schemaInvalid(`record ${shown(name)} has two fields ${shown(each)}`)
      seen.add(each)
    }
    const record = this.#remember(plain('record', { name, names, children: [] }))
    const inner = name.includes('.') ? name.slice(0, name.lastIndexOf('.')) : ''
    // Avro heeds a logical type only within the type. Written beside it, it still says what the writer means.
    for (const field of fields as Json[]) record.children.push(this.#type(field.type, inner, logicalOf(field)))
    return record
  }

  #remember(type: WriterType): WriterType {
    if (type.name !== '') this.#named.set(type.name, type)
    return type
  }
}

function plain(kind: WriterKind, more: Partial<WriterType>): WriterType {
  return { kind, name: '', logical: '', size: 0, names: [], children: [], ...more }
}

function nameOf(object: Json, enclosing: string): { readonly name: string } {
  const { name, namespace } = object
  if (typeof name !== 'string' || name === '') return { name: '' }
  if (name.includes('.')) return { name: name.startsWith('.') ? name.slice(1) : name }
  const space = typeof namespace === 'string' ? namespace : enclosing
  return { name: space === '' ? name : `${space}.${name}` }
}

function fieldName(field: unknown, record: string): string {
  const name = typeof field === 'object' && field !== null ? (field as Json).name : undefined
  if (typeof name !== 'string' || name === '') throw schemaInvalid(`record ${shown(record)} has a field without a name`)
  return name
}

function textList(list: unknown, what: string): readonly string[] {
  if (Array.isArray(list) && list.every((each) => typeof each === 'string')) return list
  throw schemaInvalid(`${what}: a list of texts is expected`)
}

function sizeOf({ size }: Json): number {
  if (typeof size === 'number' && Number.isInteger(size) && size >= 0 && size < 2 ** 31) return size
  throw schemaInvalid(`${shown(size)} is no size of a fixed`)
}

/** Names that Kafka Connect and Debezium write where Avro has a logical type, or has none. */
const CONNECT_NAMES: Readonly<Record<string, string>> = {
  'org.apache.kafka.connect.data.Decimal': 'decimal',
  'org.apache.kafka.connect.data.Date': 'date',
  'org.apache.kafka.connect.data.Time': 'time-millis',
  'org.apache.kafka.connect.data.Timestamp': 'timestamp-millis',
  'io.debezium.time.Date': 'date',
  'io.debezium.time.Timestamp': 'timestamp-millis',
  'io.debezium.time.MicroTimestamp': 'timestamp-micros',
  'io.debezium.time.NanoTimestamp': 'timestamp-nanos',
  'io.debezium.time.Time': 'time-millis',
  'io.debezium.time.MicroTime': 'time-micros',
}

function logicalOf(object: Json): string {
  const connect = object['connect.name']
  const known = typeof connect === 'string' && Object.hasOwn(CONNECT_NAMES, connect) ? CONNECT_NAMES[connect] : ''
  const logical = typeof object.logicalType === 'string' ? object.logicalType.slice(0, 100) : (known ?? '')
  if (logical !== 'decimal' || typeof object.precision !== 'number') return logical
  return `decimal(${object.precision},${typeof object.scale === 'number' ? object.scale : 0})`
}

function shown(value: unknown): string {
  return (JSON.stringify(value) ?? 'nothing').slice(0, 100)
}

const WORDS_MAX = 200

/** The type in words: `null or bytes (decimal(12,2))`. */
export function describeType(type: WriterType): string {
  return wordsOf(type).slice(0, WORDS_MAX)
}

function wordsOf(type: WriterType): string {
  switch (type.kind) {
    case 'union':
      return type.children.length === 0 ? 'an empty union' : type.children.map(wordsOf).join(' or ')
    default: {
      const name = type.name === '' ? type.kind : `${type.kind} ${unqualified(type.name)}`
      return type.logical === '' ? name : `${name} (${type.logical})`
    }
  }
}
