import { existsSync } from 'node:fs'
import { mkdtemp, readdir, readFile, rm, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { inspect } from 'node:util'
import { type Clock, OutageError, seededRandom, systemClock, UsageError } from '@assay/core'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { type ObjectStore, openS3Store } from '../src/index.js'
import type { S3StoreOptions } from '../src/s3/options.js'
import { type FakeFault, type FakeRequest, FakeS3 } from './support/fake-s3.js'

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)
const SECRET = 'wJalrXUtnFEMIEXAMPLEKEY'
const MIB = 1024 * 1024

let server: FakeS3
let cacheDirectory: string
let now_ms: number
let pauses_ms: number[]
const environment = { ...process.env }

beforeAll(() => {
  process.env.AWS_ACCESS_KEY_ID = 'AKIDEXAMPLE'
  process.env.AWS_SECRET_ACCESS_KEY = SECRET
})
afterAll(() => {
  for (const name of ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY']) {
    if (environment[name] === undefined) delete process.env[name]
    else process.env[name] = environment[name]
  }
})
beforeEach(async () => {
  server = await FakeS3.start()
  cacheDirectory = await mkdtemp(path.join(tmpdir(), 'assay-s3-'))
  now_ms = 1_800_000_000_000
  pauses_ms = []
})
afterEach(async () => {
  await server.stop()
  await rm(cacheDirectory, { recursive: true, force: true })
})

/** A clock on which waits take no time. */
const clock: Clock = {
  ...systemClock,
  now_ms: () => now_ms,
  sleep: async (ms) => {
    pauses_ms.push(ms)
  },
}

function open(options: Partial<S3StoreOptions> = {}): Promise<ObjectStore> {
  return openS3Store({
    bucket: 'bucket',
    prefix: 'lake',
    endpoint: server.endpoint,
    cacheDirectory,
    probeRounds: 0,
    clock,
    random: seededRandom(1),
    ...options,
  })
}

/** The faults of the first requests of a method, in order; none afterwards. */
function failFirst(method: string, ...faults: FakeFault[]): void {
  const left = [...faults]
  server.fault = (request) => (request.method === method ? (left.shift() ?? 'none') : 'none')
}

const always = (method: string, fault: FakeFault) => (request: FakeRequest) =>
  request.method === method ? fault : 'none'

const CONFLICT = { status: 409, code: 'ConditionalRequestConflict' }
const SLOW_DOWN = { status: 503, code: 'SlowDown' }

