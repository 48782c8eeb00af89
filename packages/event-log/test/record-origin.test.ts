import { seededRandom } from '@assay/core'
import { expect, it } from 'vitest'
import { originHeaders, readOrigin } from '../src/index.js'

const LOAD = { origin: 'load', id: '00000000-0000-4000-8000-000000000001' }

function read(headers: Uint8Array): ReturnType<typeof readOrigin> {
  // Somewhere within a column.
  return readOrigin(Buffer.concat([Buffer.from('xx'), headers, Buffer.from('yy')]), 2, 2 + headers.length)
}

/** Headers with short names and values, null for none. */
function headersOf(...pairs: readonly (readonly [name: string, value: string | null])[]): Uint8Array {
  const text = (one: string | null) => (one === null ? [1] : [2 * one.length, ...Buffer.from(one)])
  return Uint8Array.from([2 * pairs.length, ...pairs.flatMap((pair) => pair.flatMap(text))])
}

it('the origin that a producer wrote is read, among other headers, too', () => {
  expect(read(originHeaders(LOAD))).toEqual(LOAD)
  const own = [
    ['assay-origin', 'load'],
    ['assay-origin-id', 'a.b-C_1'],
  ] as const
  expect(read(headersOf(['trace', null], ['x', 'assay-origin'], ...own))).toEqual({ origin: 'load', id: 'a.b-C_1' })
  expect(read(headersOf(own[1], ['', ''], own[0], ['assay-origin', 'else']))).toEqual({ origin: 'load', id: 'a.b-C_1' })
})

it('whatever else is in the headers is a feed, and never an error', () => {
  const id = ['assay-origin-id', 'a'] as const
  const feeds = [
    headersOf(['assay-origin', 'load']),
    headersOf(id),
    headersOf(['assay-origin', 'replay'], id),
    headersOf(['assay-origin', null], id),
    headersOf(['assay-origin', 'load'], ['assay-origin-id', 'a b']),
    headersOf(['assay-origin', 'load'], ['assay-origin-id', '']),
    new Uint8Array(),
    Uint8Array.of(0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff),
    originHeaders(LOAD).subarray(0, 40),
    originHeaders({ ...LOAD, id: 'x'.repeat(65) }),
  ]
  expect(feeds.map(read)).toEqual(feeds.map(() => undefined))
  const random = seededRandom(1)
  for (let i = 0; i < 2_000; i++) {
    const headers = originHeaders(LOAD)
    headers[Math.floor(random.unit() * headers.length)] = Math.floor(random.unit() * 256)
    expect(() => read(headers)).not.toThrow()
  }
})
