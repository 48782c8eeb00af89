import { seededRandom } from '@assay/core'
import { expect, test } from 'vitest'
import { compileColumnDecoder } from '../src/index.js'
import { decodeWith } from './cells.js'
import { type Pair, PairMaker } from './schema-pairs.js'

/** More by hand: `ASSAY_TEST_PAIRS=100000 npx vitest run packages/avro/test/pairs.test.ts`. */
const PAIRS = Number(process.env.ASSAY_TEST_PAIRS ?? 1_000)

function check({ reader, writer, body, expected }: Pair): void {
  if (expected.kind === 'refused') {
    let refusal: unknown
    try {
      compileColumnDecoder(writer, reader)
    } catch (error) {
      refusal = error
    }
    expect(refusal).toMatchObject({ code: 'schema_incompatible' })
    for (const field of expected.fields) expect((refusal as Error).message).toContain(field)
    return
  }
  const decoder = compileColumnDecoder(writer, reader)
  const decoded = decodeWith(decoder, reader, body, 0x81)
  const failure = decoder.explain(body, 0, body.length)
  if (expected.kind === 'failed') {
    expect([decoded.ok, failure?.kind]).toEqual([false, expected.problem])
    expect(failure?.why).toContain(`"${expected.field}"`)
    return
  }
  expect([decoded.ok, failure]).toEqual([true, undefined])
  for (const [name, value] of Object.entries(expected.cells)) expect([name, decoded.cell(name)]).toEqual([name, value])
  expect(new Set(decoder.missingFields(0, decoded.columns))).toEqual(new Set(expected.missing))
  const extra = JSON.parse(decoder.extraFields(body, 0, body.length) ?? '{}')
  const { _omitted: omitted = [], ...kept } = extra as Record<string, unknown> & { _omitted?: string[] }
  expect([...Object.keys(kept), ...omitted].sort()).toEqual([...expected.extra].sort())
}

/** Cut, flipped and lengthened bodies: judged, explained, never thrown at. */
function checkDamaged({ reader, writer, body, expected }: Pair, unit: () => number): void {
  if (expected.kind === 'refused') return
  const decoder = compileColumnDecoder(writer, reader)
  const flipped = Uint8Array.from(body)
  const at = Math.floor(unit() * body.length)
  flipped[at] = (flipped[at] ?? 0) ^ (1 << Math.floor(unit() * 8))
  for (const damaged of [body.subarray(0, at), flipped, Buffer.concat([body, Uint8Array.of(0)])]) {
    const { ok } = decodeWith(decoder, reader, damaged, 0x00)
    const failure = decoder.explain(damaged, 0, damaged.length)
    expect(failure === undefined).toBe(ok)
    if (ok) JSON.parse(decoder.extraFields(damaged, 0, damaged.length) ?? '{}')
    else expect(failure?.read).toBeLessThanOrEqual(damaged.length)
  }
}

test('S3 S6: random pairs of schemas decode as an independent reader decodes them, or name the field', () => {
  const random = seededRandom(20_261_130)
  const maker = new PairMaker(random)
  const met = { refused: 0, failed: 0, decoded: 0 }
  for (let n = 0; n < PAIRS; n++) {
    const pair = maker.next()
    met[pair.expected.kind]++
    try {
      check(pair)
      checkDamaged(pair, () => random.unit())
    } catch (error) {
      const { reader, writer, body } = pair
      throw new Error(`pair ${n}: ${reader} ${writer} ${Buffer.from(body).toString('hex')}`, { cause: error })
    }
  }
  for (const count of Object.values(met)) expect(count).toBeGreaterThan(PAIRS / 50)
})
