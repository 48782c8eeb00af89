import { describe, expect, test } from 'vitest'
import { compileColumnDecoder, newDecodedColumns } from '../src/index.js'
import { allCells, cell, decodeOne, long, recordSchema, text } from './cells.js'

const bytes = (...parts: number[][]): Uint8Array => Uint8Array.from(parts.flat())
const ID = { name: 'id', type: 'long' }
const READER = recordSchema([ID])

function withExtra(type: unknown): string {
  return recordSchema([{ name: 'extra', type }, ID])
}

describe('values', () => {
  test.each([
    0n,
    -1n,
    63n,
    64n,
    -65n,
    2n ** 27n,
    -(2n ** 31n),
    2n ** 34n - 1n,
    2n ** 62n,
    2n ** 63n - 1n,
    -(2n ** 63n),
  ])('the long %s', (value) => {
    expect(decodeOne(READER, READER, bytes(long(value))).cell('id')).toBe(value)
  })

  test('S3: a long in more bytes than it needs is the same long', () => {
    expect(decodeOne(READER, READER, bytes([0x82, 0x80, 0x80, 0x00])).cell('id')).toBe(1n)
  })

  test.each([
    ['of eleven bytes', [0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x00]],
    ['of ten bytes with more than 64 bits', [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02]],
    ['without an end', [0x80]],
    ['that is not there', []],
  ])('a long %s is refused', (_, body) => {
    expect(decodeOne(READER, READER, bytes(body), 0x00).ok).toBe(false)
  })

  test('an int of 33 bits is refused, as a column of its own and when skipped', () => {
    const int = recordSchema([{ name: 'id', type: 'int' }])
    expect(decodeOne(int, READER, bytes(long(2n ** 31n))).ok).toBe(false)
    expect(decodeOne(int, READER, bytes(long(2n ** 31n - 1n))).cell('id')).toBe(2n ** 31n - 1n)
    expect(decodeOne(withExtra('int'), READER, bytes(long(-(2n ** 31n) - 1n), long(1))).ok).toBe(false)
  })

  test('a boolean is 0 or 1', () => {
    const schema = recordSchema([{ name: 'flag', type: 'boolean' }])
    expect([0, 1].map((byte) => decodeOne(schema, schema, bytes([byte])).cell('flag'))).toEqual([false, true])
    expect(decodeOne(schema, schema, bytes([2])).ok).toBe(false)
  })

  test.each([
    ['a lone continuation', [0x80]],
    ['an overlong slash', [0xc0, 0xaf]],
    ['an overlong form of three bytes', [0xe0, 0x80, 0xaf]],
    ['a surrogate', [0xed, 0xa0, 0x80]],
    ['past U+10FFFF', [0xf4, 0x90, 0x80, 0x80]],
    ['a cut character', [0x41, 0xe2, 0x82]],
    ['a fifth byte', [0xf8, 0x88, 0x80, 0x80, 0x80]],
  ])('text that is not UTF-8 is refused: %s', (_, content) => {
    const schema = recordSchema([{ name: 'word', type: 'string' }])
    expect(decodeOne(schema, schema, bytes(long(content.length), content), 0xbf).ok).toBe(false)
    expect(decodeOne(withExtra('string'), READER, bytes(long(content.length), content, long(1))).ok).toBe(false)
  })

  test('bytes may be anything, but not where the reader wants text', () => {
    const writer = recordSchema([{ name: 'word', type: 'bytes' }])
    const body = bytes(long(2), [0xff, 0xfe])
    expect(decodeOne(writer, writer, body).cell('word')).toBe('\xff\xfe')
    expect(decodeOne(writer, recordSchema([{ name: 'word', type: 'string' }]), body).ok).toBe(false)
  })

  test('NaN and infinities are values', () => {
    const schema = recordSchema([{ name: 'x', type: 'double' }])
    for (const value of [Number.NaN, Number.POSITIVE_INFINITY, -0]) {
      const body = new Uint8Array(8)
      new DataView(body.buffer).setFloat64(0, value, true)
      expect(decodeOne(schema, schema, body).cell('x')).toBe(value)
    }
  })

  test('bytes after the record are refused, and the row is null again', () => {
    const refused = decodeOne(READER, READER, bytes(long(5), [0]))
    expect(refused.ok).toBe(false)
    expect(allCells(refused)).toEqual([null])
    expect(refused.columns.fields.id).toMatchObject({ data: BigInt64Array.of(0n) })
  })
})

