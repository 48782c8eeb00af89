import { describe, expect, test } from 'vitest'
import { checkReadable, compileColumnDecoder, newDecodedColumns } from '../src/index.js'
import { allCells, decodeOne, decodeWith, long, recordSchema, type SchemaField, text } from './cells.js'

const bytes = (...parts: number[][]): Uint8Array => Uint8Array.from(parts.flat())
const ID = { name: 'id', type: 'long' }
const READER = recordSchema([ID])
/** Avro reads over what stands here; the writer meant it all the same. */
const BESIDE: SchemaField = { name: 'price', type: 'bytes', ...{ logicalType: 'decimal', precision: 9, scale: 2 } }
const typed = (type: string, logicalType: string): object => ({ type, logicalType, precision: 9, scale: 2 })

function difference(fields: readonly SchemaField[], reader: readonly SchemaField[]): string {
  try {
    compileColumnDecoder(recordSchema(fields), recordSchema(reader))
    return ''
  } catch (error) {
    return (error as Error).message
  }
}

describe('writers’ schemas are read as registries accept them', () => {
  test.each<[string, SchemaField]>([
    ['a union’s default of another branch', { name: 'x', type: ['null', 'long'], default: 7 }],
    ['a default of no branch', { name: 'x', type: ['null', 'long'], default: 'null' }],
    ['a default for bytes that is a number', { name: 'x', type: typed('bytes', 'decimal'), default: 0 }],
    ['a default for a number that is a text', { name: 'x', type: 'double', default: 'NaN' }],
    [
      'an enum’s default outside its symbols',
      { name: 'x', type: { type: 'enum', name: 'E', symbols: ['A'], default: 'B' } },
    ],
    ['symbols with dashes', { name: 'x', type: { type: 'enum', name: 'E', symbols: ['A-1', '2', ''] } }],
    ['a name with a dash', { name: 'a-b', type: 'long' }],
    ['a name of digits', { name: '1', type: 'long' }],
    ['aliases, order and docs of any kind', { name: 'x', type: 'long', aliases: ['ü'], ...{ order: 7, doc: {} } }],
    ['an unknown logical type', { name: 'x', type: typed('long', 'acme-instant') }],
    ['a type in a type', { name: 'x', type: { type: { type: 'long' } } }],
    ['a decimal without precision', { name: 'x', type: { type: 'bytes', logicalType: 'decimal' } }],
  ])('S6: %s', (_, field) => {
    const zero = field.type === 'double' ? Array(8).fill(0) : long(0)
    const decoded = decodeOne(recordSchema([field, ID]), READER, bytes(zero, long(5)))
    expect(decoded.cell('id')).toBe(5n)
  })

  test('named types are found in the enclosing namespace, then without one, in references as well', () => {
    const fee = '{"type":"record","name":"Fee","namespace":"org.a","fields":[{"name":"u","type":"Unit"}]}'
    const unit = '{"type":"enum","name":"org.a.Unit","symbols":["X"]}'
    const bare = '{"type":"fixed","name":"Bare","size":1}'
    const record = (type: string): string =>
      JSON.stringify({ type: 'record', name: 'Row', namespace: 'org.b', fields: [{ name: 'fee', type }, ID] })
    for (const type of ['org.a.Fee', 'Bare']) {
      const writer = { schema: record(type), references: [unit, fee, bare] }
      expect(decodeWith(compileColumnDecoder(writer, READER), READER, bytes([0], long(5)), 1).cell('id')).toBe(5n)
    }
    expect(() => compileColumnDecoder({ schema: record('org.a.Fee'), references: [unit] }, READER)).toThrow(
      /org\.a\.Fee/,
    )
  })

  test('a union at the top is a null or one of its records, and only the reader’s is taken', () => {
    const other = { type: 'record', name: 'Heartbeat', fields: [] }
    const writer = JSON.stringify([other, 'null', JSON.parse(READER)])
    const decoder = compileColumnDecoder(writer, READER)
    expect(decodeWith(decoder, READER, bytes(long(2), long(5)), 1).cell('id')).toBe(5n)
    const why = (...body: number[][]) => decoder.explain(bytes(...body), 0, bytes(...body).length)
    expect(why(long(1))).toMatchObject({ kind: 'null' })
    expect(why(long(0))).toMatchObject({ kind: 'incompatible', why: expect.stringContaining('"Heartbeat"') })
    expect(why(long(3))).toMatchObject({ kind: 'damaged' })
    expect(why(long(1), [0])).toMatchObject({ kind: 'damaged', why: expect.stringContaining('1 byte lies behind') })
    expect(() => compileColumnDecoder(JSON.stringify(['null', other]), READER)).toThrow(/"Heartbeat"/)
  })

  test('S6: schemas that claim much are refused or read in bounded time and depth', () => {
    const deep = `${'{"type":"array","items":'.repeat(600)}"long"${'}'.repeat(600)}`
    expect(() => compileColumnDecoder(recordSchema([{ name: 'x', type: JSON.parse(deep) }, ID]), READER)).toThrow(
      /deep/,
    )
    const chain = Array.from({ length: 3_000 }, (_, i) => ({
      name: `n${i}`,
      type: { type: 'record', name: `N${i}`, fields: i === 0 ? [] : [{ name: 'p', type: `N${i - 1}` }] },
    }))
    const decoder = compileColumnDecoder(recordSchema([...chain, ID]), READER)
    expect(decoder.decode(new Uint8Array(1), 0, 1, 0, newDecodedColumns(READER, new Uint8Array(1), 1))).toBe(false)
    const many = Array.from({ length: 20_000 }, (_, i) => ({ name: `f${i}`, type: 'null' }))
    expect(decodeOne(recordSchema([...many, ID]), READER, bytes(long(5))).cell('id')).toBe(5n)
  })

  test.each([
    ['two fields of one name', recordSchema([ID, ID])],
    ['a type that nobody names', recordSchema([{ name: 'id', type: 'Missing' }])],
    ['a size that is none', recordSchema([{ name: 'x', type: { type: 'fixed', name: 'F', size: -1 } }, ID])],
    ['no symbols', recordSchema([{ name: 'x', type: { type: 'enum', name: 'E' } }, ID])],
    ['a number for a type', recordSchema([{ name: 'x', type: 7 }, ID])],
  ])('what bytes could not be read by is refused: %s', (_, schema) => {
    expect(() => compileColumnDecoder(schema, READER)).toThrow(expect.objectContaining({ code: 'schema_invalid' }))
  })
})

