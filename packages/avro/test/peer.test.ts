import avsc from 'avsc'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { compileColumnDecoder, compileEncoder } from '../src/index.js'
import { allCells, cell, decodeWith, long as longBytes, recordSchema, type SchemaField } from './cells.js'

type Schema = string | Record<string, unknown> | readonly Schema[]

const int = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 })
/** The peer computes with doubles: beyond these its zigzag loses the last bit. */
const safe = fc.integer({ min: 1 - 2 ** 52, max: 2 ** 52 - 1 })
const values: Record<string, fc.Arbitrary<unknown>> = {
  null: fc.constant(null),
  boolean: fc.boolean(),
  int,
  long: fc.oneof(safe, int),
  float: fc.float(),
  double: fc.double(),
  string: fc.string({ unit: 'grapheme' }),
  bytes: fc.uint8Array().map((array) => Buffer.from(array)),
}

/** For each of the reader's types, those that the writer may have. */
const WRITTEN: Record<string, readonly string[]> = {
  int: ['int'],
  long: ['long', 'int'],
  float: ['float', 'int', 'long'],
  double: ['double', 'float', 'int', 'long'],
  boolean: ['boolean'],
  string: ['string'],
  bytes: ['bytes', 'string'],
}

const DEFAULTS: Record<string, unknown> = {
  int: 7,
  long: -8,
  float: 0.5,
  double: 1.25,
  boolean: true,
  string: 'é',
  bytes: 'ÿ',
}

/** A schema of any shape beside a value of it. */
const nested = fc.letrec<{ any: { schema: Schema; value: fc.Arbitrary<unknown> } }>((tie) => ({
  any: fc.oneof(
    { maxDepth: 3 },
    fc.constantFrom(...Object.keys(values)).map((name) => ({ schema: name, value: values[name] ?? fc.constant(null) })),
    tie('any').map(({ schema, value }) => ({
      schema: { type: 'array', items: schema },
      value: fc.array(value, { maxLength: 5 }),
    })),
    tie('any').map(({ schema, value }) => ({
      schema: { type: 'map', values: schema },
      value: fc.dictionary(fc.string(), value, { maxKeys: 4 }),
    })),
    tie('any').map(({ schema, value }) => ({
      schema: {
        type: 'record',
        name: 'Unnamed',
        fields: [
          { name: 'a', type: schema },
          { name: 'b', type: 'long' },
        ],
      },
      value: fc.record({ a: value, b: safe }),
    })),
    fc.nat(9).map((size) => ({
      schema: { type: 'fixed', name: 'Unnamed', size: size + 1 },
      value: fc.uint8Array({ minLength: size + 1, maxLength: size + 1 }).map((array) => Buffer.from(array)),
    })),
    fc.constant({
      schema: { type: 'enum', name: 'Unnamed', symbols: ['A', 'B', 'C'] },
      value: fc.constantFrom('A', 'B', 'C'),
    }),
    fc.constant({ schema: ['null', 'string', 'double'], value: fc.oneof(fc.constant(null), fc.string(), fc.double()) }),
  ),
}))

/** Gives each named type in a schema a name of its own. */
function named(schema: Schema, next: { id: number }): Schema {
  if (typeof schema === 'string') return schema
  if (Array.isArray(schema)) return schema.map((branch) => named(branch, next))
  const copy: Record<string, unknown> = { ...(schema as Record<string, unknown>) }
  if ('name' in copy) copy.name = `T${next.id++}`
  if ('items' in copy) copy.items = named(copy.items as Schema, next)
  if ('values' in copy) copy.values = named(copy.values as Schema, next)
  if ('fields' in copy) {
    copy.fields = (copy.fields as { name: string; type: Schema }[]).map((f) => ({ ...f, type: named(f.type, next) }))
  }
  return copy
}

interface Evolution {
  readonly reader: readonly SchemaField[]
  readonly writer: readonly SchemaField[]
  readonly record: Record<string, unknown>
}

const field = fc.record({
  primitive: fc.constantFrom(...Object.keys(WRITTEN)),
  choice: fc.nat(3),
  readerNullable: fc.boolean(),
  writerNullable: fc.boolean(),
  isMissing: fc.boolean(),
  isNull: fc.boolean(),
})

/** A reader's schema, a writer's schema it can read, and a record of the writer's. */
const evolution: fc.Arbitrary<Evolution> = fc
  .tuple(fc.array(field, { minLength: 1, maxLength: 6 }), fc.array(nested.any, { maxLength: 3 }), fc.boolean())
  .chain(([fields, extras, extrasFirst]) => {
    const reader: SchemaField[] = []
    const writer: SchemaField[] = []
    const record: Record<string, fc.Arbitrary<unknown>> = {}
    fields.forEach((each, i) => {
      const name = `f${i}`
      const fallback = each.readerNullable ? null : DEFAULTS[each.primitive]
      reader.push({ name, type: each.readerNullable ? ['null', each.primitive] : each.primitive, default: fallback })
      if (each.isMissing) return
      const options = WRITTEN[each.primitive] ?? []
      const written = options[each.choice % options.length] as string
      const isUnion = each.readerNullable && each.writerNullable
      writer.push({ name, type: isUnion ? [written, 'null'] : written })
      record[name] = isUnion && each.isNull ? fc.constant(null) : (values[written] as fc.Arbitrary<unknown>)
    })
    const next = { id: 0 }
    extras.forEach(({ schema, value }, i) => {
      const name = `x${i}`
      const position = extrasFirst ? 0 : writer.length
      writer.splice(position, 0, { name, type: named(schema, next) })
      record[name] = value
    })
    return fc.record({ reader: fc.constant(reader), writer: fc.constant(writer), record: fc.record(record) })
  })

