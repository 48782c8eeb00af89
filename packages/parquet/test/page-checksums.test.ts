import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { checkPageChecksums, loadCompress, ParquetWriter } from '../src/index.js'

const ROWS = 50_000

async function fileBytes(): Promise<Uint8Array> {
  const fields = [
    { name: 'number', id: 1, type: 'BIGINT' },
    { name: 'symbol', id: 2, type: 'VARCHAR' },
  ] as const
  const writer = new ParquetWriter(fields, { compress: await loadCompress() })
  const data = BigInt64Array.from({ length: ROWS }, (_, i) => BigInt(i) * 7_919n)
  const codes = Int32Array.from({ length: ROWS }, (_, i) => i % 3)
  await writer.append({
    columns: new Map([
      ['number', { type: 'BIGINT', data }],
      ['symbol', { type: 'DICTIONARY', codes, dictionary: ['BTC', 'ETH', 'é'] }],
    ]),
    rows: Uint32Array.from({ length: ROWS }, (_, i) => i),
  })
  return (await writer.finish()).bytes
}

const check = (bytes: Uint8Array) =>
  checkPageChecksums(async (from, length) => bytes.subarray(from, from + length), bytes.length)

describe('checksums of pages', () => {
  it('A12: are right in what the writer has written, and every page has one', async () => {
    const { pages, checked, damaged } = await check(await fileBytes())
    expect(damaged).toEqual([])
    expect(checked).toBe(pages)
    // Two row groups, whose numbers have two pages each and whose symbols a dictionary and two pages.
    expect(pages).toBeGreaterThanOrEqual(8)
  })

  it('A12: tell of each changed bit of a page, and where it is', async () => {
    const bytes = await fileBytes()
    // The first page's header is shorter than that.
    const place = fc.integer({ min: 100, max: 10_000 })
    await fc.assert(
      fc.asyncProperty(place, fc.nat(7), async (at, bit) => {
        const changed = bytes.slice()
        changed[at] = (changed[at] as number) ^ (1 << bit)
        expect((await check(changed)).damaged).toEqual([
          'page 0 of column number of row group 0 differs from its checksum',
        ])
      }),
      { numRuns: 20 },
    )
  })

  it('A12: of a file that is none, or was cut or overwritten, end in a finding or a RangeError', async () => {
    const bytes = await fileBytes()
    const change = fc.record({
      at: fc.nat(bytes.length - 1),
      with: fc.uint8Array({ maxLength: 12 }),
      cut: fc.boolean(),
    })
    const anywhere = fc.oneof(
      change,
      fc.record({ ...nearEnd(bytes), with: fc.uint8Array({ maxLength: 12 }), cut: fc.boolean() }),
    )
    await fc.assert(
      fc.asyncProperty(anywhere, async ({ at, with: other, cut }) => {
        const changed = cut ? bytes.slice(0, at) : bytes.slice()
        if (!cut) changed.set(other.subarray(0, bytes.length - at), at)
        await check(changed).catch((error: unknown) => expect(error).toBeInstanceOf(RangeError))
      }),
    )
  })
})

/** The footer, where each byte has a meaning. */
function nearEnd(bytes: Uint8Array): { readonly at: fc.Arbitrary<number> } {
  return { at: fc.integer({ min: bytes.length - 600, max: bytes.length - 1 }) }
}
