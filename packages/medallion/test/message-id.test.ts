import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { messageIds, parseMessageId } from '../src/silver/rows/message-id.js'

const lane = fc.record({ laneId: fc.nat(2 ** 28 - 1), partition: fc.nat(2 ** 30 - 1) })
const offset = fc.bigInt({ min: 0n, max: 2n ** 63n - 1n })

function idOf(coordinates: { laneId: number; partition: number }, at: bigint): string {
  const hex = Buffer.from(messageIds([coordinates], Int32Array.of(0), BigInt64Array.of(at))).toString('hex')
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')
}

describe('message ids', () => {
  it('A5: tell lane and offset again, and are UUIDs of version 8', () => {
    fc.assert(
      fc.property(lane, offset, (coordinates, at) => {
        const id = idOf(coordinates, at)
        expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
        expect(parseMessageId(id)).toEqual({ ...coordinates, offset: at })
      }),
    )
  })

  it('A5: sort as the lane does', () => {
    fc.assert(
      fc.property(lane, offset, offset, (coordinates, a, b) => {
        expect(idOf(coordinates, a) < idOf(coordinates, b)).toBe(a < b)
      }),
    )
    fc.assert(
      fc.property(lane, lane, offset, offset, (a, b, x, y) => {
        if (a.laneId === b.laneId && a.partition === b.partition) return
        const before = a.laneId === b.laneId ? a.partition < b.partition : a.laneId < b.laneId
        expect(idOf(a, x) < idOf(b, y)).toBe(before)
      }),
    )
  })

  it('A5: other UUIDs are not taken for one', () => {
    expect(parseMessageId('00000000-0000-4000-8000-000000000000')).toBeUndefined()
    expect(parseMessageId('00000000-0000-8000-0000-000000000000')).toBeUndefined()
    expect(parseMessageId('x')).toBeUndefined()
  })
})