const types = (fields: readonly SchemaField[]): avsc.Type => avsc.Type.forSchema(JSON.parse(recordSchema(fields)))

function asCell(value: unknown, type: unknown): unknown {
  if (value === null) return null
  if (typeof value === 'string') return Buffer.from(value).toString('latin1')
  if (Buffer.isBuffer(value)) return value.toString('latin1')
  const primitive = Array.isArray(type) ? type.find((name) => name !== 'null') : type
  if (primitive === 'int' || primitive === 'long') return BigInt(value as number)
  return primitive === 'float' ? Math.fround(value as number) : value
}

test('columns hold what an independent decoder reads, whatever the writer had', () => {
  fc.assert(
    fc.property(evolution, ({ reader, writer, record }) => {
      const writerType = types(writer)
      const readerType = types(reader)
      const body = writerType.toBuffer(record)
      const peer = readerType.fromBuffer(body, readerType.createResolver(writerType)) as Record<string, unknown>
      const decoder = compileColumnDecoder(recordSchema(writer), recordSchema(reader))
      const decoded = decodeWith(decoder, recordSchema(reader), body, 0x80)
      expect(decoded.ok).toBe(true)
      for (const { name, type } of reader) expect(decoded.cell(name)).toBe(asCell(peer[name], type))
    }),
    { numRuns: 400 },
  )
})

test('S6: damaged bytes never throw, are never judged by what lies around them, and leave no half row', () => {
  const damage = fc.array(fc.record({ at: fc.nat(), xor: fc.integer({ min: 1, max: 255 }), cut: fc.boolean() }), {
    minLength: 1,
    maxLength: 3,
  })
  fc.assert(
    fc.property(evolution, damage, ({ reader, writer, record }, damages) => {
      let body: Uint8Array = Uint8Array.from(types(writer).toBuffer(record))
      for (const { at, xor, cut } of damages) {
        if (body.length === 0) continue
        const index = at % body.length
        body[index] = (body[index] as number) ^ xor
        if (cut) body = body.slice(0, index)
      }
      const schema = recordSchema(reader)
      const decoder = compileColumnDecoder(recordSchema(writer), schema)
      const [first, second] = [decodeWith(decoder, schema, body, 0x00), decodeWith(decoder, schema, body, 0xff)]
      expect(second.ok).toBe(first.ok)
      expect(allCells(second)).toEqual(allCells(first))
      if (!first.ok) expect(allCells(first).every((value) => value === null)).toBe(true)
      for (const name of Object.keys(first.columns.fields)) expect(() => cell(first.columns, name, 0)).not.toThrow()
    }),
    { numRuns: 1000 },
  )
})

test('a strict prefix of a record is never a record', () => {
  fc.assert(
    fc.property(evolution, fc.nat(), ({ reader, writer, record }, at) => {
      const body = types(writer).toBuffer(record)
      fc.pre(body.length > 0)
      const decoder = compileColumnDecoder(recordSchema(writer), recordSchema(reader))
      expect(decodeWith(decoder, recordSchema(reader), body.subarray(0, at % body.length), 0x01).ok).toBe(false)
    }),
    { numRuns: 300 },
  )
})

test('S3: encoded records are read by an independent decoder, and 64-bit longs survive both ways', () => {
  const primitives = Object.keys(WRITTEN)
  const schemaAndRecord = fc
    .array(fc.record({ primitive: fc.constantFrom(...primitives), nullable: fc.boolean(), isNull: fc.boolean() }), {
      minLength: 1,
      maxLength: 6,
    })
    .chain((fields) => {
      const schema = fields.map(({ primitive, nullable }, i) => ({
        name: `f${i}`,
        type: nullable ? ['null', primitive] : primitive,
      }))
      const record = Object.fromEntries(
        fields.map(({ primitive, nullable, isNull }, i) => [
          `f${i}`,
          nullable && isNull ? fc.constant(null) : (values[primitive] as fc.Arbitrary<unknown>),
        ]),
      )
      return fc.record({ schema: fc.constant(schema), record: fc.record(record) })
    })
  fc.assert(
    fc.property(schemaAndRecord, ({ schema, record }) => {
      const prefix = Uint8Array.of(9, 9)
      const encoded = compileEncoder(recordSchema(schema))(record, prefix)
      expect([...encoded.subarray(0, 2)]).toEqual([9, 9])
      expect(Buffer.from(encoded.subarray(2))).toEqual(types(schema).toBuffer(record))
    }),
    { numRuns: 400 },
  )
  const long = recordSchema([{ name: 'n', type: 'long' }])
  fc.assert(
    fc.property(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), (n) => {
      const encoded = compileEncoder(long)({ n })
      expect([...encoded]).toEqual(longBytes(n))
      expect(decodeWith(compileColumnDecoder(long, long), long, encoded, 0).cell('n')).toBe(n)
    }),
  )
})