describe('creating', () => {
  it('failure 6: a 409 is tried again, and never taken for "exists"', async () => {
    const store = await open()
    failFirst('PUT', CONFLICT, CONFLICT)
    expect(await store.putIfAbsent('k', bytes('ours'))).toBe('created')

    failFirst('PUT', CONFLICT)
    expect(await store.putIfAbsent('k', bytes('later'))).toBe('exists')
    expect(await store.get('k')).toEqual(bytes('ours'))

    server.fault = always('PUT', CONFLICT)
    await expect(store.putIfAbsent('l', bytes('x'))).rejects.toMatchObject({ code: 'store_conflict', retryable: true })
  })

  it('failure 3, A8: a create whose answer was lost is recognised as ours', async () => {
    const store = await open()
    failFirst('PUT', 'lose')
    expect(await store.putIfAbsent('k', bytes('ours'))).toBe('created')
    failFirst('PUT', 'lose', SLOW_DOWN, 'lose')
    expect(await store.putIfAbsent('l', bytes('ours'))).toBe('created')
    expect(await store.get('l')).toEqual(bytes('ours'))
  })

  it('A8: a create that a proxy made twice, so that its own object refuses it, is recognised as ours', async () => {
    const store = await open()
    const body = '<Error><Code>PreconditionFailed</Code></Error>'
    const refused = { status: 412, headers: { 'x-amz-request-id': '2' }, body, isDone: true }
    failFirst('PUT', refused)
    expect(await store.putIfAbsent('k', bytes('ours'))).toBe('created')
    failFirst('PUT', refused)
    const file = path.join(cacheDirectory, 'file')
    await writeFile(file, 'ours')
    await store.putFile('l', file)
    expect(await store.get('l')).toEqual(bytes('ours'))
  })

  it('A8: a key that another took while ours was not answered is theirs, the same bytes or not', async () => {
    const store = await open()
    const rival = await open({ random: seededRandom(2) })
    for (const [i, fault] of (['reset', SLOW_DOWN] as const).entries()) {
      let isFirst = true
      server.fault = ({ method }) => {
        if (method !== 'PUT' || !isFirst) return 'none'
        isFirst = false
        return fault
      }
      const key = `k${i}`
      const lateClock = { ...clock, sleep: async () => void (await rival.putIfAbsent(key, bytes('same'))) }
      const late = await open({ clock: lateClock, random: seededRandom(3 + i) })
      expect(await late.putIfAbsent(key, bytes('same'))).toBe('exists')
    }
    expect(await store.get('k0')).toEqual(bytes('same'))
  })

  it('A8: without any answer it is an outage, whether or not the object is there', async () => {
    const store = await open()
    server.fault = always('PUT', 'lose')
    await expect(store.putIfAbsent('k', bytes('x'))).rejects.toThrow(OutageError)
    expect(await store.get('k')).toEqual(bytes('x'))
    server.fault = always('PUT', 'reset')
    await expect(store.putIfAbsent('l', bytes('x'))).rejects.toThrow(OutageError)
    expect(await store.get('l')).toBeUndefined()
  })

  it('A8: an object that vanishes before it can say whose it is leaves the outcome open', async () => {
    const store = await open()
    server.fault = ({ method, key }) => {
      if (method === 'HEAD') server.objects.delete(key)
      return method === 'PUT' && server.count('PUT') === 1 ? 'lose' : 'none'
    }
    await expect(store.putIfAbsent('k', bytes('x'))).rejects.toMatchObject({ code: 'store_outcome_unknown' })
  })

  it('A8: moving a large file in survives lost answers at every step, and aborts what fails', async () => {
    const store = await open()
    const file = path.join(await store.scratchDirectory(), 'large')
    const content = Buffer.alloc(17 * MIB, 'abc')
    await writeFile(file, content)
    let lost = 0
    server.fault = ({ method }) => {
      if (method !== 'POST' && method !== 'PUT') return 'none'
      lost += 1
      return lost % 2 === 1 ? 'lose' : 'none'
    }
    await store.putFile('data/large', file)
    expect(content.equals(server.objects.get('lake/data/large')?.bytes ?? Buffer.alloc(0))).toBe(true)
    expect(existsSync(file)).toBe(false)

    server.uploads.clear()
    await writeFile(file, content)
    server.fault = ({ query }) => (query.get('partNumber') === '2' ? { status: 500, code: 'InternalError' } : 'none')
    await expect(store.putFile('data/other', file)).rejects.toThrow(OutageError)
    expect(server.uploads.size).toBe(0)
    expect(server.objects.has('lake/data/other')).toBe(false)
    expect(existsSync(file)).toBe(true)
  })
})

describe('moving in a large file', () => {
  it('A2: a key that another has taken stays theirs, whenever they took it, and nothing is left of the parts', async () => {
    const store = await open()
    const file = path.join(await store.scratchDirectory(), 'large')
    const theirs = { bytes: Buffer.from('theirs'), headers: {} }
    for (const takesAt of ['before', 'while the parts are sent']) {
      server.objects.clear()
      await writeFile(file, Buffer.alloc(16 * MIB + 1, 'abc'))
      if (takesAt === 'before') server.objects.set('lake/data/large', theirs)
      server.fault = ({ query }) => {
        if (query.get('partNumber') === '2') server.objects.set('lake/data/large', theirs)
        return 'none'
      }
      await expect(store.putFile('data/large', file)).rejects.toMatchObject({ code: 'object_exists' })
      expect(server.objects.get('lake/data/large')?.bytes.toString()).toBe('theirs')
      expect(server.uploads.size).toBe(0)
      expect(existsSync(file)).toBe(true)
      expect(await store.get('data/large')).toEqual(new Uint8Array(theirs.bytes))
    }
  })
})

