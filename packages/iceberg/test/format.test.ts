import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { lowerBound, upperBound } from '../src/format/bounds.js'
import { parseJson, serializeJson } from '../src/format/json.js'
import { serializeMetadata } from '../src/format/metadata.js'
import { partitionColumns, partitionPath, summarizePartitions } from '../src/format/partition.js'
import { applyUpdate } from '../src/format/update.js'
import { compareValues, decodeValue, encodeValue, type PrimitiveType, parseMetadata, type Value } from '../src/index.js'

const long = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })
const values: readonly (readonly [PrimitiveType, fc.Arbitrary<Value>])[] = [
  ['boolean', fc.boolean()],
  ['int', fc.integer()],
  ['date', fc.integer()],
  ['long', long],
  ['timestamptz', long],
  ['double', fc.double({ noNaN: true })],
  ['string', fc.string({ unit: 'grapheme' })],
  ['uuid', fc.uuid()],
  ['binary', fc.uint8Array()],
  ['fixed[4]', fc.uint8Array({ minLength: 4, maxLength: 4 })],
  ['decimal(38, 10)', fc.bigInt({ min: -(10n ** 38n) + 1n, max: 10n ** 38n - 1n })],
]

describe('single values', () => {
  it.each(values)('%s: what is encoded is decoded', (type, arbitrary) => {
    fc.assert(
      fc.property(arbitrary, (value) => {
        const back = decodeValue(type, encodeValue(type, value))
        expect(back instanceof Uint8Array ? [...back] : back).toEqual(value instanceof Uint8Array ? [...value] : value)
      }),
    )
  })

  it.each(values)('%s: bounds enclose the value, cut or not', (type, arbitrary) => {
    fc.assert(
      fc.property(arbitrary, (value) => {
        const lower = lowerBound(type, value)
        const upper = upperBound(type, value)
        if (!lower) throw new Error('there is always a lower bound')
        expect(compareValues(decodeValue(type, lower), value)).toBeLessThanOrEqual(0)
        if (upper) expect(compareValues(decodeValue(type, upper), value)).toBeGreaterThanOrEqual(0)
      }),
    )
  })

  it('texts are in the order of their bytes, which for some is not that of their UTF-16 units', () => {
    const text = fc.string({ unit: 'binary', maxLength: 4 })
    fc.assert(
      fc.property(text, text, (a, b) => {
        expect(Math.sign(compareValues(a, b))).toBe(Buffer.compare(Buffer.from(a), Buffer.from(b)))
      }),
    )
    expect(compareValues('\u{1f600}', '\uff5e')).toBeGreaterThan(0)
    expect(compareValues('a', 'a')).toBe(0)
  })

  it('A4: a partition field is told with its least and greatest value, and whether it holds nulls and NaNs', () => {
    const columns = [{ fieldId: 1000, sourceId: 1, name: 'x', transform: 'identity', type: 'double' }] as const
    const summary = (...values: (number | null)[]) =>
      summarizePartitions(
        columns,
        values.map((value) => [value]),
      )[0]
    expect(summary(2, Number.NaN, -1)).toEqual({ containsNull: false, containsNan: true, lower: -1, upper: 2 })
    expect(summary(Number.NaN, null)).toEqual({
      containsNull: true,
      containsNan: true,
      lower: undefined,
      upper: undefined,
    })
    expect(summary(3)).toEqual({ containsNull: false, containsNan: false, lower: 3, upper: 3 })
  })

  it.each<[PrimitiveType, Value, string]>([
    ['boolean', true, '01'],
    ['int', 34, '22000000'],
    ['date', -1, 'ffffffff'],
    ['long', 34n, '2200000000000000'],
    ['timestamp', 1_510_871_468_000_000n, '00c3262d215e0500'],
    ['float', 1, '0000803f'],
    ['double', 1, '000000000000f03f'],
    ['decimal(9, 2)', 1420n, '058c'],
    ['decimal(9, 2)', -1n, 'ff'],
    ['decimal(9, 2)', 128n, '0080'],
    ['string', 'iceberg', '69636562657267'],
    ['uuid', 'f79c3e09-677c-4bbd-a479-3f349cb785e7', 'f79c3e09677c4bbda4793f349cb785e7'],
  ])('%s %s is encoded as the specification says', (type, value, hex) => {
    expect(Buffer.from(encodeValue(type, value)).toString('hex')).toBe(hex)
  })

  it('refuses a value of another type', () => {
    expect(() => encodeValue('long', 1)).toThrow(expect.objectContaining({ code: 'bad_value' }))
    expect(() => decodeValue('long', Uint8Array.of(1, 2, 3))).toThrow(expect.objectContaining({ code: 'bad_value' }))
  })

  it('reads bounds from before a promotion', () => {
    expect(decodeValue('long', encodeValue('int', -5))).toBe(-5n)
    expect(decodeValue('double', encodeValue('float', 1.5))).toBe(1.5)
  })

  it('are the value itself up to sixteen characters or bytes, and the nearest that is not below it beyond', () => {
    for (const length of [1, 15, 16]) {
      const text = '\u{1f600}'.repeat(length)
      expect(Buffer.from(lowerBound('string', text) ?? []).toString()).toBe(text)
      expect(Buffer.from(upperBound('string', text) ?? []).toString()).toBe(text)
      const bytes = new Uint8Array(length).fill(255)
      expect([lowerBound('binary', bytes), upperBound('binary', bytes)]).toEqual([bytes, bytes])
    }
    expect(Buffer.from(lowerBound('string', 'a'.repeat(17)) ?? []).toString()).toBe('a'.repeat(16))
    expect(Buffer.from(upperBound('string', 'a'.repeat(17)) ?? []).toString()).toBe(`${'a'.repeat(15)}b`)
    expect(upperBound('binary', Uint8Array.of(...new Array(15).fill(7), 255, 9))).toEqual(
      Uint8Array.of(...new Array(14).fill(7), 8),
    )
  })

  it('has no bound for NaN, nor above a text of the greatest characters', () => {
    expect(lowerBound('double', Number.NaN)).toBeUndefined()
    expect(upperBound('double', Number.NaN)).toBeUndefined()
    expect(upperBound('string', '\u{10ffff}'.repeat(17))).toBeUndefined()
    expect(upperBound('binary', new Uint8Array(17).fill(255))).toBeUndefined()
    expect(Buffer.from(upperBound('string', 'abcdefghijklmno\ud7ffz') ?? []).toString()).toBe('abcdefghijklmno\ue000')
  })
})

