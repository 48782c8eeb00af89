import { existsSync } from 'node:fs'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { type Clock, OutageError, seededRandom, systemClock } from '@assay/core'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { type ObjectStore, openS3Store } from '../src/index.js'
import type { S3Limits } from '../src/s3/options.js'
import { operationOf, type S3Operation, type S3RequestOutcome } from '../src/s3/s3-request.js'
import { FakeS3, type ForeignAnswer } from './support/fake-s3.js'

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)
const LARGE_BYTES = 17 * 1024 * 1024
const environment = { ...process.env }

let server: FakeS3
let folder: string
let counted: Map<string, number>

/** A clock on which waits take no time. */
const clock: Clock = { ...systemClock, sleep: async () => undefined }

beforeAll(() => {
  process.env.AWS_ACCESS_KEY_ID = 'AKIDEXAMPLE'
  process.env.AWS_SECRET_ACCESS_KEY = 'secret'
})
afterAll(() => {
  process.env = environment
})
beforeEach(async () => {
  server = await FakeS3.start()
  folder = await mkdtemp(path.join(tmpdir(), 'assay-s3-'))
  counted = new Map()
})
afterEach(async () => {
  await server.stop()
  await rm(folder, { recursive: true, force: true })
})

function open(limits: Partial<S3Limits> = {}): Promise<ObjectStore> {
  return openS3Store({
    bucket: 'bucket',
    prefix: 'lake',
    endpoint: server.endpoint,
    cacheDirectory: path.join(folder, 'cache'),
    probeRounds: 0,
    limits,
    clock,
    random: seededRandom(1),
    onRequest: (operation: S3Operation, outcome: S3RequestOutcome) => {
      const name = `${operation} ${outcome}`
      counted.set(name, (counted.get(name) ?? 0) + 1)
    },
  })
}

const PAGE = '<!DOCTYPE html>\n<html><body>Please sign in.</body></html>'
const html = (status: number, headers: Record<string, string> = {}): Omit<ForeignAnswer, 'isDone'> => ({
  status,
  headers: { 'content-type': 'text/html', ...headers },
  body: PAGE,
})
const xml = (status: number, body: string): Omit<ForeignAnswer, 'isDone'> => ({
  status,
  headers: { 'content-type': 'application/xml' },
  body,
})
const empty = (status: number, headers: Record<string, string> = {}): Omit<ForeignAnswer, 'isDone'> => ({
  status,
  headers: { 'content-length': '0', ...headers },
  body: '',
})

/** What stands between here and a store may say instead of it, on any request. */
const FOREIGN: Readonly<Record<string, Omit<ForeignAnswer, 'isDone'>>> = {
  'a page': html(200),
  'a static page with an ETag': html(200, { etag: '"5f-1"', 'last-modified': 'Mon, 30 Nov 2026 00:00:00 GMT' }),
  'a page with a weak ETag': { ...html(200), headers: { 'content-type': 'text/plain', etag: 'W/"5f-1"' } },
  JSON: { status: 200, headers: { 'content-type': 'application/json' }, body: '{"status":"ok"}' },
  nothing: empty(200),
  accepted: empty(202),
  'another page in XML': xml(200, '<?xml version="1.0"?><EnumerationResults><Blobs/></EnumerationResults>'),
  'a redirection': html(302, { location: 'http://127.0.0.1:1/sign-in' }),
  'a permanent redirection': html(301, { location: 'http://127.0.0.1:1/sign-in' }),
  'a redirection of the method': empty(307, { location: 'http://127.0.0.1:1/sign-in' }),
  'a page of 400': html(400),
  'a page of 401': html(401),
  'a page of 403': html(403),
  'a page of 404': html(404),
  'JSON of 404': { status: 404, headers: { 'content-type': 'application/json' }, body: '{"error":"not found"}' },
  'another store’s 404': xml(404, '<?xml version="1.0"?><Error><Code>BlobNotFound</Code></Error>'),
  'a cut 404': xml(404, '<?xml version="1.0"?><Error><Code>NoSuchKey</Code><Mess'),
  'a page of 407': html(407),
  'a page of 409': html(409),
  'a page of 412': html(412),
  'another store’s 412': xml(412, '<?xml version="1.0"?><Error><Code>ConditionNotMet</Code></Error>'),
  'a page of 429': html(429),
  'a page of 451': html(451),
  'a page of 502': html(502),
}

interface Call {
  /** Requests that are answered by something else. */
  readonly operation: S3Operation
  readonly call: (store: ObjectStore) => Promise<unknown>
  readonly expected: unknown
}