describe('trouble', () => {
  it('failure 18: a SlowDown storm is met with growing pauses and ends as an outage', async () => {
    const store = await open()
    failFirst('GET', SLOW_DOWN, SLOW_DOWN, SLOW_DOWN)
    expect(await store.get('k')).toBeUndefined()
    expect(pauses_ms).toHaveLength(3)
    expect(pauses_ms[2]).toBeGreaterThan(pauses_ms[0] ?? 0)

    server.fault = () => SLOW_DOWN
    const before = server.requests.length
    const failed = await store.put('k', bytes('x')).catch((error: unknown) => error)
    expect(failed).toMatchObject({ code: 'store_busy', retryable: true, hint: expect.any(String) })
    expect(server.requests.length - before).toBe(5)
    expect(server.objects.size).toBe(0)
  })

  it('failure 18: a body cut short is fetched again, and never shown in part', async () => {
    const store = await open()
    await store.put('k', new Uint8Array(100_000).fill(7))
    failFirst('GET', 'truncate', 'truncate')
    expect((await store.get('k'))?.length).toBe(100_000)
    failFirst('GET', 'truncate')
    expect((await readFile(await store.localPath('k'))).length).toBe(100_000)

    await store.put('l', new Uint8Array(100_000))
    server.fault = always('GET', 'truncate')
    await expect(store.get('l')).rejects.toThrow(OutageError)
    await expect(store.localPath('l')).rejects.toThrow(OutageError)
    expect(await copies()).toHaveLength(1)
    expect(await readdir(await store.scratchDirectory())).toEqual([])
  })

  it('S4: a server that never answers is an outage after the time limit', async () => {
    const store = await open({ limits: { response_ms: 50, silence_ms: 50, attemptsMax: 2 } })
    server.fault = () => 'hang'
    await expect(store.get('k')).rejects.toThrow(OutageError)
    await expect(store.putIfAbsent('k', bytes('x'))).rejects.toThrow(OutageError)
  })

  it('failure 20: no error holds a credential or a signed header', async () => {
    const store = await open({ limits: { attemptsMax: 1 } })
    const faults: FakeFault[] = [SLOW_DOWN, CONFLICT, 'reset', { status: 403, code: 'SignatureDoesNotMatch' }]
    for (const fault of faults) {
      server.fault = () => fault
      for (const call of [() => store.putIfAbsent('k', bytes('x')), () => store.localPath('k'), () => open()]) {
        const failed = await call().then(
          () => undefined,
          (error: unknown) => error,
        )
        expect(failed).toBeInstanceOf(Error)
        const text = inspect(failed, { depth: 20, showHidden: true }) + JSON.stringify(failed)
        expect(text).not.toMatch(/AKIDEXAMPLE|wJalr|AWS4|authorization|signature=/i)
      }
    }
  })

  it('is wrong usage at start and an outage later when access is denied', async () => {
    const store = await open()
    server.fault = () => ({ status: 403, code: 'AccessDenied' })
    await expect(store.get('k')).rejects.toMatchObject({ code: 'store_denied', retryable: true })
    const failed = await open().catch((error: unknown) => error)
    expect(failed).toBeInstanceOf(UsageError)
    expect(failed).toMatchObject({ code: 'store_denied', hint: expect.stringContaining('credentials') })
    server.fault = () => ({ status: 404, code: 'NoSuchBucket' })
    await expect(open()).rejects.toMatchObject({ code: 'store_no_bucket', retryable: false })
  })

  it('lists every mistake in its options at once, and no password', async () => {
    const wrong = { bucket: '', prefix: '/a', endpoint: `http://user:${SECRET}@host`, cache_bytes: 0 }
    const failed = await open(wrong).catch((error: unknown) => error)
    expect(failed).toBeInstanceOf(UsageError)
    const { message } = failed as UsageError
    for (const part of ['bucket name', 'prefix', 'password', 'cache_bytes']) expect(message).toContain(part)
    expect(message).not.toContain(SECRET)
  })

  it('A6: no more requests are in flight than allowed', async () => {
    const store = await open({ limits: { requestsMax: 4 } })
    await Promise.all(Array.from({ length: 40 }, (_, i) => store.put(`k${i}`, bytes('x'))))
    expect(server.objects.size).toBe(40)
    expect(server.inFlightMost).toBeLessThanOrEqual(4)
  })

  it('waiting for its turn counts for no time limit', async () => {
    const store = await open({ limits: { requestsMax: 1, response_ms: 500 } })
    server.fault = () => 'slow'
    await Promise.all(Array.from({ length: 40 }, (_, i) => store.put(`k${i}`, bytes('x'))))
    expect(server.objects.size).toBe(40)
    // A machine under load may be late once or twice; those at the end of the queue have waited too long by far.
    expect(pauses_ms.length).toBeLessThanOrEqual(3)
  })
})