describe('lossless JSON', () => {
  it('keeps integers beyond 2^53, wherever they stand', () => {
    const text = '{"a":9223372036854775807,"b":[-9223372036854775808],"c":"9223372036854775807","d":1.0000000000000000}'
    expect(parseJson(text)).toEqual({
      a: 9_223_372_036_854_775_807n,
      b: [-9_223_372_036_854_775_808n],
      c: '9223372036854775807',
      d: 1,
    })
  })

  it('round-trips whatever a table may hold', () => {
    const leaf = fc.oneof(
      fc.string(),
      fc.integer(),
      fc.boolean(),
      fc.constant(null),
      fc.bigInt({ min: 2n ** 53n, max: 2n ** 63n - 1n }),
    )
    const tree = fc.dictionary(
      fc.string().filter((key) => key !== '__proto__'),
      fc.oneof(leaf, fc.array(leaf), fc.dictionary(fc.constantFrom('x', 'y'), leaf)),
    )
    fc.assert(
      fc.property(tree, (value) => {
        expect(parseJson(serializeJson(value))).toEqual(JSON.parse(JSON.stringify(value, bigs), revive))
      }),
    )
  })
})

const bigs = (_: string, value: unknown): unknown => (typeof value === 'bigint' ? { big: String(value) } : value)
const revive = (_: string, value: unknown): unknown =>
  typeof value === 'object' && value !== null && 'big' in value ? BigInt(String(value.big)) : value

/** Metadata as Spark leaves it, with members that this code does not know. */
const sparkMetadata = `{
  "format-version": 2, "table-uuid": "f79c3e09-677c-4bbd-a479-3f349cb785e7", "location": "s3://b/t", "last-sequence-number": 34,
  "last-updated-ms": 1767225600000, "last-column-id": 3, "current-schema-id": 1,
  "schemas": [{"type": "struct", "schema-id": 1, "identifier-field-ids": [1], "fields": [
    {"id": 1, "name": "x", "required": true, "type": "long", "initial-default": 5},
    {"id": 2, "name": "l", "required": false, "type": {"type": "list", "element-id": 3, "element-required": false, "element": "decimal(9,2)"}}]}],
  "default-spec-id": 0, "partition-specs": [{"spec-id": 0, "fields": [{"name": "x", "transform": "bucket[16]", "source-id": 1, "field-id": 1000}]}],
  "last-partition-id": 1000, "default-sort-order-id": 3,
  "sort-orders": [{"order-id": 3, "fields": [{"transform": "identity", "source-id": 1, "direction": "asc", "null-order": "nulls-first"}]}],
  "properties": {"write.format.default": "parquet"}, "current-snapshot-id": 6638932453263451337,
  "refs": {"main": {"snapshot-id": 6638932453263451337, "type": "branch"}, "eod": {"snapshot-id": 3051729675574597004, "type": "tag", "max-ref-age-ms": 1000}},
  "snapshots": [
    {"snapshot-id": 3051729675574597004, "timestamp-ms": 1767225500000, "sequence-number": 33, "summary": {"operation": "append"}, "manifest-list": "s3://b/m/1.avro"},
    {"snapshot-id": 6638932453263451337, "parent-snapshot-id": 3051729675574597004, "timestamp-ms": 1767225600000, "sequence-number": 34, "summary": {"operation": "append"}, "manifest-list": "s3://b/m/2.avro", "schema-id": 1, "row-lineage": {"x": 12345678901234567890}}],
  "statistics": [{"snapshot-id": 3051729675574597004, "statistics-path": "s3://b/t/1.puffin"}, {"snapshot-id": 6638932453263451337, "statistics-path": "s3://b/t/2.puffin"}],
  "snapshot-log": [{"timestamp-ms": 1767225500000, "snapshot-id": 3051729675574597004}, {"timestamp-ms": 1767225600000, "snapshot-id": 6638932453263451337}],
  "metadata-log": [], "a-later-invention": {"deep": [9007199254740993]}}`

