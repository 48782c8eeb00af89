import { AssayError } from '@assay/core'
import { type AvroInput, type AvroLong, DAMAGED_HINT } from './input.js'
import type { AvroOutput } from './output.js'

/** A decoded record: fields under the names that the caller gave their ids, else under their own. */
export type AvroRecord = Readonly<Record<string, unknown>>
type Decode = (input: AvroInput) => unknown
export type Encode = (value: unknown, output: AvroOutput) => void
/** Under which name a field with this `field-id` is decoded; undefined keeps the writer's name. */
export type FieldNames = (id: number) => string | undefined

interface Codec {
  readonly decode: Decode
  readonly encode: Encode
}

type SchemaObject = Readonly<Record<string, unknown>>

const DEPTH_MAX = 32

function bad(what: string): AssayError {
  return new AssayError('corrupt_avro', `bad Avro schema: ${what}`, { hint: DAMAGED_HINT })
}

function isObject(value: unknown): value is SchemaObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

const primitives: Readonly<Record<string, Codec>> = {
  null: { decode: () => null, encode: () => undefined },
  boolean: { decode: (i) => i.byte() !== 0, encode: (v, o) => o.byte(v ? 1 : 0) },
  int: { decode: (i) => i.long(), encode: (v, o) => o.long(v as number) },
  long: { decode: (i) => i.long(), encode: (v, o) => o.long(v as AvroLong) },
  float: { decode: (i) => i.float(), encode: (v, o) => o.float(v as number) },
  double: { decode: (i) => i.double(), encode: (v, o) => o.double(v as number) },
  bytes: { decode: (i) => i.sized(), encode: (v, o) => o.sized(v as Uint8Array) },
  string: { decode: (i) => i.string(), encode: (v, o) => o.string(v as string) },
}

/**
 * Compiles an Avro schema (parsed JSON) as other Iceberg writers embed it. Arrays whose `logicalType` is
 * `map` become a `Map`. Throws `corrupt_avro` for a schema that no Iceberg writer produces.
 */
export function compileAvro(schema: unknown, names: FieldNames): Codec {
  return new Compiler(names).compile(schema, 0)
}

class Compiler {
  readonly #named = new Map<string, Codec>()
  readonly #names: FieldNames

  constructor(names: FieldNames) {
    this.#names = names
  }

  compile(schema: unknown, depth: number): Codec {
    if (depth > DEPTH_MAX) throw bad('nested too deeply')
    if (typeof schema === 'string') {
      const known = Object.hasOwn(primitives, schema) ? primitives[schema] : this.#named.get(schema)
      if (!known) throw bad(`unknown type "${schema}"`)
      return known
    }
    if (Array.isArray(schema)) return this.#union(schema, depth)
    if (!isObject(schema)) throw bad('a type is neither a name nor an object')
    switch (schema.type) {
      case 'record':
        return this.#record(schema, depth)
      case 'array':
        return this.#array(schema, depth)
      case 'map':
        return this.#map(schema, depth)
      case 'fixed':
        return this.#fixed(schema)
      case 'enum':
        throw bad('enums have no place in Iceberg')
      default:
        return this.compile(schema.type, depth + 1)
    }
  }

  #define(schema: SchemaObject, codec: Codec): Codec {
    if (typeof schema.name === 'string') this.#named.set(schema.name, codec)
    return codec
  }

  #record(schema: SchemaObject, depth: number): Codec {
    if (!Array.isArray(schema.fields)) throw bad('a record without fields')
    const fields = schema.fields.map((field: unknown) => {
      if (!isObject(field) || typeof field.name !== 'string') throw bad('a field without a name')
      const id = field['field-id']
      const name = typeof id === 'number' ? (this.#names(id) ?? field.name) : field.name
      if (name === '__proto__') throw bad('a field named __proto__')
      return { name, codec: this.compile(field.type, depth + 1) }
    })
    return this.#define(schema, {
      decode: (input) => {
        const record: Record<string, unknown> = {}
        for (const field of fields) record[field.name] = field.codec.decode(input)
        return record
      },
      encode: (value, output) => {
        const record = value as AvroRecord
        for (const field of fields) field.codec.encode(record[field.name], output)
      },
    })
  }

  #array(schema: SchemaObject, depth: number): Codec {
    const item = this.compile(schema.items, depth + 1)
    if (schema.logicalType === 'map') return pairs(item)
    return {
      decode: (input) => {
        const items: unknown[] = []
        decodeBlocks(input, () => items.push(item.decode(input)))
        return items
      },
      encode: (value, output) => {
        const items = value as readonly unknown[]
        if (items.length > 0) output.long(items.length)
        for (const one of items) item.encode(one, output)
        output.long(0)
      },
    }
  }

  #map(schema: SchemaObject, depth: number): Codec {
    const item = this.compile(schema.values, depth + 1)
    return {
      decode: (input) => {
        const map = new Map<string, unknown>()
        decodeBlocks(input, () => map.set(input.string(), item.decode(input)))
        return map
      },
      encode: (value, output) => {
        const map = value as ReadonlyMap<string, unknown>
        if (map.size > 0) output.long(map.size)
        for (const [key, one] of map) {
          output.string(key)
          item.encode(one, output)
        }
        output.long(0)
      },
    }
  }

  #fixed(schema: SchemaObject): Codec {
    const size = schema.size
    if (typeof size !== 'number' || !Number.isInteger(size) || size < 0) throw bad('a fixed type without a size')
    return this.#define(schema, {
      decode: (input) => input.take(size),
      encode: (value, output) => {
        const bytes = value as Uint8Array
        if (bytes.length !== size) throw new RangeError(`a fixed value has ${bytes.length} bytes, not ${size}`)
        output.raw(bytes)
      },
    })
  }

  /** Iceberg knows one kind of union: null and one other type. Reading admits any. */
  #union(schema: readonly unknown[], depth: number): Codec {
    const branches = schema.map((branch) => this.compile(branch, depth + 1))
    const nullAt = schema.indexOf('null')
    const otherAt = branches.findIndex((_, i) => i !== nullAt)
    return {
      decode: (input) => {
        const branch = branches[input.count(branches.length - 1)]
        if (!branch)
          throw new AssayError('corrupt_avro', 'a union names a branch that is not there', { hint: DAMAGED_HINT })
        return branch.decode(input)
      },
      encode: (value, output) => {
        const at = value === null || value === undefined ? nullAt : otherAt
        const branch = branches[at]
        if (!branch) throw bad('no branch of the union takes this value')
        output.long(at)
        branch.encode(value, output)
      },
    }
  }
}

function pairs(item: Codec): Codec {
  return {
    decode: (input) => {
      const map = new Map<unknown, unknown>()
      decodeBlocks(input, () => {
        const pair = item.decode(input) as { readonly key: unknown; readonly value: unknown }
        map.set(pair.key, pair.value)
      })
      return map
    },
    encode: (value, output) => {
      const map = value as ReadonlyMap<unknown, unknown>
      if (map.size > 0) output.long(map.size)
      for (const [key, one] of map) item.encode({ key, value: one }, output)
      output.long(0)
    },
  }
}

/** Items of an array or map take at least a byte each in every schema that Iceberg has, which bounds the claim. */
function decodeBlocks(input: AvroInput, item: () => void): void {
  for (;;) {
    let count = input.count(input.remaining_bytes)
    if (count === 0) return
    if (count < 0) {
      count = -count
      input.long()
    }
    for (let i = 0; i < count; i += 1) item()
  }
}
