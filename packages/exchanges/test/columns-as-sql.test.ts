import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { compileEncoder } from '@assay/avro'
import { type Engine, loadableRows, openEngine } from '@assay/engine'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Exchange, exchanges, FIRST_READING, PRESENT_READING } from '../src/index.js'
import { madeUp } from './made-up/index.js'
import { decodedBodies, rowOf } from './rows.js'
import { SILVER_MAPPINGS, type SilverMapping } from './silver-mapping.js'

const tempDirectory = mkdtempSync(path.join(tmpdir(), 'exchanges-'))
let engine: Engine

beforeAll(async () => {
  engine = await openEngine({ memoryLimit_bytes: 256e6, threads: 1, tempDirectory })
})
afterAll(async () => {
  await engine.close()
  rmSync(tempDirectory, { recursive: true, force: true })
})

interface AvroField {
  readonly name: string
  readonly type: string | readonly string[]
}

/** The exchange's fields; with `nullable` a value may be missing from any of them. */
function fieldsOf({ schema }: Exchange, nullable: boolean): { schema: string; fields: readonly AvroField[] } {
  const parsed = JSON.parse(schema) as { fields: AvroField[] }
  const fields = parsed.fields.map(({ name, type }) => ({
    name,
    type: nullable ? ['null', [type].flat().find((one) => one !== 'null') as string] : type,
  }))
  return { schema: JSON.stringify({ ...parsed, fields }), fields }
}

const LONGS = [
  0n,
  1n,
  -1n,
  99_999_999n,
  10n ** 8n,
  10n ** 15n - 1n,
  2n ** 53n - 1n,
  2n ** 53n,
  2n ** 63n - 1n,
  -(2n ** 63n),
]
const TIMES_MS = [999_999_999_999n, 1_000_000_000_000n, 1_763_000_000_123n, 9_999_999_999_999n, 10_000_000_000_000n]
const TEXTS = [
  ...['', 'trade', 'b', 's', 'l', 'm', 'limit', 'BTCUSDT', 'XBT/USD', 'ETH/XBT', 'BTC-EUR', '00001.50', '-0.0', '1e5'],
  ...['1534614057.321597', '1534614057', '1234567890.1234567', 'x'.repeat(70), '😀'.repeat(70)],
  '"}\\\\u001f\u0000\u001f\u000b\u2028\u007f\ufeff/\'',
]

const longs = fc.oneof(fc.constantFrom(...LONGS, ...TIMES_MS), fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }))
const texts = fc.oneof(
  fc.constantFrom(...TEXTS),
  fc.string({ unit: 'grapheme', maxLength: 20 }),
  fc.integer({ min: 0, max: 2e9 }).map(String),
)

function anyValue({ type }: AvroField): fc.Arbitrary<unknown> {
  const [name] = [type].flat().filter((one) => one !== 'null')
  const value: fc.Arbitrary<unknown> =
    name === 'string' ? texts : name === 'boolean' ? fc.boolean() : name === 'int' ? fc.integer() : longs
  return Array.isArray(type) ? fc.option(value, { freq: 4 }) : value
}

/** Rows of an exchange, of which some could not be decoded, and several are alike. */
function recordsOf(exchange: Exchange, nullable: boolean): fc.Arbitrary<readonly (Uint8Array | undefined)[]> {
  const { schema, fields } = fieldsOf(exchange, nullable)
  const encode = compileEncoder(schema)
  const record = fc.record(Object.fromEntries(fields.map((field) => [field.name, anyValue(field)])))
  const body = fc.option(
    record.map((fields) => encode(fields)),
    { nil: undefined, freq: 10 },
  )
  return fc
    .array(fc.tuple(body, fc.integer({ min: 1, max: 2 })), { maxLength: 40 })
    .map((rows) => rows.flatMap(([body, times]) => Array.from({ length: times }, () => body)))
}

const NAMES = Object.keys(SILVER_MAPPINGS.madeup as SilverMapping)

describe.each([...exchanges, madeUp])('the columns of $name', (exchange) => {
  const mapping = SILVER_MAPPINGS[exchange.name] as SilverMapping

  test.each([
    ['all values there', false],
    ['values missing', true],
  ])('S3: are what SQL makes of its fields, to the byte, with %s', async (_, nullable) => {
    const reading = fc.constantFrom(PRESENT_READING, FIRST_READING)
    await fc.assert(
      fc.asyncProperty(recordsOf(exchange, nullable), reading, async (bodies, reading) => {
        const { decoded, valid } = decodedBodies(exchange, bodies, fieldsOf(exchange, nullable).schema)
        const columns = exchange.columns(decoded, valid, reading)
        const loadable = loadableRows(
          new Map([
            ...[...columns].filter(([name]) => !(name in mapping)),
            ...exchange.rawColumns(decoded, valid, reading),
          ]),
          bodies.length,
        )
        const session = await engine.session()
        const { name } = await session.load('raw', loadable.columns, bodies.length)
        const list = Object.entries(mapping).map(([column, sql]) => `${sql} as ${column}`)
        const expected = await session.rows(`select ${list.join(', ')} from (${loadable.select(name)})`)
        const found = bodies.map((_, row) => {
          const cells = rowOf(columns, row)
          return Object.fromEntries(NAMES.map((column) => [column, cells[column]]))
        })
        expect(found).toEqual(expected)
        await session.close()
      }),
      { numRuns: 12 },
    )
  })
})