describe('S3: what the writer means is compared with what the reader takes it for', () => {
  const price = [{ name: 'price', type: 'string' }]
  const millis = [{ name: 'at', type: { type: 'long', logicalType: 'timestamp-millis' } }]

  test.each<[string, readonly SchemaField[]]>([
    ['a decimal', [{ name: 'price', type: typed('bytes', 'decimal') }]],
    ['a decimal or null', [{ name: 'price', type: ['null', typed('bytes', 'decimal')] }]],
    ['a decimal written beside the type', [BESIDE]],
    ['a big decimal', [{ name: 'price', type: typed('bytes', 'big-decimal') }]],
    ['a fixed decimal', [{ name: 'price', type: { ...typed('fixed', 'decimal'), name: 'D', size: 8 } }]],
    [
      'a decimal of Kafka Connect',
      [{ name: 'price', type: { type: 'bytes', 'connect.name': 'org.apache.kafka.connect.data.Decimal' } }],
    ],
  ])('%s is no text', (_, fields) => {
    expect(difference(fields, price)).toMatch(/field "price": found .*(bytes|fixed).*decimal.*, wanted string/)
  })

  test('only some branches that are decimals are refused record by record', () => {
    const writer = recordSchema([{ name: 'price', type: ['string', typed('bytes', 'decimal')] }])
    const decoder = compileColumnDecoder(writer, recordSchema(price))
    expect(decodeWith(decoder, recordSchema(price), bytes(long(0), text('1.5')), 1).cell('price')).toBe('1.5')
    const decimal = bytes(long(1), text('1234'))
    expect(decodeWith(decoder, recordSchema(price), decimal, 1).ok).toBe(false)
    expect(decoder.explain(decimal, 0, decimal.length)).toMatchObject({
      kind: 'incompatible',
      why: 'field "price": found bytes (decimal(9,2)), wanted string',
    })
  })

  test('times in other units, dates and times of day are no milliseconds; plain longs and ints are believed', () => {
    for (const logical of ['timestamp-micros', 'timestamp-nanos', 'local-timestamp-millis', 'time-micros'])
      expect(difference([{ name: 'at', type: typed('long', logical) }], millis)).toContain(`found long (${logical})`)
    for (const logical of ['date', 'time-millis'])
      expect(difference([{ name: 'at', type: typed('int', logical) }], millis)).toContain(`found int (${logical})`)
    expect(
      difference([{ name: 'at', type: { type: 'long', 'connect.name': 'io.debezium.time.MicroTimestamp' } }], millis),
    ).toContain('timestamp-micros')
    for (const type of ['long', 'int', typed('long', 'timestamp-millis'), ['null', typed('long', 'timestamp-millis')]])
      expect(difference([{ name: 'at', type }], millis)).toBe('')
    expect(difference([{ name: 'id', type: typed('long', 'timestamp-millis') }], [ID])).toContain('"id"')
  })
})