describe('the probe', () => {
  const refused = { code: 'store_not_atomic', retryable: false }

  const write = async (store: ObjectStore): Promise<unknown> => store.putIfAbsent('k', bytes('x'))
  const keptProof = (): string | undefined => [...server.objects.keys()].find((key) => key.includes('store-proofs'))

  it('A2: takes an atomic store, and leaves nothing but its proof behind', async () => {
    const store = await open({ probeRounds: 2 })
    await write(store)
    expect([...server.objects.keys()].sort()).toEqual([keptProof(), 'lake/k'])
    expect(server.count('PUT')).toBe(64 + 2)
  })

  it('A2: is made before the first create of a process, and not again while its proof is in force', async () => {
    const store = await open({ probeRounds: 1 })
    await Promise.all([store.putIfAbsent('a', bytes('x')), store.putIfAbsent('b', bytes('x'))])
    expect(server.count('PUT')).toBe(32 + 3)
    await write(await open({ probeRounds: 1, random: seededRandom(2) }))
    expect(server.count('PUT')).toBe(32 + 4)
    // A store that is reached another way, or after a month, may be another one.
    await write(await open({ probeRounds: 1, random: seededRandom(3), prefix: 'other' }))
    expect(server.count('PUT')).toBe(2 * 32 + 6)
    now_ms += 31 * 24 * 3_600_000
    await write(await open({ probeRounds: 1, random: seededRandom(4) }))
    expect(server.count('PUT')).toBe(3 * 32 + 8)
  })

  it('a damaged proof proves nothing', async () => {
    await write(await open({ probeRounds: 1 }))
    for (const text of ['', '[]', '{"format":2,"proven_ms":1}', '{"format":1,"proven_ms":9e99}']) {
      server.objects.set(keptProof() ?? '', { bytes: Buffer.from(text), headers: {} })
      const before = server.count('PUT')
      await write(await open({ probeRounds: 1, random: seededRandom(2) }))
      expect(server.count('PUT') - before).toBe(32 + 2)
    }
  })

  it('what only reads writes nothing', async () => {
    const store = await open({ probeRounds: 5 })
    await store.get('k')
    await store.size_bytes('k')
    for await (const _ of store.list('')) break
    await expect(store.localPath('k')).rejects.toMatchObject({ code: 'object_missing' })
    expect([server.count('PUT'), server.count('POST'), server.count('DELETE')]).toEqual([0, 0, 0])
  })

  it('an outage in the middle of it does not end it: the next create probes again', async () => {
    const store = await open({ probeRounds: 1 })
    server.fault = always('PUT', SLOW_DOWN)
    await expect(write(store)).rejects.toMatchObject({ retryable: true })
    server.fault = () => 'none'
    expect(await write(store)).toBe('created')
  })

  it('what killed probes have left is removed by the next one', async () => {
    server.objects.set('lake/assay-probe-1', { bytes: Buffer.alloc(1), headers: {} })
    await write(await open({ probeRounds: 1 }))
    expect([...server.objects.keys()].sort()).toEqual([keptProof(), 'lake/k'])
  })

  it('A9: what a probe leaves that was killed just before another proved the store is removed an hour later', async () => {
    const modified = new Date(now_ms - 60_000).toISOString()
    server.objects.set('lake/assay-probe-1', { bytes: Buffer.alloc(1), headers: {}, modified })
    await write(await open({ probeRounds: 1 }))
    // The upload's maker may still be at work.
    expect([...server.objects.keys()].sort()).toEqual(['lake/assay-probe-1', keptProof(), 'lake/k'])
    now_ms += 3_600_000
    const before = server.count('PUT')
    await write(await open({ probeRounds: 1, random: seededRandom(2) }))
    expect([...server.objects.keys()].sort()).toEqual([keptProof(), 'lake/k'])
    expect(server.count('PUT') - before).toBe(1)
  })

  it('A2: refuses a store that lets several writers win, also now and then', async () => {
    server.fault = always('PUT', 'overwrite')
    await expect(open({ probeRounds: 2 }).then(write)).rejects.toMatchObject(refused)
    server.fault = ({ method, index }) => (method === 'PUT' && index % 40 === 39 ? 'overwrite' : 'none')
    await expect(open({ probeRounds: 3 }).then(write)).rejects.toMatchObject(refused)
    server.fault = ({ method, index }) => (method === 'PUT' && index % 40 === 39 ? 'lie' : 'none')
    await expect(open({ probeRounds: 3 }).then(write)).rejects.toMatchObject(refused)
    expect(server.objects.size).toBe(0)
  })

  it('A2: refuses a store without conditional puts', async () => {
    server.fault = always('PUT', { status: 501, code: 'NotImplemented' })
    const failed = await open({ probeRounds: 1 })
      .then(write)
      .catch((error: unknown) => error)
    expect(failed).toMatchObject({ code: 'store_lacks_feature', retryable: false })
  })
})

