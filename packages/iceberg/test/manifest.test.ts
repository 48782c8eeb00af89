import { Readable } from 'node:stream'
import avro from 'avsc'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { compileAvro } from '../../avro/src/container/codec.js'
import { writeAvro } from '../../avro/src/container/container.js'
import { AvroInput } from '../../avro/src/container/input.js'
import { AvroOutput } from '../../avro/src/container/output.js'
import { fieldName } from '../src/format/avro-schemas.js'
import { type ManifestEntry, readManifest, writeManifest } from '../src/format/manifest.js'
import { type ManifestFile, readManifestList, writeManifestList } from '../src/format/manifest-list.js'
import { partitionColumns } from '../src/format/partition.js'
import type { PrimitiveType, Schema } from '../src/format/schema.js'
import type { DataFile } from '../src/index.js'

const types: readonly PrimitiveType[] = [
  'date',
  'string',
  'decimal(28, 10)',
  'uuid',
  'timestamptz',
  'boolean',
  'fixed[3]',
]
const schema: Schema = {
  schemaId: 0,
  fields: types.map((type, i) => ({ id: i + 1, name: `c-${i}`, required: false, type })),
}
const spec = {
  specId: 4,
  fields: types.map((_, i) => ({ sourceId: i + 1, fieldId: 1000 + i, name: `c-${i}`, transform: 'identity' })),
}
const columns = partitionColumns(spec, [schema], 'here')
const target = { schema, spec, columns }

const count = fc.nat()
const counts = fc.option(
  fc.array(fc.tuple(fc.nat(), count), { maxLength: 4 }).map((pairs) => new Map(pairs)),
  { nil: undefined },
)
const bounds = fc.option(
  fc
    .array(fc.tuple(fc.nat(), fc.uint8Array({ maxLength: 20 })), { maxLength: 4 })
    .map((pairs) => new Map(pairs.map(([id, b]) => [id, Buffer.from(b)] as const))),
  { nil: undefined },
)
const nullable = <T>(of: fc.Arbitrary<T>): fc.Arbitrary<T | null> => fc.option(of)
const partition = fc.tuple(
  nullable(fc.integer()),
  nullable(fc.string({ unit: 'grapheme' })),
  nullable(fc.bigInt({ min: -(10n ** 28n) + 1n, max: 10n ** 28n - 1n })),
  nullable(fc.uuid()),
  nullable(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })),
  nullable(fc.boolean()),
  nullable(fc.uint8Array({ minLength: 3, maxLength: 3 }).map((b) => Buffer.from(b))),
)

const file: fc.Arbitrary<DataFile> = fc
  .record({
    content: fc.constant('data' as const),
    path: fc.string({ unit: 'grapheme' }),
    format: fc.constant('PARQUET'),
    specId: fc.constant(4),
    partition,
    recordCount: fc.maxSafeNat(),
    size_bytes: fc.maxSafeNat(),
    columnSizes: counts,
    valueCounts: counts,
    nullCounts: counts,
    nanCounts: counts,
    lowerBounds: bounds,
    upperBounds: bounds,
    splitOffsets: fc.option(fc.array(fc.maxSafeNat()), { nil: undefined }),
    sortOrderId: fc.option(fc.nat(), { nil: undefined }),
  })
  .map(
    (made) =>
      Object.fromEntries(Object.entries(made).filter(([, value]) => value !== undefined)) as unknown as DataFile,
  )

const entry: fc.Arbitrary<ManifestEntry> = fc.record({
  status: fc.constantFrom('existing', 'added', 'deleted'),
  snapshotId: fc.option(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), { nil: undefined }),
  sequenceNumber: fc.option(fc.maxSafeNat(), { nil: undefined }),
  fileSequenceNumber: fc.option(fc.maxSafeNat(), { nil: undefined }),
  file,
})

