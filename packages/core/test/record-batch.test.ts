import fc from 'fast-check'
import { expect, test } from 'vitest'
import { bytesColumn, nullColumn, rowBytes, rowLength } from '../src/index.js'

test('B1: a column of byte strings gives each row back, the empty one and the missing one apart', () => {
  const row = fc.oneof(fc.uint8Array({ maxLength: 9 }), fc.constant(null), fc.constant(undefined))
  fc.assert(
    fc.property(fc.array(row, { maxLength: 12 }), (rows) => {
      const column = bytesColumn(rows)
      expect(rows.map((_, i) => rowBytes(column, i))).toEqual(rows.map((one) => one ?? undefined))
      expect(rows.map((_, i) => rowLength(column, i))).toEqual(rows.map((one) => one?.length ?? 0))
      expect(column.nulls === undefined).toBe(rows.every((one) => one))
    }),
  )
  const none = nullColumn(3)
  expect([0, 1, 2].map((i) => rowBytes(none, i))).toEqual([undefined, undefined, undefined])
  expect(none.offsets).toHaveLength(4)
})