const list = async (store: ObjectStore): Promise<string[]> => {
  const keys: string[] = []
  for await (const { key } of store.list('')) keys.push(key)
  return keys
}
const move = async (store: ObjectStore, size: number): Promise<unknown> => {
  const file = path.join(folder, 'file')
  await writeFile(file, Buffer.alloc(size, 7))
  await store.putFile('new', file)
  return [existsSync(file), server.objects.get('lake/new')?.bytes.length]
}
const put = async (store: ObjectStore): Promise<unknown> => {
  await store.put('new', bytes('new'))
  return server.objects.get('lake/new')?.bytes.toString()
}
const create = async (store: ObjectStore): Promise<unknown> => [
  await store.putIfAbsent('new', bytes('new')),
  server.objects.get('lake/new')?.bytes.toString(),
]
const remove = async (store: ObjectStore): Promise<unknown> => {
  await store.delete('there')
  return server.objects.has('lake/there')
}

const CALLS: Readonly<Record<string, Call>> = {
  get: {
    operation: 'get',
    call: async (store) => Buffer.from((await store.get('there')) ?? []).toString(),
    expected: 'x',
  },
  'get of what is not there': { operation: 'get', call: (store) => store.get('missing'), expected: undefined },
  size_bytes: { operation: 'head', call: (store) => store.size_bytes('there'), expected: 1 },
  localPath: {
    operation: 'get',
    call: async (store) => readFile(await store.localPath('there'), 'utf8'),
    expected: 'x',
  },
  list: { operation: 'list', call: list, expected: ['there'] },
  put: { operation: 'put', call: put, expected: 'new' },
  putIfAbsent: { operation: 'put', call: create, expected: ['created', 'new'] },
  'putIfAbsent of what is there': {
    operation: 'put',
    call: (store) => store.putIfAbsent('there', bytes('other')),
    expected: 'exists',
  },
  putFile: { operation: 'put', call: (store) => move(store, 9), expected: [false, 9] },
  delete: { operation: 'delete', call: remove, expected: false },
}
const LARGE_CALLS: Readonly<Record<string, Call>> = Object.fromEntries(
  (['create_upload', 'upload_part', 'complete_upload'] as const).map((operation) => [
    operation,
    { operation, call: (store: ObjectStore) => move(store, LARGE_BYTES), expected: [false, LARGE_BYTES] },
  ]),
)

/** The first `times` requests of an operation get this answer, and are carried out all the same or not. */
function answerFirst(times: number, operation: S3Operation, answer: Omit<ForeignAnswer, 'isDone'>, isDone: boolean) {
  let left = times
  server.fault = ({ method, query }) => {
    if (operationOf({ method, query: Object.fromEntries(query) }) !== operation || left <= 0) return 'none'
    left -= 1
    return { ...answer, isDone }
  }
}

/** Of all pairs of a call and an answer every so many is tried; each answer meets some calls. 1 tries all. */
const STRIDE = 5

async function eachCase(
  calls: Readonly<Record<string, Call>>,
  answers: typeof FOREIGN,
  check: (name: string, call: Call, answer: Omit<ForeignAnswer, 'isDone'>, isDone: boolean) => Promise<void>,
): Promise<void> {
  let turn = 0
  for (const [name, call] of Object.entries(calls)) {
    for (const [answerName, answer] of Object.entries(answers)) {
      turn += 1
      if (turn % STRIDE !== 0) continue
      const isDone = turn % (2 * STRIDE) === 0
      server.objects.clear()
      server.objects.set('lake/there', { bytes: Buffer.from('x'), headers: {} })
      server.fault = () => 'none'
      await rm(path.join(folder, 'cache', 'files'), { recursive: true, force: true })
      await check(`${name}, ${answerName}, ${isDone ? 'done' : 'not done'}`, call, answer, isDone)
    }
  }
}

