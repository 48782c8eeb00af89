import { expect, test } from 'vitest'
import { frameSchemaId, WIRE_HEADER_BYTES, wireHeader } from '../src/index.js'
import { SCHEMA_ID_MAX } from '../src/wire-header.js'

const id = (...bytes: number[]): number => frameSchemaId(Uint8Array.from(bytes), 0, bytes.length)

test('a header is a zero byte and the id, most significant byte first', () => {
  expect([...wireHeader(0x01020304)]).toEqual([0, 1, 2, 3, 4])
  for (const schemaId of [0, 1, 255, 256, 65_536, SCHEMA_ID_MAX]) {
    const header = wireHeader(schemaId)
    expect(header.length).toBe(WIRE_HEADER_BYTES)
    expect(frameSchemaId(header, 0, header.length)).toBe(schemaId)
  }
})

test('what is no id has no header', () => {
  for (const schemaId of [-1, 1.5, SCHEMA_ID_MAX + 1, Number.NaN])
    expect(() => wireHeader(schemaId)).toThrow(/schema id/)
})

test('frames that are too short, of another magic or with the sign set are malformed', () => {
  expect(id()).toBe(-1)
  expect(id(0, 0)).toBe(-1)
  expect(id(0, 0, 0, 1)).toBe(-1)
  expect(id(1, 0, 0, 0, 1)).toBe(-1)
  expect(id(0, 0x80, 0, 0, 1)).toBe(-1)
  expect(id(0, 0, 0, 0, 1)).toBe(1)
})

test('only the bytes of the frame count, not what lies around it', () => {
  const bytes = Uint8Array.of(7, 0, 0, 0, 0, 9, 9, 9)
  expect(frameSchemaId(bytes, 1, 6)).toBe(9)
  expect(frameSchemaId(bytes, 1, 5)).toBe(-1)
  expect(frameSchemaId(bytes, 4, 4)).toBe(-1)
})