describe('resolution', () => {
  test('fields are matched by name, then by alias; others are skipped', () => {
    const reader = recordSchema([{ name: 'price', type: 'string', aliases: ['px'] }, ID])
    const writer = recordSchema([ID, { name: 'note', type: 'string' }, { name: 'px', type: 'string' }])
    const decoded = decodeOne(writer, reader, bytes(long(7), text('skip me'), text('1.5')))
    expect(allCells(decoded)).toEqual(['1.5', 7n])
  })

  test('what the writer lacks comes from defaults, texts and bytes included', () => {
    const reader = recordSchema([
      ID,
      { name: 'word', type: 'string', default: 'grüße' },
      { name: 'blob', type: 'bytes', default: 'ÿ' },
      { name: 'count', type: 'int', default: -3 },
      { name: 'share', type: 'double', default: 0.5 },
      { name: 'flag', type: 'boolean', default: true },
      { name: 'none', type: ['null', 'long'], default: null },
    ])
    const writer = recordSchema([ID])
    const source = bytes(long(1), long(2))
    const columns = newDecodedColumns(reader, source, 2)
    const decoder = compileColumnDecoder(writer, reader)
    expect([decoder.decode(source, 0, 1, 0, columns), decoder.decode(source, 1, 2, 1, columns)]).toEqual([true, true])
    const utf8 = Buffer.from('grüße').toString('latin1')
    for (const row of [0, 1]) {
      const cells = Object.keys(columns.fields).map((name) => cell(columns, name, row))
      expect(cells).toEqual([BigInt(row + 1), utf8, 'ÿ', -3n, 0.5, true, null])
    }
  })

  test('the batch is not copied when no text is a default', () => {
    const source = bytes(long(1))
    expect(newDecodedColumns(READER, source, 1).source).toBe(source)
  })

  test('each row knows its body', () => {
    const source = bytes(long(1), long(300))
    const columns = newDecodedColumns(READER, source, 2)
    compileColumnDecoder(READER, READER).decode(source, 1, 3, 1, columns)
    expect([...columns.bodyStarts, ...columns.bodyEnds]).toEqual([0, 1, 0, 3])
  })

  test('a union is resolved branch by branch: only the unreadable branch is refused', () => {
    const writer = recordSchema([{ name: 'id', type: ['null', 'int', 'string'] }])
    expect(decodeOne(writer, READER, bytes(long(1), long(9))).cell('id')).toBe(9n)
    expect(decodeOne(writer, READER, bytes(long(2), text('x'))).ok).toBe(false)
    expect(decodeOne(writer, READER, bytes(long(3), long(9))).ok).toBe(false)
    expect(decodeOne(writer, READER, bytes(long(-1), long(9))).ok).toBe(false)
  })

  test.each([
    ['another type', [{ name: 'id', type: 'string' }], /field "id".*string/],
    ['a narrowing', [{ name: 'id', type: 'double' }], /field "id"/],
    ['no such field', [{ name: 'other', type: 'long' }], /field "id".*lacks it/],
    ['a union without a readable branch', [{ name: 'id', type: ['null', 'string'] }], /field "id"/],
  ])('an incompatible schema is refused, the field named: %s', (_, fields, message) => {
    expect(() => compileColumnDecoder(recordSchema(fields), READER)).toThrow(message)
    expect(() => compileColumnDecoder(recordSchema(fields), READER)).toThrow(
      expect.objectContaining({ code: 'schema_incompatible' }),
    )
  })

  test('records of another name are refused', () => {
    expect(() => compileColumnDecoder(recordSchema([ID], 'Other'), READER)).toThrow(/"Other"/)
  })

  test.each(['', '{', '{"type":"record"}', `${'['.repeat(100_000)}`, '"__proto__"', '{"type":"constructor"}'])(
    'what is no schema is an error with a code: %.20s',
    (schema) => {
      expect(() => compileColumnDecoder(schema, READER)).toThrow(expect.objectContaining({ code: 'schema_invalid' }))
    },
  )

  test('a reader that is no table is refused, the field named', () => {
    const nested = recordSchema([{ name: 'levels', type: { type: 'array', items: 'long' } }])
    expect(() => compileColumnDecoder(nested, nested)).toThrow(/"levels"/)
  })
})