describe('credentials that are replaced', () => {
  const KEYS = ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY']
  let file: string
  let accepted: string

  const save = (id: string): Promise<void> =>
    writeFile(file, `[default]\naws_access_key_id = ${id}\naws_secret_access_key = secret-of-${id}\n`)
  const refuseOthers = (code: string, status = 403): void => {
    server.fault = ({ headers }) =>
      headers.authorization?.includes(`Credential=${accepted}/`) === true ? 'none' : { status, code }
  }

  beforeEach(async () => {
    for (const name of KEYS) delete process.env[name]
    file = path.join(cacheDirectory, 'credentials')
    process.env.AWS_SHARED_CREDENTIALS_FILE = file
    process.env.AWS_EC2_METADATA_DISABLED = 'true'
    accepted = 'FIRST'
    await save('FIRST')
  })
  afterEach(() => {
    delete process.env.AWS_SHARED_CREDENTIALS_FILE
    delete process.env.AWS_EC2_METADATA_DISABLED
    process.env.AWS_ACCESS_KEY_ID = 'AKIDEXAMPLE'
    process.env.AWS_SECRET_ACCESS_KEY = SECRET
  })

  it('are read anew when the store no longer takes the old ones', async () => {
    const codes = [['InvalidAccessKeyId'], ['ExpiredToken', 400], ['AccessDenied'], ['TokenRefreshRequired']] as const
    for (const [i, [code, status]] of codes.entries()) {
      const store = await open()
      accepted = `KEY${i}`
      refuseOthers(code, status)
      await save(accepted)
      expect(await store.putIfAbsent(`k${i}`, bytes('x'))).toBe('created')
      accepted = `NEXT${i}`
      await save(accepted)
      // To a HEAD the store gives no reason.
      expect(await store.size_bytes(`k${i}`)).toBe(1)
      expect(await Promise.all([store.get(`k${i}`), store.get('missing')])).toEqual([bytes('x'), undefined])
    }
  })

  it('are an outage until they are there, at the start as well', async () => {
    const store = await open()
    accepted = 'SECOND'
    refuseOthers('InvalidAccessKeyId')
    const refused = { code: 'store_credentials_refused', retryable: true, hint: expect.stringContaining('read again') }
    await expect(store.get('k')).rejects.toMatchObject(refused)
    await expect(open()).rejects.toMatchObject(refused)
    // Half a file, or none, is no reason to give up either.
    for (const text of ['', '[default]\naws_access_key_id = SECOND\n']) {
      await writeFile(file, text)
      await expect(store.get('k')).rejects.toMatchObject({ retryable: true })
      await expect(open()).rejects.toMatchObject(refused)
    }
    await save('SECOND')
    expect(await store.get('k')).toBeUndefined()
    expect(await (await open()).get('k')).toBeUndefined()
  })

  it('are asked for once while many requests meet the refusal', async () => {
    const store = await open()
    accepted = 'SECOND'
    refuseOthers('ExpiredToken', 400)
    await save('SECOND')
    const before = server.requests.length
    await Promise.all(Array.from({ length: 20 }, () => store.get('k')))
    expect(server.requests.length - before).toBeLessThanOrEqual(40)
  })
})

