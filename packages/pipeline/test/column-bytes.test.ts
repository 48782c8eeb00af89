import { laneKey, position, type RowColumns } from '@assay/core'
import { expect, it } from 'vitest'
import { columnBytes } from '../src/hand-over/column-bytes.js'
import type { LaneRows } from '../src/hand-over/lane-rows.js'

it('A6: what rows hold in memory: each buffer once, nulls and indices too, and the texts of dictionaries', () => {
  const numbers = new BigInt64Array(10)
  const columns: RowColumns = new Map([
    ['same', { type: 'CONSTANT', of: 'VARCHAR', value: 'none of it' }],
    ['offset', { type: 'BIGINT', data: numbers, nulls: new Uint8Array(3) }],
    // A part of a buffer keeps all of it.
    ['other', { type: 'BIGINT', data: numbers.subarray(2, 4) }],
    ['side', { type: 'DICTIONARY', codes: new Int32Array(5), dictionary: ['ab', 'c'] }],
    ['list', { type: 'LIST', codes: new Int32Array(6), dictionary: [['ab', null], ['c']] }],
    [
      'raw',
      {
        type: 'BLOB',
        source: new Uint8Array(100),
        starts: new Uint32Array(7),
        ends: new Uint32Array(7),
        nulls: new Uint8Array(1),
      },
    ],
  ])
  const offsets = new BigInt64Array(11)
  const ofColumns = 80 + 3 + 20 + 2 * 3 + 24 + 2 * 3 + 100 + 28 + 28 + 1
  const lane = (rows: Uint32Array): LaneRows => ({
    key: laneKey({ topic: 't', partition: 0 }),
    from: position(0n),
    upper: position(9n),
    columns,
    offsets,
    rows,
  })
  expect(columnBytes([])).toBe(0)
  expect(columnBytes([lane(new Uint32Array(9))])).toBe(ofColumns + 88 + 36)
  expect(columnBytes([lane(new Uint32Array(9)), lane(new Uint32Array(4))])).toBe(ofColumns + 88 + 36 + 16)
})