describe('A4: metadata of other writers', () => {
  const metadata = parseMetadata(sparkMetadata)

  it('keeps 64-bit snapshot ids and unknown members through a rewrite', () => {
    expect(metadata.currentSnapshotId).toBe(6_638_932_453_263_451_337n)
    const again = parseJson(serializeMetadata(metadata)) as Record<string, unknown>
    const expected = parseJson(sparkMetadata) as Record<string, unknown>
    delete again['assay-checksum']
    expect(JSON.stringify(sorted(again), bigs)).toBe(
      JSON.stringify(sorted(expected), bigs).replace('decimal(9,2)', 'decimal(9, 2)'),
    )
  })

  it('forgets the statistics and the log of expired snapshots, and the log before them', () => {
    const head = metadata.snapshots.at(-1)
    if (!head) throw new Error('no head')
    const snapshot = { ...head, snapshotId: 7n, parentId: head.snapshotId, sequenceNumber: 35 }
    const expire = new Set([head.snapshotId])
    const next = applyUpdate(metadata, {
      snapshot,
      expire,
      setProperties: { a: '1' },
      removeProperties: ['write.format.default'],
      setRefs: {},
      dropRefs: [],
    })
    expect(next.snapshotLog.map(({ snapshotId }) => snapshotId)).toEqual([7n])
    expect(next.properties).toEqual({ a: '1' })
    expect(JSON.stringify(next.extra.statistics, bigs)).toContain('1.puffin')
    expect(JSON.stringify(next.extra.statistics, bigs)).not.toContain('2.puffin')
    expect(next.refs.eod).toEqual(metadata.refs.eod)
    expect(next.refs.main?.snapshotId).toBe(7n)
  })

  it.each([
    ['not JSON', '{'],
    ['another version', sparkMetadata.replace('"format-version": 2', '"format-version": 3')],
    ['no location', sparkMetadata.replace('"location"', '"place"')],
    [
      'a current snapshot that is not there',
      sparkMetadata.replace('"current-snapshot-id": 6638932453263451337', '"current-snapshot-id": 12'),
    ],
    ['a current schema that is not there', sparkMetadata.replace('"current-schema-id": 1', '"current-schema-id": 2')],
    ['a type that does not exist', sparkMetadata.replace('"long"', '"geometry"')],
    ['a number as a property', sparkMetadata.replace('"parquet"', '7')],
  ])('refuses %s', (_, text) => {
    expect(() => parseMetadata(text)).toThrow(
      expect.objectContaining({
        code: expect.stringMatching(/^(corrupt_metadata|unsupported_format_version|unsupported_type)$/),
      }),
    )
  })
})

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, one]) => [key, sorted(one)]),
  )
}

describe('partition paths', () => {
  const path = (type: PrimitiveType, value: Value | null, name = 'p'): string => {
    const schema = { schemaId: 0, fields: [{ id: 1, name, required: false, type }] }
    const spec = { specId: 0, fields: [{ sourceId: 1, fieldId: 1000, name, transform: 'identity' }] }
    return partitionPath(partitionColumns(spec, [schema], 'here'), [value])
  }

  it.each<[PrimitiveType, Value | null, string]>([
    ['date', 20_454, 'p=2026-01-01'],
    ['string', 'a/b c', 'p=a%2Fb%20c'],
    ['string', '..', 'p=%2E%2E'],
    ['string', '', 'p='],
    ['string', null, 'p=null'],
    ['long', -7n, 'p=-7'],
    ['decimal(9, 2)', -5n, 'p=-0.05'],
  ])('%s %s lies in %s', (type, value, expected) => {
    expect(path(type, value)).toBe(expected)
  })
})
