import { UsageError } from '@assay/core'
import { expect, test } from 'vitest'
import type { SchemaRegistry } from '../src/index.js'
import type { ReaderOf } from '../src/reader-gate.js'

/** A subject whose records somebody reads, and by what. */
const READ_SUBJECT = 'read-value'
export const readerOf: ReaderOf = (subject) =>
  subject === READ_SUBJECT ? recordSchema([{ name: 'price', type: 'string' }]) : undefined

/** Two processes' views of one registry, without a subject at first; both know `readerOf`. */
export type OpenRegistries = () => Promise<readonly [SchemaRegistry, SchemaRegistry]>

export const SUBJECT = 'market.crypto.trades.binance.raw-value'

/** A record schema with as many fields as wanted, each with a default, so that any two are compatible. */
export function tradeSchema(fields: number, indent?: number): string {
  const names = Array.from({ length: fields }, (_, i) => ({ name: `f${i}`, type: 'long', default: i }))
  return JSON.stringify({ type: 'record', name: 'Trade', fields: names }, null, indent)
}

export function recordSchema(fields: readonly object[], name = 'Trade'): string {
  return JSON.stringify({ type: 'record', name, fields })
}

/** What every schema registry keeps, whatever stands behind it. */
export function registryContract(name: string, open: OpenRegistries): void {
  test(`${name}: a registered schema is found by its id, by everybody`, async () => {
    const [a, b] = await open()
    const id = await a.register(SUBJECT, tradeSchema(1))
    for (const registry of [a, b, a]) {
      const lookup = await registry.schema(id)
      expect(lookup.kind === 'found' && JSON.parse(lookup.schema)).toEqual(JSON.parse(tradeSchema(1)))
    }
  })

  test(`${name}: the same schema has one id, however it is laid out and wherever it is registered`, async () => {
    const [a, b] = await open()
    const id = await a.register(SUBJECT, tradeSchema(2))
    expect(await a.register(SUBJECT, tradeSchema(2, 2))).toBe(id)
    expect(await b.register(SUBJECT, tradeSchema(2))).toBe(id)
    expect(await b.register('another-value', tradeSchema(2))).toBe(id)
  })

  test(`${name}: different schemas have different ids, and old ones stay`, async () => {
    const [a, b] = await open()
    const first = await a.register(SUBJECT, tradeSchema(1))
    const second = await b.register(SUBJECT, tradeSchema(2))
    expect(second).not.toBe(first)
    expect(await b.schema(first)).toEqual(await a.schema(first))
    expect(await a.schema(second)).toEqual(await b.schema(second))
  })

  test(`${name}: S6: ids that are asked for at once and in turn each have their own schema`, async () => {
    const [a, b] = await open()
    const ids = new Map<number, string>()
    for (const fields of [3, 1, 2]) ids.set(await a.register(SUBJECT, tradeSchema(fields)), tradeSchema(fields))
    expect(ids.size).toBe(3)
    // One that has them in memory, and one that has to fetch them.
    for (const registry of [a, b]) {
      const asked = [...ids.keys(), ...ids.keys()]
      const atOnce = await Promise.all(asked.map((id) => registry.schema(id)))
      const inTurn = []
      for (const id of asked.toReversed()) inTurn.unshift(await registry.schema(id))
      for (const found of [atOnce, inTurn])
        for (const [i, id] of asked.entries()) {
          const lookup = found[i]
          expect(lookup?.kind === 'found' && JSON.parse(lookup.schema)).toEqual(JSON.parse(ids.get(id) ?? ''))
        }
    }
  })

  test(`${name}: an id that nobody gave out is unknown, and known as soon as it is given out`, async () => {
    const [a, b] = await open()
    // In a registry that was used before, schemas of other tests may have ids already.
    const first = await a.register(SUBJECT, tradeSchema(41))
    expect(await b.schema(first + 1)).toEqual({ kind: 'unknown' })
    for (const id of [0, -1, 1.5, Number.NaN, 2 ** 31 - 1, 2 ** 31, 2 ** 53])
      expect(await b.schema(id)).toEqual({ kind: 'unknown' })
    const second = await a.register(SUBJECT, tradeSchema(42))
    expect((await b.schema(second)).kind).toBe('found')
  })

  test(`${name}: T15: many registering at once agree`, async () => {
    const [a, b] = await open()
    const wanted = Array.from({ length: 24 }, (_, i) => tradeSchema(1 + (i % 4)))
    const ids = await Promise.all(wanted.map((schema, i) => (i % 2 === 0 ? a : b).register(SUBJECT, schema)))
    expect(new Set(ids).size).toBe(4)
    for (const [i, id] of ids.entries()) expect(id).toBe(ids[i % 4])
  })

  test(`${name}: how a schema would fare is told without registering it`, async () => {
    const [a, b] = await open()
    const standing = async (schema: string): Promise<string | undefined> =>
      (await b.inspect?.(SUBJECT, schema))?.standing.kind
    expect(await standing(tradeSchema(3))).toBe('absent')
    await a.register(SUBJECT, tradeSchema(3))
    expect(await standing(tradeSchema(3))).toBe('registered')
    expect(await standing(tradeSchema(4))).toBe('compatible')
    expect(await standing(recordSchema([{ name: 'f9', type: 'long' }]))).toBe('incompatible')
    expect(await standing(tradeSchema(4))).toBe('compatible')
  })

  test(`${name}: what is no Avro schema is refused`, async () => {
    const [a] = await open()
    for (const text of ['', '{', '{"type":"recrod"}', 'null']) await expect(a.register(SUBJECT, text)).rejects.toThrow()
  })

  test(`${name}: a schema that can’t read the latest one’s data is refused, and the field is named`, async () => {
    const [a, b] = await open()
    const price = { name: 'price', type: 'string' }
    const id = await a.register(SUBJECT, recordSchema([price]))
    const refusals: [object[], RegExp][] = [
      [[price, { name: 'venue', type: 'string' }], /venue.*no default/],
      [[{ name: 'price', type: 'double' }], /price.*string.*double/],
      [[{ name: 'price', type: ['null', 'long'], default: null }], /price.*string/],
    ]
    for (const [fields, difference] of refusals) {
      const refused = await b.register(SUBJECT, recordSchema(fields)).catch((error: unknown) => error)
      expect(refused).toBeInstanceOf(UsageError)
      expect(refused).toMatchObject({ code: 'schema_incompatible', message: expect.stringMatching(difference) })
      expect((refused as UsageError).message).toContain(SUBJECT)
    }
    expect(await b.register('other-topic-value', recordSchema([{ name: 'price', type: 'double' }]))).not.toBe(id)
  })

  test(`${name}: a schema is measured against the subject’s latest, and an earlier one is taken again`, async () => {
    const [a, b] = await open()
    const amount = (type: string): string => recordSchema([{ name: 'amount', type }])
    const first = await a.register(SUBJECT, amount('int'))
    const second = await b.register(SUBJECT, amount('long'))
    expect(await a.register(SUBJECT, amount('int'))).toBe(first)
    const more = { name: 'more', type: 'int', default: 0 }
    await expect(a.register(SUBJECT, recordSchema([{ name: 'amount', type: 'int' }, more]))).rejects.toMatchObject({
      code: 'schema_incompatible',
      message: expect.stringContaining('amount was long and is int'),
    })
    expect(await b.register(SUBJECT, amount('double'))).toBeGreaterThan(second)
  })

  test(`${name}: a schema shared by two subjects is the latest of both`, async () => {
    const [a, b] = await open()
    const text = recordSchema([{ name: 'price', type: 'string' }])
    const id = await a.register(SUBJECT, text)
    expect(await b.register('shared-value', text)).toBe(id)
    await expect(b.register('shared-value', recordSchema([{ name: 'price', type: 'long' }]))).rejects.toMatchObject({
      code: 'schema_incompatible',
    })
  })

  test(`${name}: a schema is measured both ways: by the subject’s latest, and by those who read its records`, async () => {
    const [a, b] = await open()
    const price = { name: 'price', type: 'string' }
    const refusals: [object[], RegExp][] = [
      [[], /field "price": the writer's schema lacks it, wanted string/],
      [[{ name: 'price', type: 'double' }], /field "price": found double, wanted string/],
      [
        [{ name: 'price', type: ['null', 'string'], default: null }],
        /field "price": found null or string, wanted string/,
      ],
      [[{ name: 'price', type: { type: 'bytes', logicalType: 'decimal', precision: 9, scale: 2 } }], /decimal\(9,2\)/],
    ]
    for (const [fields, difference] of refusals) {
      const refused = await b.register(READ_SUBJECT, recordSchema(fields)).catch((error: unknown) => error)
      expect(refused).toBeInstanceOf(UsageError)
      expect(refused).toMatchObject({ code: 'schema_incompatible', message: expect.stringMatching(difference) })
    }
    const first = await a.register(READ_SUBJECT, recordSchema([price]))
    const venue = { name: 'venue', type: 'string' }
    await expect(b.register(READ_SUBJECT, recordSchema([price, venue]))).rejects.toThrow(/venue.*no default/)
    const second = await b.register(READ_SUBJECT, recordSchema([price, { ...venue, default: '' }]))
    expect(second).toBeGreaterThan(first)
  })
}