describe('S5: a body that can’t be read says where and why', () => {
  const fields = [{ name: 'symbol', type: 'string' }, ID, { name: 'legs', type: { type: 'array', items: 'long' } }]
  const schema = recordSchema(fields)
  const decoder = compileColumnDecoder(schema, recordSchema(fields.slice(0, 2)))
  const explain = (body: Uint8Array) => decoder.explain(body, 0, body.length)

  test.each<[string, number[][], number, RegExp]>([
    ['cut in a text', [text('BTC').slice(0, 2)], 0, /field "symbol" \(string\): the record ends/],
    ['cut before a field', [text('BTC')], 4, /field "id" \(long\): the record ends/],
    ['a text that is none', [[2, 0xff]], 0, /field "symbol" \(string\): the bytes there are no such value/],
    ['a length below zero', [long(-5)], 0, /"symbol".*no such value/],
    ['too many items', [text('BTC'), long(1), long(10_001)], 5, /"legs" \(array\): it claims more than 10000 items/],
    ['bytes behind the record', [text('BTC'), long(1), long(0), [7, 7]], 6, /2 bytes lie behind its last field/],
  ])('%s', (_, body, read, why) => {
    expect(explain(bytes(...body))).toMatchObject({ kind: 'damaged', read, why: expect.stringMatching(why) })
  })

  test('the fields before that place are there', () => {
    const reader = recordSchema(fields.slice(0, 2))
    const body = bytes(
      text('BTC'),
      long(1).map((byte) => byte | 0x80),
    )
    const columns = newDecodedColumns(reader, body, 1)
    expect(decoder.explain(body, 0, body.length, columns)).toBeDefined()
    expect(allCells({ ok: false, columns, cell: () => undefined })).toEqual(['BTC', null])
  })

  test('a null where a value is wanted leaves the column null and is named', () => {
    const writer = recordSchema([
      { name: 'symbol', type: ['null', 'string'] },
      { name: 'id', type: ['long', 'null'] },
    ])
    const reader = recordSchema(fields.slice(0, 2))
    const nullable = compileColumnDecoder(writer, reader)
    const decoded = decodeWith(nullable, reader, bytes(long(0), long(1)), 1)
    expect([decoded.ok, allCells(decoded)]).toEqual([true, [null, null]])
    expect(nullable.missingFields(0, decoded.columns)).toEqual(['symbol', 'id'])
    expect(() => checkReadable({ schema: writer }, reader)).toThrow(/"symbol": found null or string, wanted string/)
    expect(() => checkReadable({ schema }, reader)).not.toThrow()
  })
})

describe('fields beyond the reader’s', () => {
  const extra = (type: unknown, ...value: number[][]): unknown => {
    const decoder = compileColumnDecoder(recordSchema([ID, { name: 'x', type }]), READER)
    const body = bytes(long(1), ...value)
    expect(decodeWith(decoder, READER, body, 1).ok).toBe(true)
    return JSON.parse(decoder.extraFields(body, 0, body.length) ?? 'null').x
  }

  test('S3: they are JSON, numbers in all their digits', () => {
    const decoder = compileColumnDecoder(recordSchema([ID, { name: 'x', type: 'long' }]), READER)
    const body = bytes(long(1), long(2n ** 63n - 1n))
    expect(decoder.extraFields(body, 0, body.length)).toBe('{"x":9223372036854775807}')
    expect(extra(typed('bytes', 'decimal'), [4, 0xff, 0x85])).toBe('-1.23')
    expect(extra({ ...typed('fixed', 'decimal'), name: 'D', size: 3 }, [0, 0, 5])).toBe('0.05')
    expect(extra('bytes', [4, 0xff, 0x00])).toBe('ff00')
    expect(extra({ type: 'enum', name: 'E', symbols: ['A', 'B'] }, long(1))).toBe('B')
    expect(
      extra({ type: 'map', values: ['null', 'string'] }, long(1), text('k"'), long(1), text('v'), long(0)),
    ).toEqual({ 'k"': 'v' })
    expect(extra('double', [0, 0, 0, 0, 0, 0, 0xf8, 0x7f])).toBe('NaN')
    expect(extra(['null', 'long'], long(0))).toBeNull()
  })

  test('S6: a few bytes that claim many characters are left out and named', () => {
    const wide = { type: 'record', name: 'W', fields: [{ name: 'n'.repeat(500), type: 'null' }] }
    const decoder = compileColumnDecoder(
      recordSchema([{ name: 'x', type: { type: 'array', items: wide } }, ID]),
      READER,
    )
    const body = bytes(long(10_000), long(0), long(1))
    expect(decodeWith(decoder, READER, body, 1).ok).toBe(true)
    expect(decoder.extraFields(body, 0, body.length)).toBe('{"_omitted":["x"]}')
  })

  test('none means none', () => {
    const decoder = compileColumnDecoder(READER, READER)
    expect([decoder.hasExtraFields, decoder.mayLackValues]).toEqual([false, false])
    expect(decoder.extraFields(bytes(long(1)), 0, 1)).toBeUndefined()
  })
})
