import avsc from 'avsc'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { checkCompatible } from '../src/compatibility.js'

const record = (fields: unknown, name = 'Trade'): string => JSON.stringify({ type: 'record', name, fields })
const field = (type: unknown, more: object = {}): unknown => [{ name: 'f', type, ...more }]

function problem(schema: string, latest: string): string {
  try {
    checkCompatible('s', schema, latest)
    return ''
  } catch (error) {
    return (error as Error).message
  }
}

test('what readers may do to a field is taken', () => {
  const taken: [unknown, unknown][] = [
    [field('long'), field('int')],
    [field(['null', 'string']), field('string')],
    [field('bytes'), field('string')],
    [[], field('string')],
    [
      [
        { name: 'f', type: 'int' },
        { name: 'g', type: 'int', default: 0 },
      ],
      field('int'),
    ],
    [[{ name: 'renamed', aliases: ['f'], type: 'int' }], field('int')],
    [field({ type: 'long', logicalType: 'timestamp-micros' }), field('long')],
    [field({ type: 'enum', name: 'E', symbols: ['A', 'B'] }), field({ type: 'enum', name: 'E', symbols: ['A'] })],
  ]
  for (const [schema, latest] of taken) expect(problem(record(schema), record(latest))).toBe('')
})

test('every difference is named with its place, inner ones too', () => {
  const inner = (fields: unknown): unknown => ({ type: 'record', name: 'Inner', fields })
  const latest = record([
    { name: 'price', type: 'string' },
    { name: 'legs', type: { type: 'array', items: inner([{ name: 'size', type: 'long' }]) } },
    { name: 'tags', type: { type: 'map', values: 'string' } },
    { name: 'side', type: { type: 'enum', name: 'Side', symbols: ['BUY', 'SELL'] } },
  ])
  const schema = record([
    { name: 'price', type: 'double' },
    { name: 'legs', type: { type: 'array', items: inner([{ name: 'size', type: 'int' }]) } },
    { name: 'tags', type: { type: 'map', values: 'int' } },
    { name: 'side', type: { type: 'enum', name: 'Side', symbols: ['BUY'] } },
    { name: 'venue', type: 'string' },
  ])
  const message = problem(schema, latest)
  for (const part of [
    'field price was string and is double',
    'field legs[].size was long and is int',
    'field tags{} was string and is int',
    'field side was enum Side',
    'field venue is new and has no default',
  ]) {
    expect(message).toContain(part)
  }
  expect(problem(record(field('int'), 'Other'), record(field('int')))).toContain('was record Trade and is record Other')
})

test('a field that was renamed, with its former name as an alias, is no difference beside others', () => {
  const schema = record([
    { name: 'cost', aliases: ['price'], type: 'string' },
    { name: 'side', type: 'int' },
  ])
  const latest = record([
    { name: 'price', type: 'string' },
    { name: 'side', type: 'string' },
  ])
  const message = problem(schema, latest)
  expect(message).toContain('field side was string and is int')
  expect(message).not.toContain('cost')
})

test('types that hold themselves come to an end', () => {
  const node = (type: string): string =>
    record([
      { name: 'value', type },
      { name: 'next', type: ['null', 'Trade'], default: null },
      { name: 'parts', type: { type: 'array', items: 'Trade' } },
    ])
  expect(problem(node('int'), node('string'))).toContain('field value was string and is int')
  expect(problem(node('long'), node('int'))).toBe('')
})

test('refuses exactly what avsc can’t resolve', () => {
  const type = fc.constantFrom<unknown>(
    'int',
    'long',
    'double',
    'string',
    'bytes',
    ['null', 'long'],
    { type: 'array', items: 'long' },
    { type: 'array', items: 'int' },
    { type: 'map', values: 'string' },
    { type: 'fixed', name: 'F', size: 4 },
  )
  const fields = fc.uniqueArray(fc.record({ name: fc.constantFrom('a', 'b', 'c'), type }), { selector: (f) => f.name })
  fc.assert(
    fc.property(fields, fields, (reader, writer) => {
      const [a, b] = [record(uniqueNames(reader)), record(uniqueNames(writer))]
      const resolves = ((): boolean => {
        try {
          avsc.Type.forSchema(JSON.parse(a)).createResolver(avsc.Type.forSchema(JSON.parse(b)))
          return true
        } catch {
          return false
        }
      })()
      expect(problem(a, b) === '').toBe(resolves)
    }),
  )
})

/** A named type may be defined once in a schema. */
function uniqueNames(fields: readonly { name: string; type: unknown }[]): unknown[] {
  return fields.map(({ name, type }) => {
    const isFixed = typeof type === 'object' && type !== null && 'size' in type
    return { name, type: isFixed ? { ...type, name: `F_${name}` } : type }
  })
}
