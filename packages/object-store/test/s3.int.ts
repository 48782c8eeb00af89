import { existsSync } from 'node:fs'
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { OutageError, seededRandom, systemClock, systemRandom, UsageError } from '@assay/core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { FaultyHttpProxy, NO_HTTP_FAULTS } from '../../../tests/real-parts/faulty-http-proxy.js'
import { needs, type S3Part, startS3, startToxiproxy } from '../../../tests/real-parts/real-parts.js'
import { type ObjectStore, openS3Store } from '../src/index.js'
import type { S3StoreOptions } from '../src/s3/options.js'
import { probeConditionalPuts } from '../src/s3/probe.js'
import { storeContract } from './store-contract.js'

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)
const MIB = 1024 * 1024

let server: S3Part
let cacheDirectory: string
let stores = 0

describe.skipIf(!(await needs('s3')))('S3 store on a real server', () => {
  beforeAll(async () => {
    server = await startS3()
    process.env.AWS_ACCESS_KEY_ID = server.credentials.accessKeyId
    process.env.AWS_SECRET_ACCESS_KEY = server.credentials.secretAccessKey
    cacheDirectory = await mkdtemp(path.join(tmpdir(), 'assay-s3-cache-'))
  })
  afterAll(async () => {
    await server.stop()
    await rm(cacheDirectory, { recursive: true, force: true })
  })

  storeContract('S3', () => open({ probeRounds: 0 }))

  it('A2: the probe finds creates atomic, and leaves nothing behind', async () => {
    const store = await open({ probeRounds: 0 })
    const started_ms = performance.now()
    await probeConditionalPuts(store, { rounds: 20, random: systemRandom })
    process.stderr.write(`20 rounds of the probe: ${Math.round(performance.now() - started_ms)} ms\n`)
    for await (const { key } of store.list('')) throw new Error(`${key} was left`)
  })

  it('A2: two processes’ stores that create the same keys at once: each key has one winner', async () => {
    const prefix = freshPrefix()
    const rivals = await Promise.all([1, 2, 3, 4].map(() => open({ prefix, probeRounds: 0 })))
    for (let round = 0; round < 20; round += 1) {
      const outcomes = await Promise.all(rivals.map((store, i) => store.putIfAbsent(`race/${round}`, Uint8Array.of(i))))
      const winners = outcomes.flatMap((outcome, i) => (outcome === 'created' ? [i] : []))
      expect(winners).toHaveLength(1)
      expect((await rivals[0]?.get(`race/${round}`))?.[0]).toBe(winners[0])
    }
  })

  it('A6: moves a large file in by parts, byte for byte, and refuses a second one', async () => {
    const store = await open()
    const file = path.join(await store.scratchDirectory(), 'large')
    const content = noise(35 * MIB + 7)
    await writeFile(file, content)
    await store.putFile('data/large.parquet', file)
    expect(existsSync(file)).toBe(false)
    expect(await store.size_bytes('data/large.parquet')).toBe(content.length)
    expect(content.equals((await store.get('data/large.parquet')) ?? new Uint8Array())).toBe(true)

    await writeFile(file, noise(17 * MIB))
    await expect(store.putFile('data/large.parquet', file)).rejects.toMatchObject({ code: 'object_exists' })
    expect(existsSync(file)).toBe(true)
    expect(await store.size_bytes('data/large.parquet')).toBe(content.length)
  })

  it('gives what it has moved in from the cache, and fetches it anew in another process', async () => {
    const prefix = freshPrefix()
    const store = await open({ prefix })
    const file = path.join(await store.scratchDirectory(), 'part')
    await writeFile(file, noise(3 * MIB))
    const { ino } = await stat(file)
    await store.putFile('data/part.parquet', file)
    expect((await stat(await store.localPath('data/part.parquet'))).ino).toBe(ino)

    const elsewhere = await open({ prefix, cacheDirectory: path.join(cacheDirectory, 'elsewhere') })
    const [copy, same] = await Promise.all([1, 2].map(() => elsewhere.localPath('data/part.parquet')))
    expect(copy).toBe(same)
    expect(path.extname(copy ?? '')).toBe('.parquet')
    expect((await readFile(copy ?? '')).equals(noise(3 * MIB))).toBe(true)
  })

  it('lists many pages, in order of UTF-16 code units', async () => {
    const prefix = freshPrefix()
    const store = await open({ prefix })
    const keys = Array.from({ length: 1100 }, (_, i) => `page/${i}`)
    keys.push('x/\u{1f600}', 'x/\uff41', 'x/\uff41b', 'x/a')
    await Promise.all(keys.map((key) => store.put(key, bytes('x'))))
    const seen: string[] = []
    for await (const { key } of store.list('')) seen.push(key)
    expect(seen).toEqual([...keys].sort())
  })

  it('gives the URI that other engines open as location', async () => {
    const store = await open({ prefix: 'lake/one' })
    expect(store.location('tables/t/v1.metadata.json')).toBe(`s3://${server.bucket}/lake/one/tables/t/v1.metadata.json`)
  })

  it('takes a key that the server is particular about or refuses it', async () => {
    const store = await open({ probeRounds: 0 })
    await store.put('a', bytes('x'))
    for (const key of ['. ', '.. /x', ' ./x', 'x'.repeat(255), 'a/b', '...', 'a ', '\uff0e']) {
      const outcome = await store.put(key, bytes(key)).catch((error: unknown) => error)
      if (outcome === undefined) expect(await store.get(key)).toStrictEqual(bytes(key))
      else expect(outcome).toMatchObject({ code: expect.stringMatching('bad_key|key_conflict'), retryable: false })
    }
  })

  it('says at start what has to be mended', async () => {
    await expect(open({ bucket: 'no-such-bucket' })).rejects.toMatchObject({ code: 'store_no_bucket' })
    const secret = process.env.AWS_SECRET_ACCESS_KEY
    process.env.AWS_SECRET_ACCESS_KEY = 'not-the-secret'
    try {
      const failed = await open().catch((error: unknown) => error)
      if (server.kind === 'minio') {
        expect(failed).toBeInstanceOf(UsageError)
        expect(failed).toMatchObject({ code: 'store_denied', hint: expect.stringContaining('credentials') })
      }
    } finally {
      process.env.AWS_SECRET_ACCESS_KEY = secret
    }
  })

  it('says that a server without keys can’t encrypt', async () => {
    if (server.kind !== 'minio') return
    const store = await open({ sse: 'AES256' })
    await expect(store.putIfAbsent('k', bytes('x'))).rejects.toMatchObject({ code: 'store_lacks_feature' })
  })

  it('is an outage while the server is away, and works on when it is back', async () => {
    const store = await open({ limits: { attemptsMax: 2 } })
    await store.put('k', bytes('x'))
    await server.kill()
    try {
      await expect(store.get('k')).rejects.toThrow(OutageError)
      await expect(store.put('k', bytes('y'))).rejects.toThrow(OutageError)
      await expect(store.putIfAbsent('l', bytes('y'))).rejects.toThrow(OutageError)
      await expect(open()).rejects.toThrow(OutageError)
    } finally {
      await server.restart()
    }
    if (server.kind === 'minio') expect(await store.get('k')).toStrictEqual(bytes('x'))
  })

  it('failure 3, failure 18: lost responses and a SlowDown storm: every create ends rightly or as an outage', async () => {
    const seed = 7
    const proxy = await FaultyHttpProxy.start({ target: server.endpoint, seed })
    const store = await open({ endpoint: proxy.url, probeRounds: 0 })
    proxy.faults = { ...NO_HTTP_FAULTS, status503_fraction: 0.2, loseResponseOfEveryNthPut: 3 }
    let outages = 0
    for (let round = 0; round < 30; round += 1) {
      const outcomes = await Promise.all(
        Array.from({ length: 4 }, (_, i) =>
          store.putIfAbsent(`race/${round}`, Uint8Array.of(i)).catch((error: unknown) => {
            expect(error).toBeInstanceOf(OutageError)
            outages += 1
            return 'outage' as const
          }),
        ),
      )
      proxy.faults = { ...proxy.faults, status503_fraction: 0 }
      const winner = (await store.get(`race/${round}`))?.[0]
      proxy.faults = { ...proxy.faults, status503_fraction: 0.2 }
      const told = outcomes.flatMap((outcome, i) => (outcome === 'created' ? [i] : []))
      expect(told.length, `seed ${seed}`).toBeLessThanOrEqual(1)
      if (told.length === 1) expect(told[0], `seed ${seed}`).toBe(winner)
      else expect(winner === undefined || outcomes[winner] === 'outage', `seed ${seed}`).toBe(true)
    }
    const { lostResponses, answered503 } = proxy.counts
    await proxy.stop()
    expect(lostResponses).toBeGreaterThan(10)
    expect(answered503).toBeGreaterThan(10)
    expect(outages).toBeLessThan(30)
  })

  it('failure 1: a large file moves in whole although responses get lost', async () => {
    const proxy = await FaultyHttpProxy.start({ target: server.endpoint, seed: 8 })
    const store = await open({ endpoint: proxy.url, probeRounds: 0 })
    proxy.faults = { ...NO_HTTP_FAULTS, status503_fraction: 0.1, loseResponseOfEveryNthPut: 3 }
    const file = path.join(await store.scratchDirectory(), 'large')
    await writeFile(file, noise(20 * MIB))
    await store.putFile('data/large.parquet', file)
    proxy.faults = NO_HTTP_FAULTS
    expect(noise(20 * MIB).equals((await store.get('data/large.parquet')) ?? new Uint8Array())).toBe(true)
    await proxy.stop()
  })
})