describe('manifests', () => {
  it('come back as they were written', () => {
    fc.assert(
      fc.property(fc.array(entry, { maxLength: 6 }), (entries) => {
        expect(readManifest(writeManifest(target, entries), 4, () => columns)).toEqual({ specId: 4, entries })
      }),
      { numRuns: 200 },
    )
  })

  it('are Avro that another implementation reads, with the header that the specification demands', async () => {
    // avsc reads longs below 2^53 only.
    const narrow = (one: ManifestEntry): ManifestEntry => ({
      ...one,
      snapshotId: 17n,
      file: {
        ...one.file,
        partition: one.file.partition.map((value, i) => (i === 4 ? 18n : value)),
        splitOffsets: [4],
        recordCount: one.file.recordCount % 1_000_000_007,
        size_bytes: 12_345,
      },
    })
    const entries = fc.sample(entry, { numRuns: 20, seed: 5 }).map(narrow)
    const { records, header } = await decodeWithAvsc(writeManifest(target, entries))
    expect(records.map((record) => record.data_file.file_path)).toEqual(entries.map((one) => one.file.path))
    expect(records.map((record) => record.data_file.record_count)).toEqual(entries.map((one) => one.file.recordCount))
    expect(header).toMatchObject({ 'partition-spec-id': '4', 'schema-id': '0', 'format-version': '2', content: 'data' })
    expect(JSON.parse(header['partition-spec'] ?? '')[0]).toEqual({
      name: 'c-0',
      transform: 'identity',
      'source-id': 1,
      'field-id': 1000,
    })
    expect(JSON.parse(header.schema ?? '').fields).toHaveLength(types.length)
  })

  it('A4: are read by field id, whatever the names and the order, with what is left out', () => {
    const text = JSON.stringify(foreignSchema)
    const { encode } = compileAvro(foreignSchema, () => undefined)
    const body = {
      rows: 5,
      bytes: 700,
      where: 's3://x/y.parquet',
      kind: 'PARQUET',
      part: { 'c-1': 'B', 'c-0': 20_000 },
    }
    const bytes = writeAvro(text, encode, new Map(), [{ state: 0, snap: 2n ** 62n + 1n, body }])
    const read = readManifest(bytes, 4, () => columns.slice(0, 2))
    expect(read.entries).toEqual([
      {
        status: 'existing',
        snapshotId: 2n ** 62n + 1n,
        sequenceNumber: undefined,
        fileSequenceNumber: undefined,
        file: {
          content: 'data',
          path: 's3://x/y.parquet',
          format: 'PARQUET',
          specId: 4,
          partition: [20_000, 'B'],
          recordCount: 5,
          size_bytes: 700,
        },
      },
    ])
  })

  it('refuse a codec that other writers do not use by default', () => {
    // A file without our checksum, as others write it.
    const theirs = (entries: readonly ManifestEntry[]): Buffer => {
      const text = writeManifest(target, entries).toString('latin1')
      return Buffer.from(text.replace('deflate', 'snappy_').replace('assay.crc32', 'other.crc32'), 'latin1')
    }
    const [bytes, filled] = [theirs([]), theirs(fc.sample(entry, 1))]
    expect(readManifest(bytes, 4, () => columns).entries).toEqual([])
    expect(() => readManifest(filled, 4, () => columns)).toThrow(
      expect.objectContaining({ code: 'unsupported_avro_codec' }),
    )
  })

  it('A6: damaged ones end in an error of ours, at once', () => {
    const good = writeManifest(target, fc.sample(entry, { numRuns: 5, seed: 3 }))
    fc.assert(
      fc.property(fc.nat(good.length - 1), fc.nat(255), fc.boolean(), (at, value, cut) => {
        const bad = Buffer.from(cut ? good.subarray(0, at) : good)
        if (!cut) bad[at] = value
        try {
          readManifest(bad, 4, () => columns)
        } catch (error) {
          expect(error).toMatchObject({ name: 'AssayError' })
        }
      }),
      { numRuns: 500 },
    )
  })

  it('A6: an array that claims more items than there are bytes is refused', () => {
    const { encode } = compileAvro(
      { type: 'record', name: 'x', fields: [{ name: 'n', type: 'long' }] },
      () => undefined,
    )
    const claim = JSON.stringify({
      type: 'record',
      name: 'x',
      fields: [{ name: 'n', type: { type: 'array', items: 'null' } }],
    })
    const bytes = writeAvro(claim, encode, new Map(), [{ n: 200_000_000 }])
    expect(() => readManifest(bytes, 4, () => columns)).toThrow(expect.objectContaining({ code: 'corrupt_avro' }))
  })
})