describe('encryption', () => {
  it('asks for it with every object, in parts or whole', async () => {
    const store = await open({ sse: { kmsKeyId: 'key-1' } })
    await store.put('a', bytes('x'))
    await store.putIfAbsent('b', bytes('x'))
    const file = path.join(await store.scratchDirectory(), 'large')
    await writeFile(file, Buffer.alloc(17 * MIB))
    await store.putFile('c', file)
    const creating = server.requests.filter(({ method, query }) => method !== 'GET' && !query.has('uploadId'))
    expect(creating).toHaveLength(3)
    for (const { headers } of creating) {
      expect(headers['x-amz-server-side-encryption']).toBe('aws:kms')
      expect(headers['x-amz-server-side-encryption-aws-kms-key-id']).toBe('key-1')
    }
  })
})

describe('the cache', () => {
  it('callers that ask for one object at once share one download', async () => {
    const store = await open()
    await store.put('k', bytes('x'))
    const before = server.count('GET')
    const paths = await Promise.all(Array.from({ length: 8 }, () => store.localPath('k')))
    expect(new Set(paths).size).toBe(1)
    expect(server.count('GET') - before).toBe(1)
  })

  it('A1: objects that are fetched at once do not get into one another', async () => {
    const store = await open()
    const keys = Array.from({ length: 16 }, (_, i) => `k${i}`)
    for (const [i, key] of keys.entries()) await store.put(key, bytes(`${i}`.repeat(1_000 * (i + 1))))
    const paths = await Promise.all(keys.map((key) => store.localPath(key)))
    const found = await Promise.all(paths.map((file) => readFile(file, 'utf8')))
    expect(found).toEqual(keys.map((_, i) => `${i}`.repeat(1_000 * (i + 1))))
  })

  it('A6: keeps to its limit, drops what was longest unused, and nothing that was just handed out', async () => {
    const store = await open({ cache_bytes: 10_000 })
    for (let i = 0; i < 30; i += 1) await store.put(`k${i}`, new Uint8Array(1_000))
    for (let i = 0; i < 10; i += 1) await store.localPath(`k${i}`)
    now_ms += 6 * 60 * 1000
    const first = await store.localPath('k0')
    for (let i = 10; i < 18; i += 1) await store.localPath(`k${i}`)
    expect(existsSync(first)).toBe(true)
    expect((await copies()).length).toBeLessThanOrEqual(10)
    // All of these are being read: they stay beyond the limit, and go when they have been left alone.
    for (let i = 10; i < 30; i += 1) await store.localPath(`k${i}`)
    expect((await copies()).length).toBe(21)
    now_ms += 6 * 60 * 1000
    await store.localPath('k1')
    expect((await copies()).length).toBeLessThanOrEqual(10)
  })

  it('A6: moved-in files stay in it until there is no room', async () => {
    const store = await open({ cache_bytes: 10_000 })
    for (let i = 0; i < 30; i += 1) {
      const file = path.join(await store.scratchDirectory(), 'f')
      await writeFile(file, Buffer.alloc(1_000))
      await store.putFile(`data/${i}`, file)
      now_ms += 1
    }
    expect((await copies()).length).toBeLessThanOrEqual(10)
    const before = server.count('GET')
    await store.localPath('data/29')
    expect(server.count('GET')).toBe(before)
    await store.localPath('data/0')
    expect(server.count('GET')).toBe(before + 1)
  })

  it('two buckets may share the folder', async () => {
    const [a, b] = [await open(), await open({ bucket: 'other', prefix: 'elsewhere' })]
    await a.put('k', bytes('a'))
    await b.put('k', bytes('b'))
    expect(await readFile(await a.localPath('k'), 'utf8')).toBe('a')
    expect(await readFile(await b.localPath('k'), 'utf8')).toBe('b')
  })

  it('removes partial files of a day ago when it opens, and no younger ones', async () => {
    const scratch = await (await open()).scratchDirectory()
    const [old, young] = [path.join(scratch, 'old'), path.join(scratch, 'young')]
    await writeFile(old, 'x')
    await writeFile(young, 'x')
    const yesterday_s = Date.now() / 1000 - 25 * 3600
    await utimes(old, yesterday_s, yesterday_s)
    await open()
    expect(existsSync(old)).toBe(false)
    expect(existsSync(young)).toBe(true)
  })
})