describe.skipIf(!(await needs('s3', 'toxiproxy')))('S3 store behind a bad network', () => {
  it('S4, failure 18: a server that never answers is an outage within the time limit', async () => {
    const part = await startS3()
    const toxiproxy = await startToxiproxy()
    try {
      process.env.AWS_ACCESS_KEY_ID = part.credentials.accessKeyId
      process.env.AWS_SECRET_ACCESS_KEY = part.credentials.secretAccessKey
      server = part
      cacheDirectory = await mkdtemp(path.join(tmpdir(), 'assay-s3-cache-'))
      const network = await toxiproxy.client.createProxy('s3', new URL(part.endpoint).host)
      const limits = { attemptsMax: 2, response_ms: 500, silence_ms: 500, connect_ms: 500 }
      const store = await open({ endpoint: `http://${network.address}`, limits })
      await store.put('k', noise(2 * MIB))

      await network.addToxic('silence', { type: 'timeout', attributes: { timeout: 0 } })
      const started_ms = performance.now()
      await expect(store.get('k')).rejects.toThrow(OutageError)
      await expect(store.localPath('k')).rejects.toThrow(OutageError)
      await expect(store.putIfAbsent('l', bytes('x'))).rejects.toThrow(OutageError)
      expect(performance.now() - started_ms).toBeLessThan(60_000)

      await network.removeToxic('silence')
      expect(await store.size_bytes('k')).toBe(2 * MIB)
      expect(await store.putIfAbsent('l', bytes('x'))).toBeOneOf(['created', 'exists'])

      await network.addToxic('reset', { type: 'reset_peer', attributes: { timeout: 0 } })
      await expect(store.get('k')).rejects.toThrow(OutageError)
      await network.removeToxic('reset')
      expect((await store.get('k'))?.length).toBe(2 * MIB)
    } finally {
      await toxiproxy.stop()
      await part.stop()
      await rm(cacheDirectory, { recursive: true, force: true })
    }
  })
})

function freshPrefix(): string {
  stores += 1
  return `store-${stores}`
}

function open(options: Partial<S3StoreOptions> = {}): Promise<ObjectStore> {
  return openS3Store({
    bucket: server.bucket,
    prefix: freshPrefix(),
    endpoint: server.endpoint,
    region: server.region,
    cacheDirectory,
    clock: systemClock,
    random: systemRandom,
    ...options,
  })
}

/** The same bytes for the same length. */
function noise(length: number): Buffer {
  const random = seededRandom(length)
  const block = Buffer.from(Array.from({ length: 64 * 1024 + 1 }, () => random.unit() * 256))
  return Buffer.alloc(length, block)
}
