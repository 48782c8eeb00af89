import { describe, expect, test } from 'vitest'
import { describeFraming } from '../src/index.js'

const bytes = (...parts: (number | string)[]): Uint8Array =>
  Buffer.concat(parts.map((part) => (typeof part === 'string' ? Buffer.from(part) : Buffer.of(part))))
const zeros = (count: number): number[] => Array<number>(count).fill(0)
/** Kafka's encoding of one header, whose name's length is a zigzag varint. */
const header = (name: string, value = 'x'): Uint8Array => bytes(2 * name.length, name, 2 * value.length, value)

describe('S5: what is no Confluent frame is told by what it seems to be', () => {
  test.each<[string, Uint8Array]>([
    ['the value is empty', bytes()],
    ['plain JSON', bytes('{"price":1}')],
    ['plain JSON', bytes(0xef, 0xbb, 0xbf, ' [1] \n')],
    ['plain JSON', bytes('"text"')],
    ['it begins with 22', bytes('"')],
    [
      "Avro's single-object encoding (C3 01), schema fingerprint 0102030405060708",
      bytes(0xc3, 1, 1, 2, 3, 4, 5, 6, 7, 8),
    ],
    ['it begins with c3', bytes(0xc3, 1, 1, 2, 3, 4, 5, 6, 7)],
    ['an Avro container file', bytes('Obj', 1)],
    ['an AWS Glue frame (03), schema version 01000000-', bytes(3, 0, 1, ...zeros(15))],
    ['an AWS Glue frame (03), schema version 01000000-', bytes(3, 5, 1, ...zeros(15))],
    ['it begins with 03', bytes(3, 4, 1, ...zeros(15))],
    ['it begins with 03', bytes(3, 0, 1, ...zeros(14))],
    ['gzip', bytes(0x1f, 0x8b, 8)],
    ['zstd', bytes(0x28, 0xb5, 0x2f, 0xfd)],
    ['a frame with a schema GUID (01 and 16 bytes): 02000000-', bytes(1, 2, ...zeros(15))],
    ['it begins with 01', bytes(1, 2, ...zeros(14))],
    ["an id of 8 bytes (Apicurio's former one): 7", bytes(0, ...zeros(7), 7)],
    ["an id of 8 bytes (Apicurio's former one): 2147483647", bytes(0, ...zeros(4), 0x7f, 0xff, 0xff, 0xff)],
    ['a frame with the schema id 0, which', bytes(0, ...zeros(4), 0x80, 0, 0, 0)],
    ['a frame with the schema id 0, which', bytes(0, ...zeros(8))],
    ['a frame with the schema id 0, which', bytes(0, ...zeros(7))],
    ['a frame with the schema id -1, which', bytes(0, 0xff, 0xff, 0xff, 0xff, 1)],
    ['4 bytes, where the frame alone has 5', bytes(0, 0, 0, 0)],
    ['1 byte, where the frame alone has 5', bytes(0)],
  ])('%s', (words, value) => {
    expect(describeFraming(value)).toContain(words)
  })

  test.each([
    ['__value_schema_id', "Confluent's schema GUID"],
    ['apicurio.value.globalId', "Apicurio's global id"],
    ['apicurio.value.contentId', "Apicurio's content id"],
  ])('a header that other serializers put ids in is named: %s', (name, meaning) => {
    expect(describeFraming(bytes('x'), header(name))).toContain(`${meaning} is in the header ${name}`)
    for (const other of [`my${name}`, name.slice(1), `${name}2`]) {
      expect(describeFraming(bytes('x'), header(other))).not.toContain('header')
    }
    expect(describeFraming(bytes('x'), header('trace', name))).toContain('it begins with 78')
  })
})
