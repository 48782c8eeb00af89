import { AssayError, seededRandom } from '@assay/core'
import { MemoryStore } from '@assay/object-store'
import { describe, expect, it } from 'vitest'
import { serializeMetadata } from '../src/format/metadata.js'
import { FileSystemCatalog, parseMetadata, planFiles, Table } from '../src/index.js'
import { append, keys, openWorld, putDataFile, VirtualClock } from './support.js'

const PREFIX = 'tables/test/trades/metadata/'
/** Of each file so many bits are flipped, spread over it. */
const BITS = 60

/** A table of two commits, and all that its metadata says, by a reader that has seen nothing before. */
async function tableOfTwo() {
  const store = new MemoryStore()
  const { table } = await openWorld({ store })
  await append(table, [await putDataFile(table, { rows: 3 })])
  await append(table, [await putDataFile(table, { rows: 4, from: 10n, to: 19n })])
  const read = async (): Promise<string> => {
    const by = { clock: new VirtualClock(), random: seededRandom(1), store }
    const fresh = new Table(new FileSystemCatalog(store, 'tables/test', by), 'trades', by)
    const version = await fresh.load()
    const planned = await planFiles(fresh, version)
    const files = planned.map(({ file, sequenceNumber }) => ({ ...file, sequenceNumber }))
    return inspect([{ ...version.metadata, extra: {} }, files])
  }
  return { store, read }
}

function inspect(value: unknown): string {
  return JSON.stringify(value, (_, one: unknown) => {
    if (typeof one === 'bigint') return `${one}n`
    return one instanceof Map ? [...one] : one
  })
}

describe('B5: a flipped bit in what a table is read by', () => {
  it('B5: is found, or changes nothing: metadata, lists, manifests', async () => {
    const { store, read } = await tableOfTwo()
    const whole = await read()
    let found = 0
    for (const key of await keys(store, PREFIX)) {
      if (/v[12]\.metadata|version-hint/.test(key)) continue
      const bytes = (await store.get(key)) as Uint8Array
      for (let n = 0; n < BITS; n++) {
        const bit = Math.floor(((n + 0.5) / BITS) * bytes.length * 8)
        const flipped = bytes.slice()
        flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7))
        await store.put(key, flipped)
        const seen = await read().catch((error: unknown) => error)
        if (seen instanceof AssayError) {
          expect(seen).toMatchObject({ code: expect.stringMatching(/^corrupt_/), retryable: false })
          expect(seen.message).toContain(`table trades, ${store.location(key)}: `)
          found++
        } else expect([key, bit, seen]).toEqual([key, bit, whole])
      }
      await store.put(key, bytes)
    }
    expect(found).toBeGreaterThan(3 * BITS)
  })

  it('B5: what other engines, and earlier versions, write has no checksum, or not in its place, and is read', async () => {
    const { store } = await tableOfTwo()
    const key = `${PREFIX}v3.metadata.json`
    const text = Buffer.from((await store.get(key)) ?? []).toString('utf8')
    const metadata = JSON.parse(text) as Record<string, unknown>
    const { 'assay-checksum': checksum, ...others } = metadata
    expect(checksum).toMatch(/^[0-9a-f]{8}$/)
    const changed = { ...others, properties: { note: 'theirs' } }
    for (const theirs of [changed, { 'assay-checksum': checksum, ...changed }]) {
      const parsed = parseMetadata(JSON.stringify(theirs))
      expect(parsed.properties).toEqual({ note: 'theirs' })
      expect(parsed.extra).not.toHaveProperty('assay-checksum')
      expect(parseMetadata(serializeMetadata(parsed))).toEqual(parsed)
    }
  })
})
