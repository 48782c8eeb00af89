import { createHash } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { verifyLake } from '@assay/audit'
import { CANDLES_TABLE } from '@assay/candles'
import { systemClock, systemRandom } from '@assay/core'
import { exchangeNamed } from '@assay/exchanges'
import { simulateFeed } from '@assay/feed'
import type { FileSystemCatalog } from '@assay/iceberg'
import { embeddedParts, type Lake, type LakeParts, openLake } from '@assay/lake'
import { bronzeTable, GOLD_TABLE, silverTable } from '@assay/medallion'
import type { ObjectStore } from '@assay/object-store'
import { relocateLake } from '@assay/operations'
import type { TableDefinition } from '@assay/pipeline'
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { hasPython, pythonWith, READER_PACKAGES, runPython } from '../../packages/iceberg/test/python-readers.js'
import { needs, type S3Part, startS3 } from '../real-parts/real-parts.js'
import { copyFolder } from '../support/disk-lake.js'
import { drain } from '../support/drain.js'
import { checkInvariants } from '../support/invariants.js'
import { digests } from '../support/tables.js'

const hasStore = await needs('s3')
const SCRIPT = readFileSync(fileURLToPath(new URL('foreign_pyiceberg.py', import.meta.url)), 'utf8')
const EXACT = ['offset', 'price', 'quantity']
const TOUCHED = [bronzeTable('binance'), silverTable('binance'), GOLD_TABLE]
const binance = exchangeNamed('binance')
const OTHER_BUCKET = 'elsewhere'
let seed = 1

/** Where a lake lies and where it is copied to. */
interface Locations {
  readonly origin: LakeParts
  readonly copy: LakeParts
  /** Copies everything, the log too, of a lake that nothing writes to. */
  carry(origin: Lake): Promise<void>
  /** How PyIceberg gets at the files. */
  readonly properties: Readonly<Record<string, string>>
  /** How locations begin in the new location. */
  readonly home: string
}

const open = (parts: LakeParts): Promise<Lake> =>
  openLake({ parts, clock: systemClock, random: systemRandom, threads: 1 })

async function simulate(lake: Lake, count: number): Promise<void> {
  const { signal } = new AbortController()
  const faults = { duplicates: 0.1, invalid: 0.1, late: 0.05 }
  const options = { exchange: binance, count, seed: seed++, partitions: 2, ...faults, signal }
  await simulateFeed(lake, { ...options, onProgress: () => undefined })
}

async function* objectsOf(store: ObjectStore): AsyncIterable<readonly [string, Uint8Array]> {
  const keys: string[] = []
  for await (const { key } of store.list('')) if (!key.startsWith('.scratch/')) keys.push(key)
  for (const key of keys.sort()) yield [key, (await store.get(key)) ?? new Uint8Array()]
}

/** Every object below the tables, by what is in it. */
async function contents({ store }: Lake): Promise<Readonly<Record<string, string>>> {
  const found: Record<string, string> = {}
  for await (const [key, bytes] of objectsOf(store)) {
    if (key.startsWith('tables/')) found[key] = createHash('sha256').update(bytes).digest('hex')
  }
  return found
}

/** The subjects of the checks that fail. */
async function failing(lake: Lake): Promise<string[]> {
  const { signal } = new AbortController()
  const { checks } = await verifyLake(lake, { fromLog: true, signal, onCheck: () => undefined })
  expect(checks.length).toBeGreaterThan(10)
  return [...new Set(checks.filter(({ outcome }) => outcome === 'failed').map(({ subject }) => subject))]
}

/** PyIceberg does things to the newest version of a table, while Assay is paused. */
async function pyiceberg(
  lake: Lake,
  { properties, home }: Locations,
  definition: TableDefinition,
  ...acts: readonly (readonly string[])[]
): Promise<readonly (readonly string[])[]> {
  const catalog = lake.catalog as FileSystemCatalog
  await catalog.pause('PyIceberg is at it')
  try {
    const { metadataLocation } = await (await lake.table(definition)).table.load()
    expect(metadataLocation.startsWith(home), metadataLocation).toBe(true)
    const python = await pythonWith(READER_PACKAGES)
    const args = [metadataLocation, JSON.stringify(properties), JSON.stringify(acts)]
    return (await runPython(python, SCRIPT, args)) as string[][]
  } finally {
    await catalog.resume()
  }
}

