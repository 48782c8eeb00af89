import { expect, it } from 'vitest'
import { RowTexts } from '../src/silver/rows/row-texts.js'

it('S5: texts of a few rows: the last one given counts, none and the empty one are none, long ones are cut', () => {
  const texts = new RowTexts(5, 3)
  texts.set(0, undefined)
  expect([texts.isEmpty, texts.get(0), texts.column()]).toEqual([
    true,
    undefined,
    { type: 'CONSTANT', of: 'VARCHAR', value: null },
  ])
  for (const [row, text] of [
    [1, 'abcd'],
    [2, 'abc'],
    [3, 'x'],
    [3, undefined],
    [4, 'y'],
    [4, ''],
  ] as const)
    texts.set(row, text)
  expect([0, 1, 2, 3, 4].map((row) => texts.get(row))).toEqual([undefined, 'abc', 'abc', undefined, undefined])
  expect(texts.column()).toEqual({
    type: 'DICTIONARY',
    codes: Int32Array.of(-1, 0, 0, -1, -1),
    dictionary: ['abc', 'x', 'y'],
  })
})
