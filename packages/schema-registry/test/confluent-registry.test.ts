import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { inspect } from 'node:util'
import { type Clock, OutageError, seededRandom, systemClock, UsageError } from '@assay/core'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { ConfluentRegistryOptions } from '../src/confluent-registry.js'
import { openConfluentRegistry, type SchemaRegistry } from '../src/index.js'
import { SUBJECT, tradeSchema } from './registry-contract.js'

const PASSWORD = 'correct-horse'
const TOKEN = 'battery-staple'
const BASIC = Buffer.from(`assay:${PASSWORD}`).toString('base64')

type Reply = { status: number; body: string; type?: string; location?: string } | 'hang' | 'reset'
let reply: (path: string) => Reply
let server: Server
let url: string
let requests: { path: string; authorization: string | undefined }[]
let pauses_ms: number[]

beforeEach(async () => {
  requests = []
  pauses_ms = []
  server = createServer((incoming, outgoing) => {
    const path = incoming.url ?? ''
    requests.push({ path, authorization: incoming.headers.authorization })
    const answer = reply(path)
    if (answer === 'hang') return
    if (answer === 'reset') return void outgoing.destroy()
    const { status, type = 'application/json', location } = answer
    outgoing.writeHead(status, { 'content-type': type, ...(location !== undefined && { location }) }).end(answer.body)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
})
afterEach(async () => {
  server.closeAllConnections()
  await new Promise((resolve) => server.close(resolve))
})

/** A clock on which waits take no time. */
const clock: Clock = {
  ...systemClock,
  sleep: async (ms) => {
    pauses_ms.push(ms)
  },
}

function open(options: Partial<ConfluentRegistryOptions> = {}): Promise<SchemaRegistry> {
  return openConfluentRegistry({ url, clock, random: seededRandom(1), ...options })
}

const found = (schema: string): Reply => ({ status: 200, body: JSON.stringify({ schema }) })
const failure = (status: number, error_code: number): Reply => ({
  status,
  body: JSON.stringify({ error_code, message: 'told so' }),
})

test('S4: a registry that is away, slow or broken is an outage after a few tries, never an unknown id', async () => {
  const patient = await open()
  const impatient = await open({ timeout_ms: 50 })
  const away: Reply[] = ['reset', 'hang', failure(500, 50001), failure(503, 503), { status: 502, body: '<html>' }]
  for (const answer of away) {
    reply = () => answer
    requests = []
    const registry = answer === 'hang' ? impatient : patient
    await expect(registry.schema(7)).rejects.toMatchObject({ code: 'registry_away', retryable: true })
    // A request that was given up may never have arrived.
    if (answer === 'hang') expect(requests.length).toBeLessThanOrEqual(3)
    else expect(requests).toHaveLength(3)
    await expect(registry.register(SUBJECT, tradeSchema(1))).rejects.toThrow(OutageError)
  }
  expect(pauses_ms[1]).toBeGreaterThan(pauses_ms[0] ?? 0)
  server.close()
  server.closeAllConnections()
  await expect(patient.schema(7)).rejects.toThrow(OutageError)
})

test('S4: only the registry’s own word makes an id unknown', async () => {
  const registry = await open()
  reply = () => failure(404, 40403)
  expect(await registry.schema(7)).toEqual({ kind: 'unknown' })
  const others: Reply[] = [
    { status: 404, body: '<html>no such page</html>' },
    failure(404, 404),
    failure(403, 40301),
    { status: 200, body: '<html>welcome</html>' },
    { status: 200, body: '{"schema":7}' },
    { status: 302, body: '' },
  ]
  for (const answer of others) {
    reply = () => answer
    await expect(registry.schema(7)).rejects.toMatchObject({ retryable: true, hint: expect.any(String) })
  }
})

const page = (status: number): Reply => ({ status, body: '<html>Please sign in.</html>', type: 'text/html' })

/** What stands between here and a registry may say instead of it. */
const FOREIGN: Readonly<Record<string, Reply>> = {
  'a page': page(200),
  'a schema that a page quotes': { status: 200, body: '{"schema":"\\"string\\"","id":3}', type: 'text/plain' },
  'another server’s JSON': { status: 200, body: '{"status":"ok"}' },
  'an error as success': { status: 200, body: '{"error_code":50001,"message":"x","id":3,"schema":"\\"int\\""}' },
  'a cut schema': { status: 200, body: JSON.stringify({ id: 'x', schema: '{"type":"rec' }) },
  'cut JSON': { status: 200, body: '{"id":3,"schema":"' },
  nothing: { status: 200, body: '' },
  'no content': { status: 204, body: '' },
  accepted: { status: 202, body: '{"id":3,"schema":"\\"int\\""}' },
  'a redirection': { status: 302, body: '', location: 'http://127.0.0.1:1/' },
  'a page of 400': page(400),
  'a page of 403': page(403),
  'a page of 404': page(404),
  'JSON of 404': { status: 404, body: '{"code":404,"message":"no such page"}' },
  'another code of 404': failure(404, 404),
  'a page of 407': page(407),
  'a page of 409': page(409),
  'a page of 422': page(422),
  'a code of another status': failure(409, 40403),
  'a page of 429': page(429),
}

test('S4: what something else answers in the registry’s place is an outage, and passes by itself', async () => {
  const calls: readonly ((registry: SchemaRegistry) => Promise<unknown>)[] = [
    (registry) => registry.schema(7),
    (registry) => registry.register(SUBJECT, tradeSchema(1)),
  ]
  for (const [name, answer] of Object.entries(FOREIGN)) {
    for (const call of calls) {
      const registry = await open()
      reply = () => answer
      const failed = await call(registry).catch((error: unknown) => error)
      expect(failed, name).toBeInstanceOf(OutageError)
      expect((failed as OutageError).hint, name).toMatch(/^check /)
      reply = () => ({ status: 200, body: JSON.stringify({ id: 3, schema: tradeSchema(1) }) })
      expect(await call(registry), name).toEqual(call === calls[0] ? { kind: 'found', schema: tradeSchema(1) } : 3)
    }
  }
})

test('S4: an outage passes by itself', async () => {
  const registry = await open()
  reply = () => (requests.length < 3 ? failure(503, 503) : found(tradeSchema(1)))
  expect(await registry.schema(7)).toEqual({ kind: 'found', schema: tradeSchema(1) })
})

test('S6: an id is asked for once at a time, a known one not again, and memory is bounded', async () => {
  const registry = await open({ cacheSize: 3 })
  reply = () => found(tradeSchema(1))
  await Promise.all(Array.from({ length: 10 }, () => registry.schema(1)))
  expect(requests).toHaveLength(1)
  for (const id of [2, 3, 1, 4]) await registry.schema(id)
  expect(requests).toHaveLength(4)
  await registry.schema(1)
  expect(requests).toHaveLength(4)
  await registry.schema(2)
  expect(requests).toHaveLength(5)
})

test('S6: ids asked for at once are each answered with their own schema, whichever answer comes first', async () => {
  const registry = await open()
  const idIn = (path: string) => Number(/ids\/(\d+)/.exec(path)?.[1])
  reply = (path) => (idIn(path) === 9 ? failure(404, 40403) : found(tradeSchema(idIn(path))))
  const ids = [2, 1, 9, 2, 3, 1, 9]
  const lookups = await Promise.all(ids.map((id) => registry.schema(id)))
  expect(lookups).toEqual(
    ids.map((id) => (id === 9 ? { kind: 'unknown' } : { kind: 'found', schema: tradeSchema(id) })),
  )
  // Each was asked for once, and stays what it was.
  expect(requests.map(({ path }) => idIn(path)).sort()).toEqual([1, 2, 3, 9])
  for (const id of [1, 3, 2, 1]) expect(await registry.schema(id)).toEqual({ kind: 'found', schema: tradeSchema(id) })
  expect(requests).toHaveLength(4)
})

test('an unknown id is asked for again, and what can be no id never', async () => {
  const registry = await open()
  reply = () => failure(404, 40403)
  await registry.schema(7)
  reply = () => found(tradeSchema(1))
  expect((await registry.schema(7)).kind).toBe('found')
  requests = []
  for (const id of [0, -1, 1.5, Number.NaN, 2 ** 31]) expect(await registry.schema(id)).toEqual({ kind: 'unknown' })
  expect(requests).toHaveLength(0)
})

test('failure 22: no error holds a password, a token or their header', async () => {
  for (const auth of [{ user: 'assay', password: PASSWORD }, { token: TOKEN }]) {
    const registry = await open({ auth, timeout_ms: 50 })
    requests = []
    const answers: Reply[] = [
      'reset',
      'hang',
      failure(401, 401),
      failure(409, 409),
      failure(422, 42201),
      failure(404, 404),
    ]
    for (const answer of answers) {
      reply = () => answer
      for (const call of [() => registry.schema(7), () => registry.register(SUBJECT, tradeSchema(1))]) {
        const failed = await call().catch((error: unknown) => error)
        expect(failed).toBeInstanceOf(Error)
        const text = inspect(failed, { depth: 20, showHidden: true }) + JSON.stringify(failed) + (failed as Error).stack
        expect(text).not.toMatch(new RegExp(`${PASSWORD}|${TOKEN}|${BASIC}|authorization`, 'i'))
      }
    }
    const expected = 'token' in auth ? `Bearer ${TOKEN}` : `Basic ${BASIC}`
    expect(requests.every(({ authorization }) => authorization === expected)).toBe(true)
  }
})

test('failure 22: a refusal that repeats the credentials is told without them', async () => {
  const reply422 = { error_code: 42201, message: `no rights: Basic ${BASIC}, ${PASSWORD}` }
  reply = (path) => (path.endsWith('/versions') ? { status: 422, body: JSON.stringify(reply422) } : failure(404, 40401))
  const registry = await open({ auth: { user: 'assay', password: PASSWORD } })
  await expect(registry.register(SUBJECT, tradeSchema(1))).rejects.toMatchObject({
    code: 'schema_invalid',
    message: 'the registry refuses the schema: no rights: Basic ***, ***',
  })
})

test('S4: an answer without end is an outage', async () => {
  const registry = await open()
  reply = () => ({ status: 200, body: JSON.stringify({ schema: `"${'x'.repeat(5 * 1024 * 1024)}"` }) })
  await expect(registry.schema(7)).rejects.toMatchObject({ code: 'registry_away', retryable: true })
})

test('S4: an id that another server’s JSON holds is not taken for the registered schema’s', async () => {
  const registry = await open()
  const held = { '/schemas/ids/7': { schema: tradeSchema(2) }, '/schemas/ids/8': { schema: tradeSchema(1) } }
  for (const place of [`/subjects/${SUBJECT}`, `/subjects/${SUBJECT}/versions`]) {
    reply = holding({ ...held, [place]: { status: 'ok', id: 7 } })
    await expect(registry.register(SUBJECT, tradeSchema(1))).rejects.toMatchObject({
      code: 'registry_answer_unreadable',
      retryable: true,
    })
    reply = holding({ ...held, [place]: { id: 8 } })
    expect(await registry.register(SUBJECT, tradeSchema(1))).toBe(8)
  }
})

test('a stricter server’s refusal is an incompatible schema, with its reason', async () => {
  const registry = await open()
  reply = (path) => (path.endsWith('/versions') ? failure(409, 409) : failure(404, 40401))
  await expect(registry.register(SUBJECT, tradeSchema(1))).rejects.toMatchObject({
    code: 'schema_incompatible',
    message: expect.stringContaining('told so'),
  })
})

test('an address with a path is kept, and the subject is one part of it', async () => {
  const registry = await open({ url: `${url}/apis/ccompat/v7/` })
  reply = () => ({ status: 200, body: JSON.stringify({ id: 3, schema: tradeSchema(1) }) })
  expect(await registry.register('a/b ü', tradeSchema(1))).toBe(3)
  expect(requests[0]?.path).toBe('/apis/ccompat/v7/subjects/a%2Fb%20%C3%BC')
})

test('every mistake in the options is listed at once, and no secret', async () => {
  const wrong = { url: `http://assay:${PASSWORD}@host`, auth: { user: 'a:b', password: PASSWORD }, cacheSize: 0 }
  const failed = await open(wrong).catch((error: unknown) => error)
  expect(failed).toBeInstanceOf(UsageError)
  for (const part of ['password', 'user name', 'cacheSize']) expect((failed as UsageError).message).toContain(part)
  expect(inspect(failed)).not.toContain(PASSWORD)
  await expect(open({ url: 'registry:8081' })).rejects.toMatchObject({ code: 'registry_options_invalid' })
})

/** What a server holds, by path. */
const holding =
  (held: Readonly<Record<string, object>>) =>
  (path: string): Reply => {
    const body = held[path]
    return body ? { status: 200, body: JSON.stringify(body) } : failure(404, 40401)
  }

test('a subject’s own level of compatibility is respected', async () => {
  const registry = await open()
  const schema = JSON.stringify({ type: 'record', name: 'Trade', fields: [{ name: 'venue', type: 'string' }] })
  const held = { [`/subjects/${SUBJECT}/versions/latest`]: { schema: tradeSchema(1) } }
  const config = `/config/${SUBJECT}`
  const versions = { [`/subjects/${SUBJECT}/versions`]: { id: 9 }, '/schemas/ids/9': { schema } }
  for (const compatibilityLevel of ['FORWARD', 'FORWARD_TRANSITIVE']) {
    reply = holding({ ...held, ...versions, [config]: { compatibilityLevel } })
    expect(await registry.register(SUBJECT, schema)).toBe(9)
  }
  for (const compatibilityLevel of ['BACKWARD', 'FULL', 'BACKWARD_TRANSITIVE', 'FULL_TRANSITIVE', 'NONE', undefined]) {
    reply = holding({ ...held, ...versions, ...(compatibilityLevel && { [config]: { compatibilityLevel } }) })
    await expect(registry.register(SUBJECT, schema)).rejects.toThrow(/venue.*no default/)
  }
})

test('S4: a level of compatibility that something else answers is an outage, never a refusal for good', async () => {
  const registry = await open()
  const schema = JSON.stringify({ type: 'record', name: 'Trade', fields: [{ name: 'venue', type: 'string' }] })
  const held = holding({ [`/subjects/${SUBJECT}/versions/latest`]: { schema: tradeSchema(1) } })
  for (const [name, answer] of Object.entries(FOREIGN)) {
    reply = (path) => (path.startsWith('/config/') ? answer : held(path))
    const failed = await registry.register(SUBJECT, schema).catch((error: unknown) => error)
    expect(failed, name).toBeInstanceOf(OutageError)
  }
})

test('a latest schema that only registries accept is still measured, one of another language is refused', async () => {
  const registry = await open()
  const latest = (body: object) =>
    holding({
      [`/subjects/${SUBJECT}/versions/latest`]: body,
      [`/subjects/${SUBJECT}/versions`]: { id: 9 },
      '/schemas/ids/9': { schema: tradeSchema(1) },
    })
  const odd = { type: 'record', name: 'Trade', fields: [{ name: 'f-0', type: ['null', 'long'], default: 'x' }] }
  reply = latest({ schema: JSON.stringify(odd) })
  expect(await registry.register(SUBJECT, tradeSchema(1))).toBe(9)
  const other = { type: 'record', name: 'Trade', fields: [{ name: 'f0', type: 'string', default: 7 }] }
  reply = latest({ schema: JSON.stringify(other) })
  await expect(registry.register(SUBJECT, tradeSchema(1))).rejects.toThrow(/f0 was string and is long/)
  reply = latest({ schema: '{}', schemaType: 'JSON' })
  await expect(registry.register(SUBJECT, tradeSchema(1))).rejects.toMatchObject({ code: 'schema_incompatible' })
})

test('references come with a schema, those of references first, and each is asked for once', async () => {
  const registry = await open()
  const named = (name: string, ...references: string[]): object => ({
    schema: `{"type":"fixed","name":"${name}","size":1}`,
    references: references.map((subject) => ({ name: subject, subject, version: 1 })),
  })
  reply = holding({
    '/schemas/ids/7': named('Top', 'a', 'b'),
    '/subjects/a/versions/1': named('A', 'c'),
    '/subjects/b/versions/1': named('B', 'c', 'gone'),
    '/subjects/c/versions/1': named('C', 'a'),
  })
  const found = await registry.schema(7)
  const names = found.kind === 'found' && found.references?.map((text) => JSON.parse(text).name)
  expect(names).toEqual(['C', 'A', 'B'])
  expect(requests).toHaveLength(5)
  await registry.schema(7)
  expect(requests).toHaveLength(5)
})

test('a schema in another language is told as such', async () => {
  const registry = await open()
  reply = holding({ '/schemas/ids/7': { schemaType: 'PROTOBUF', schema: 'syntax = "proto3";' } })
  expect(await registry.schema(7)).toEqual({ kind: 'foreign', schemaType: 'PROTOBUF' })
})

test('S4 S6: an id is denied only while the registry shows another; without that a refusal is an outage', async () => {
  const registry = await open()
  const shown = holding({ '/schemas/ids/1': { schema: tradeSchema(1) } })
  reply = (path) => (path === '/schemas/ids/7' ? failure(403, 40301) : shown(path))
  await expect(registry.schema(7)).rejects.toMatchObject({ code: 'registry_denied', retryable: true })
  expect(await registry.schema(7, 1)).toMatchObject({ kind: 'denied', detail: expect.stringContaining('403') })
  reply = () => failure(403, 40301)
  await expect(registry.schema(7, 1)).rejects.toThrow(OutageError)
  reply = (path) => (path === '/schemas/ids/7' ? failure(500, 50001) : shown(path))
  await expect(registry.schema(7, 1)).rejects.toThrow(OutageError)
})

test('S4 S6: a process that has seen no schema yet asks for those of its subjects, so that one refused id stops no lane', async () => {
  const registry = await open({ subjects: ['other-value', SUBJECT] })
  const latest = `/subjects/${encodeURIComponent(SUBJECT)}/versions/latest`
  const answers = (id: number) => {
    const schema = tradeSchema(1)
    const shown = holding({
      [latest]: { subject: SUBJECT, version: 1, id, schema },
      [`/schemas/ids/${id}`]: { schema },
    })
    return (path: string) => (path === '/schemas/ids/7' ? failure(403, 40301) : shown(path))
  }
  reply = answers(3)
  expect(await registry.schema(7)).toMatchObject({ kind: 'denied' })
  // The subject's own latest is the refused one: nothing else is shown.
  reply = answers(7)
  await expect(registry.schema(7)).rejects.toMatchObject({ code: 'registry_denied', retryable: true })
  // Its name is shown, but no schema is.
  reply = (path) => (path.startsWith('/schemas/') ? failure(403, 40301) : answers(3)(path))
  await expect(registry.schema(7)).rejects.toThrow(OutageError)
})