describe('what something else answers in the store’s place', () => {
  it('A8: is tried again, and the call then does and tells what the store says', async () => {
    const store = await open()
    await eachCase(CALLS, FOREIGN, async (name, { operation, call, expected }, answer, isDone) => {
      answerFirst(2, operation, answer, isDone)
      expect(await call(store), name).toEqual(expected)
    })
    expect(counted.get('put unreadable')).toBeGreaterThan(15)
    expect(counted.get('get missing')).toBeGreaterThan(3)
  })

  it('A8: while it lasts it is an outage that says what answered, and never an answer', async () => {
    const store = await open({ attemptsMax: 2 })
    await eachCase(CALLS, FOREIGN, async (name, { operation, call, expected }, answer, isDone) => {
      answerFirst(1_000, operation, answer, isDone)
      const failed = await call(store).catch((error: unknown) => error)
      expect(failed, name).toBeInstanceOf(OutageError)
      const { message, code, hint } = failed as OutageError
      expect(message, name).toContain(`HTTP ${answer.status}`)
      expect(code, name).toBe([429, 502].includes(answer.status) ? 'store_busy' : 'store_answer_unreadable')
      expect(hint, name).toMatch(/check (?:the endpoint and the way to it|that the object store runs)/)
      server.fault = () => 'none'
      // The first one may have taken effect: a create says so by the key being taken.
      if (!isDone || !['put', 'delete'].includes(operation)) expect(await call(store), name).toEqual(expected)
      else if (name.startsWith('putIfAbsent,')) expect(await store.putIfAbsent('new', bytes('new'))).toBe('exists')
    })
  })

  it('A8: the same for every request of a large file’s upload', async () => {
    const {
      'a page': page,
      nothing,
      'a page of 404': missing,
    } = FOREIGN as Record<string, Omit<ForeignAnswer, 'isDone'>>
    const some = { page, nothing, missing } as typeof FOREIGN
    const store = await open()
    await eachCase(LARGE_CALLS, some, async (name, { operation, call, expected }, answer, isDone) => {
      answerFirst(1, operation, answer, isDone)
      expect(await call(store), name).toEqual(expected)
    })
  })

  it('A8: of a server that puts no id to its answers a page is told by what it is', async () => {
    server.givesRequestIds = false
    const store = await open()
    const { nothing, 'a static page with an ETag': _, JSON: __, 'another page in XML': ___, ...others } = FOREIGN
    const answers = { ...others, nothing } as typeof FOREIGN
    // A 404 to a HEAD is told by a listing, so both are answered.
    await eachCase(CALLS, answers, async (name, { operation, call, expected }, answer, isDone) => {
      if (operation === 'head' && answer.status !== 404 && answer.status !== 200) return
      answerFirst(2, operation, answer, isDone)
      const seen = await call(store).catch((error: unknown) => (error instanceof OutageError ? 'an outage' : error))
      expect([expected, 'an outage'], name).toContainEqual(seen)
    })
  })

  it('at the start it is an outage, too, and no wrong configuration', async () => {
    for (const [name, answer] of Object.entries(FOREIGN).filter((_, i) => i % STRIDE === 0)) {
      server.fault = () => ({ ...answer, isDone: false })
      await expect(open({ attemptsMax: 1 }), name).rejects.toBeInstanceOf(OutageError)
    }
  })

  it('a listing of another place, or one that breaks off, is none', async () => {
    server.objects.set('lake/there', { bytes: Buffer.from('x'), headers: {} })
    const store = await open()
    const listings = [
      '<Name>other</Name><IsTruncated>false</IsTruncated>',
      '<Name>bucket</Name><Prefix>elsewhere/</Prefix><IsTruncated>false</IsTruncated>',
      '<Name>bucket</Name><Prefix>lake/</Prefix><IsTruncated>true</IsTruncated>',
      '<Name>bucket</Name><Prefix>lake/</Prefix><Contents><Key>other</Key><Size>1</Size></Contents>',
      '<Name>bucket</Name><Prefix>lake/</Prefix><Contents><Key>lake/a</Key></Contents>',
    ].map((content) => `<ListBucketResult>${content}</ListBucketResult>`)
    listings.push('<ListBucketResult xmlns="https://example.com/other"></ListBucketResult>')
    listings.push('<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><IsTruncated>fal')
    for (const listing of listings) {
      answerFirst(1_000, 'list', xml(200, listing), false)
      await expect(list(store), listing).rejects.toMatchObject({ code: 'store_answer_unreadable', retryable: true })
    }
    server.fault = () => 'none'
    expect(await list(store)).toEqual(['there'])
  })

  it('a put whose checksum is said again with another value is none', async () => {
    const store = await open()
    const headers = { 'x-amz-request-id': 'R', 'x-amz-checksum-crc32': 'AAAAAA==', etag: '"e"', 'content-length': '0' }
    answerFirst(1_000, 'put', { status: 200, headers, body: '' }, false)
    await expect(store.put('k', bytes('x'))).rejects.toMatchObject({ code: 'store_answer_unreadable' })
  })

  it('an answer that ends with the connection, and tells no size, is none', async () => {
    server.objects.set('lake/k', { bytes: Buffer.from('whole'), headers: {} })
    const store = await open()
    const headers = { 'x-amz-request-id': 'R', etag: '"e"', connection: 'close', 'transfer-encoding': 'identity' }
    answerFirst(1, 'get', { status: 200, headers, body: 'wh' }, false)
    expect(Buffer.from((await store.get('k')) ?? []).toString()).toBe('whole')
  })
})