describe('listing', () => {
  it('is in order of UTF-16 code units, and passes over what is no key', async () => {
    const store = await open()
    const keys = ['a', '\u{1f600}', '\uff41', 'b\uff41', 'b\u{1f600}', 'b', '\ue000', 'c']
    for (const key of [...keys, 'folder/', 'x//y'])
      server.objects.set(`lake/${key}`, { bytes: Buffer.alloc(1), headers: {} })
    server.objects.set('lakeside', { bytes: Buffer.alloc(1), headers: {} })
    const seen: string[] = []
    for await (const { key } of store.list('')) seen.push(key)
    expect(seen).toEqual([...keys].sort())
  })

  it.each([1, 2, 3, 7, 8])('has each key once and in order, whatever lies on one page: %i keys', async (keys) => {
    const store = await open()
    server.pageKeys_max = keys
    const names = ['a', 'a/b', 'a0', 'b/1', 'b/10', 'b/2', '\uff41', '\u{1f600}']
    for (const name of names) server.objects.set(`lake/${name}`, { bytes: Buffer.alloc(name.length), headers: {} })
    server.objects.set('lakeside', { bytes: Buffer.alloc(1), headers: {} })
    const listed = async (prefix: string): Promise<[string, number][]> => {
      const seen: [string, number][] = []
      for await (const { key, size_bytes } of store.list(prefix)) seen.push([key, size_bytes])
      return seen
    }
    expect(await listed('')).toEqual(names.toSorted().map((name) => [name, name.length]))
    expect((await listed('b/')).map(([key]) => key)).toEqual(['b/1', 'b/10', 'b/2'])
    expect(await listed('c')).toEqual([])
    const pages = server.requests.filter(({ query }) => query.get('prefix') === 'lake/b/')
    expect(pages).toHaveLength(Math.ceil(3 / keys))
  })

  it('A8: ends with an outage where a page of it can’t be had, and never as if that were all', async () => {
    const store = await open()
    server.pageKeys_max = 2
    for (const name of ['a', 'b', 'c', 'd', 'e'])
      server.objects.set(`lake/${name}`, { bytes: Buffer.alloc(1), headers: {} })
    server.fault = ({ query }) => (query.has('continuation-token') ? SLOW_DOWN : 'none')
    const seen: string[] = []
    const listing = (async () => {
      for await (const { key } of store.list('')) seen.push(key)
    })()
    await expect(listing).rejects.toThrow(OutageError)
    expect(seen).toEqual(['a', 'b'])
  })
})

async function copies(): Promise<string[]> {
  const found = await readdir(path.join(cacheDirectory, 'files'), { recursive: true, withFileTypes: true })
  return found.filter((entry) => entry.isFile()).map(({ name }) => name)
}