describe('Avro longs', () => {
  it('are exact from end to end', () => {
    const { decode, encode } = compileAvro('long', fieldName)
    fc.assert(
      fc.property(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), (value) => {
        const output = new AvroOutput()
        encode(value, output)
        if (value >= -(2n ** 53n) + 1n && value <= 2n ** 53n - 1n) {
          const number = new AvroOutput()
          encode(Number(value), number)
          expect(number.finish()).toEqual(output.finish())
        }
        expect(BigInt(String(decode(new AvroInput(output.finish()))))).toBe(value)
      }),
    )
  })
})

describe('manifest lists', () => {
  it('come back as they were written', () => {
    const summary = { containsNull: true, containsNan: false }
    const manifest: ManifestFile = {
      path: 's3://b/m.avro',
      length_bytes: 77,
      specId: 4,
      content: 'data',
      sequenceNumber: 9,
      minSequenceNumber: 3,
      addedSnapshotId: 2n ** 62n,
      addedFiles: 1,
      existingFiles: 2,
      deletedFiles: 3,
      addedRows: 4,
      existingRows: 5,
      deletedRows: 6,
      partitions: [
        { ...summary, lower: 20_000, upper: 20_001 },
        { ...summary, lower: 'a', upper: 'b' },
        { ...summary, lower: -1n, upper: 10n ** 27n },
        { ...summary, lower: undefined, upper: undefined },
        { ...summary, lower: 1n, upper: 2n },
        { ...summary, lower: false, upper: true },
        { ...summary, lower: Buffer.from('abc'), upper: Buffer.from('abd') },
      ],
      keyMetadata: undefined,
    }
    const bytes = writeManifestList(
      [manifest],
      { snapshotId: 5n, parentId: undefined, sequenceNumber: 9 },
      () => columns,
    )
    expect(readManifestList(bytes, () => columns)).toEqual([manifest])
  })
})

const foreignSchema = {
  type: 'record',
  name: 'entry',
  fields: [
    { name: 'state', type: 'int', 'field-id': 0 },
    { name: 'snap', type: ['null', 'long'], 'field-id': 1 },
    {
      name: 'body',
      'field-id': 2,
      type: {
        type: 'record',
        name: 'f',
        fields: [
          {
            name: 'part',
            'field-id': 102,
            type: {
              type: 'record',
              name: 'p',
              fields: [
                { name: 'c-1', type: ['null', 'string'], 'field-id': 1001 },
                { name: 'c-0', type: ['null', { type: 'int', logicalType: 'date' }], 'field-id': 1000 },
              ],
            },
          },
          { name: 'bytes', type: 'long', 'field-id': 104 },
          { name: 'rows', type: 'long', 'field-id': 103 },
          { name: 'kind', type: 'string', 'field-id': 101 },
          { name: 'where', type: 'string', 'field-id': 100 },
        ],
      },
    },
  ],
}

interface AvscEntry {
  readonly data_file: { readonly file_path: string; readonly record_count: number }
}

async function decodeWithAvsc(bytes: Buffer): Promise<{ records: AvscEntry[]; header: Record<string, string> }> {
  const header: Record<string, string> = {}
  const decoder = new avro.streams.BlockDecoder()
  decoder.on(
    'metadata',
    (_type: unknown, _codec: unknown, raw: { readonly meta: Readonly<Record<string, Buffer>> }) => {
      for (const [key, value] of Object.entries(raw.meta)) header[key] = value.toString()
    },
  )
  const records: AvscEntry[] = []
  for await (const record of Readable.from([bytes], { objectMode: false }).pipe(decoder))
    records.push(record as AvscEntry)
  return { records, header }
}