describe('skipped values', () => {
  const LEVELS = { type: 'array', items: 'long' }

  test('an array in blocks with and without their sizes', () => {
    const body = bytes(long(-2), long(3), long(1), long(200), long(1), long(7), long(0), long(42))
    expect(decodeOne(withExtra(LEVELS), READER, body).cell('id')).toBe(42n)
  })

  test.each([
    ['a block size that is not the size', bytes(long(-2), long(4), long(1), long(200), long(0), long(42))],
    ['a block size past the end', bytes(long(-1), long(9000), long(1), long(0), long(42))],
    ['a negative block size', bytes(long(-1), long(-1), long(1), long(0), long(42))],
    ['the least count there is', bytes(long(-(2n ** 63n)), long(1), long(1), long(0), long(42))],
    ['a count of 2^31', bytes(long(-(2n ** 31n)), long(1), long(1), long(0), long(42))],
  ])('%s is refused', (_, body) => {
    expect(decodeOne(withExtra(LEVELS), READER, body).ok).toBe(false)
  })

  test('maps, enums, fixed, records and unions', () => {
    const type = {
      type: 'record',
      name: 'Nested',
      fields: [
        { name: 'm', type: { type: 'map', values: ['null', 'double'] } },
        { name: 'e', type: { type: 'enum', name: 'E', symbols: ['A', 'B'] } },
        { name: 'f', type: { type: 'fixed', name: 'F', size: 3 } },
      ],
    }
    const map = [
      ...long(2),
      ...text('__proto__'),
      ...long(0),
      ...text('b'),
      ...long(1),
      0,
      0,
      0,
      0,
      0,
      0,
      0,
      0,
      ...long(0),
    ]
    expect(decodeOne(withExtra(type), READER, bytes(map, long(1), [1, 2, 3], long(42))).cell('id')).toBe(42n)
    expect(decodeOne(withExtra(type), READER, bytes(map, long(2), [1, 2, 3], long(42))).ok).toBe(false)
    expect(decodeOne(withExtra(type), READER, bytes(map, long(1), [1, 2])).ok).toBe(false)
  })
})

describe('S6: hostile records cost bounded time', () => {
  /** Time of this process's own: what others do on the machine counts for nothing. */
  function refusedAtOnce(writer: string, body: Uint8Array): void {
    const decoder = compileColumnDecoder(writer, READER)
    const columns = newDecodedColumns(READER, body, 1)
    const start = process.cpuUsage()
    expect(decoder.decode(body, 0, body.length, 0, columns)).toBe(false)
    const { user, system } = process.cpuUsage(start)
    expect((user + system) / 1_000).toBeLessThan(1_000)
  }

  test('an array of a million million nulls in seven bytes', () => {
    refusedAtOnce(withExtra({ type: 'array', items: 'null' }), bytes(long(10n ** 12n), long(0), long(1)))
  })

  test('the same nulls in many blocks', () => {
    const blocks = Array.from({ length: 100_000 }, () => long(9_999)).flat()
    refusedAtOnce(withExtra({ type: 'array', items: 'null' }), bytes(blocks, long(0), long(1)))
  })

  test('10,000 items are fine, one more is not', () => {
    const items = (count: number): Uint8Array => bytes(long(count), Array(count).fill(0), long(0), long(1))
    const writer = withExtra({ type: 'array', items: 'long' })
    expect(decodeOne(writer, READER, items(10_000)).ok).toBe(true)
    expect(decodeOne(writer, READER, items(10_001)).ok).toBe(false)
  })

  test('a list 200,000 deep, and one within the limit', () => {
    const node = { type: 'record', name: 'Node', fields: [{ name: 'next', type: ['null', 'Node'] }] }
    const list = (depth: number): Uint8Array => bytes(Array(depth).fill(2), long(0), long(1))
    refusedAtOnce(withExtra(node), list(200_000))
    expect(decodeOne(withExtra(node), READER, list(60)).ok).toBe(true)
    expect(decodeOne(withExtra(node), READER, list(64)).ok).toBe(false)
  })

  test('arrays 200,000 deep', () => {
    const node = {
      type: 'record',
      name: 'Node',
      fields: [{ name: 'children', type: { type: 'array', items: 'Node' } }],
    }
    refusedAtOnce(withExtra(node), bytes(Array(200_000).fill(2), long(1)))
  })

  test('records without bytes that double with every level', () => {
    let type: unknown = 'null'
    for (let level = 0; level < 40; level++) {
      const name = `L${level}`
      type = {
        type: 'record',
        name,
        fields: [
          { name: 'a', type },
          { name: 'b', type: level === 0 ? 'null' : `L${level - 1}` },
        ],
      }
    }
    refusedAtOnce(withExtra(type), bytes(long(1)))
  })

  test('a text that claims more than there is', () => {
    for (const length of [100, 2 ** 31, 2n ** 40n, -1]) {
      const schema = recordSchema([{ name: 'word', type: 'string' }])
      expect(decodeOne(schema, schema, bytes(long(length), [0x41]), 0x41).ok).toBe(false)
    }
  })

  test('a span outside the source is refused', () => {
    const source = bytes(long(1))
    const columns = newDecodedColumns(READER, source, 1)
    const decoder = compileColumnDecoder(READER, READER)
    for (const [start, end] of [
      [0, 2],
      [1, 0],
      [-1, 1],
      [2, 2],
    ] as const) {
      expect(decoder.decode(source, start, end, 0, columns)).toBe(false)
    }
  })
})