/** What a user does with a lake that was copied, and others to it. */
function copiedLake(locations: () => Locations): void {
  it('A10: is refused until it is relocated, is at home afterwards, and takes what PyIceberg compacts, expires, appends', async () => {
    const { origin, copy, carry } = locations()
    const first = await open(origin)
    for (const { topic } of first.exchanges) await first.log.ensureTopic(topic, 2)
    await simulate(first, 120)
    await drain(first, { limits: { maxRows: 40 } })
    const before = await digests(first)
    await carry(first)
    const lake = await open(copy)
    try {
      expect(await digests(lake)).toEqual(before)
      const copied = await contents(lake)
      await simulate(lake, 30)
      await expect(drain(lake)).rejects.toMatchObject({
        code: 'table_moved',
        message: expect.stringContaining(first.store.location('tables')),
        hint: expect.stringContaining('maintain --relocate'),
      })
      expect(await contents(lake)).toEqual(copied)
      expect((await relocateLake(lake, true)).every(({ from }) => from !== null)).toBe(true)
      expect(await contents(lake)).toEqual(copied)
      await relocateLake(lake, false)
      expect((await relocateLake(lake, false)).every(({ from }) => from === null)).toBe(true)
      // A reader that still looked at the old location would fail.
      await empty(first)
      await first.close()
    } finally {
      await lake.close()
    }
    const after = await open(copy)
    try {
      await usedByPyIceberg(after, locations())
    } finally {
      await after.close()
    }
  })
}

async function usedByPyIceberg(lake: Lake, locations: Locations): Promise<void> {
  await drain(lake)
  await checkInvariants(lake)
  for (const definition of TOUCHED) {
    const columns = definition.columns.map(({ name }) => name).filter((name) => EXACT.includes(name))
    const read = ['read', ...columns]
    const [found, , kept, again] = await pyiceberg(lake, locations, definition, read, ['compact'], ['expire'], read)
    expect(Number(found?.[0])).toBeGreaterThan(50)
    expect([kept, again]).toEqual([['0'], found])
  }
  await simulate(lake, 30)
  await drain(lake)
  await checkInvariants(lake)
  expect(await failing(lake)).toEqual([])
  await pyiceberg(lake, locations, GOLD_TABLE, ['append'])
  await simulate(lake, 30)
  await drain(lake)
  // What is in gold twice is no longer what the candles add up to.
  expect(await failing(lake)).toEqual([GOLD_TABLE.name, CANDLES_TABLE.name])
}

async function empty({ store }: Lake): Promise<void> {
  for await (const [key] of objectsOf(store)) await store.delete(key)
}

describe.skipIf(!hasPython())('a copied lake', () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'relocated-'))
  const within = (name: string): string => path.join(folder, name)
  afterAll(() => rmSync(folder, { recursive: true, force: true }))

  describe('in a folder', () => {
    copiedLake(() => ({
      origin: embeddedParts(within('origin')),
      copy: embeddedParts(within('copy')),
      carry: async () => copyFolder(within('origin'), within('copy')),
      properties: {},
      home: within('copy/tables'),
    }))
  })

  describe.skipIf(!hasStore)('in another bucket, under another prefix', () => {
    let s3: S3Part
    beforeAll(async () => {
      s3 = await startS3()
      const { endpoint, region, credentials } = s3
      process.env.AWS_ACCESS_KEY_ID = credentials.accessKeyId
      process.env.AWS_SECRET_ACCESS_KEY = credentials.secretAccessKey
      const client = new S3Client({ endpoint, region, credentials, forcePathStyle: true })
      await client.send(new CreateBucketCommand({ Bucket: OTHER_BUCKET }))
      client.destroy()
    })
    afterAll(() => s3?.stop())

    copiedLake(() => {
      const { endpoint, region, bucket, credentials } = s3
      const inBucket = (name: string, bucket: string, prefix: string): LakeParts => ({
        // The log lies beside the bucket, in a folder.
        ...embeddedParts(within(name)),
        workDirectory: within(`${name}-work`),
        store: {
          ...{ kind: 's3', bucket, prefix, endpoint, region, sse: undefined },
          pathStyle: true,
          cache_bytes: 2 ** 28,
        },
      })
      const copy = inBucket('s3-copy', OTHER_BUCKET, 'moved/here')
      return {
        origin: inBucket('s3-origin', bucket, 'lake'),
        copy,
        carry: async ({ store }) => {
          copyFolder(within('s3-origin'), within('s3-copy'))
          const target = await open(copy)
          for await (const [key, bytes] of objectsOf(store)) await target.store.put(key, bytes)
          await target.close()
        },
        properties: {
          's3.endpoint': endpoint,
          's3.region': region,
          's3.access-key-id': credentials.accessKeyId,
          's3.secret-access-key': credentials.secretAccessKey,
        },
        home: `s3://${OTHER_BUCKET}/moved/here/tables`,
      }
    })
  })
})
