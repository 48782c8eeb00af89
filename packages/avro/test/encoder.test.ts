import { expect, test } from 'vitest'
import { compileEncoder } from '../src/index.js'
import { recordSchema } from './cells.js'

test.each([
  ['a fraction', 'long', 1.5],
  ['an unsafe integer', 'long', 2 ** 53],
  ['more than 64 bits', 'long', 2n ** 63n],
  ['33 bits', 'int', 2 ** 31],
  ['a number', 'string', 1],
  ['half a surrogate pair', 'string', 'a\ud800'],
  ['nothing', 'string', undefined],
  ['null', 'boolean', null],
  ['an array', 'bytes', [1]],
  ['a text in a union', ['null', 'long'], '1'],
])('a record with a wrong value is refused, the field named: %s', (_, type, value) => {
  const encode = compileEncoder(recordSchema([{ name: 'field_a', type }]))
  expect(() => encode({ field_a: value })).toThrow(/"field_a"/)
  expect(() => encode({ field_a: value })).toThrow(expect.objectContaining({ code: 'record_invalid' }))
})

test('a record keeps its bytes when the next one is encoded', () => {
  const encode = compileEncoder(recordSchema([{ name: 'word', type: 'string' }]))
  const first = encode({ word: 'one' })
  encode({ word: 'two' })
  expect(Buffer.from(first).toString('latin1')).toBe('\x06one')
})

test('texts of every length are written whole, and records have a limit', () => {
  const encode = compileEncoder(recordSchema([{ name: 'word', type: 'string' }]))
  for (const length of [63, 64, 5000, 1 << 20])
    expect(encode({ word: 'x'.repeat(length) }).length).toBeGreaterThan(length)
  expect(() => encode({ word: 'x'.repeat((64 << 20) + 1) })).toThrow(
    expect.objectContaining({ code: 'record_too_large' }),
  )
  expect(encode({ word: 'after' }).length).toBe(6)
})
