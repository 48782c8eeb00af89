import { OutageError, seededRandom } from '@assay/core'
import { MemoryStore } from '@assay/object-store'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { RestCatalogOptions } from '../src/catalog/rest-catalog.js'
import { createTable } from '../src/evolution/create-table.js'
import { type Catalog, openRestCatalog, type Table } from '../src/index.js'
import { type ForeignAnswer, type RestCall, RestServer } from './rest-server.js'
import { append, description, livePaths, putDataFile, VirtualClock } from './support.js'

type Foreign = Omit<ForeignAnswer, 'isDone'>

const page = (status: number): Foreign => ({ status, type: 'text/html', text: '<html>Please sign in.</html>' })
const json = (status: number, body: unknown): Foreign => ({
  status,
  type: 'application/json',
  text: typeof body === 'string' ? body : JSON.stringify(body),
})

/** What stands between here and a catalog may say instead of it, on any request. */
const FOREIGN: Readonly<Record<string, Foreign>> = {
  'a page': page(200),
  nothing: json(200, ''),
  'no content': { status: 204, type: 'application/json', text: '' },
  'another server’s JSON': json(200, { status: 'ok' }),
  'a list': json(200, []),
  'cut JSON': json(200, '{"metadata-location":"s3://a","metadata":{"table-u'),
  'JSON by another name': { status: 200, type: 'text/plain', text: '{"metadata-location":"x","metadata":{}}' },
  'a redirection': page(302),
  'a page of 400': page(400),
  'a page of 401': page(401),
  'nothing of 401': json(401, ''),
  'a page of 403': page(403),
  'a page of 404': page(404),
  'another server’s 404': json(404, { error: { type: 'index_not_found_exception', reason: 'no such index' } }),
  'a 404 of another code': json(404, { error: { type: 'NotFound', message: 'x', code: 40403 } }),
  'a page of 407': page(407),
  'a page of 409': page(409),
  'a page of 422': page(422),
  'a page of 429': page(429),
  'a page of 502': page(502),
}

let server: RestServer
let url: string
let clock: VirtualClock
let store: MemoryStore
let seed = 0

beforeEach(async () => {
  server = new RestServer()
  url = await server.start()
  clock = new VirtualClock()
  store = new MemoryStore({ clock })
})
afterEach(() => server.stop())

function options(): RestCatalogOptions {
  seed += 1
  return { url, namespace: 'market_data', store, clock, random: seededRandom(seed), limits: { attempts: 3 } }
}

async function open(catalog?: Catalog): Promise<Table> {
  const given = options()
  return createTable(catalog ?? (await openRestCatalog(given)), 'trades', description, given)
}

function answerFirst(times: number, meets: (call: RestCall) => boolean, answer: Foreign, isDone: boolean): void {
  let left = times
  server.fault = (call) => {
    if (!meets(call) || left <= 0) return 'none'
    left -= 1
    return { ...answer, isDone }
  }
}

const isLoad = ({ method, path }: RestCall): boolean => method === 'GET' && path.endsWith('/trades')
const isCommit = ({ method, path }: RestCall): boolean => method === 'POST' && path.endsWith('/trades')

describe('what something else answers in the catalog’s place', () => {
  it('A8: to a commit leaves it open: it is settled by what the catalog says, and made once', async () => {
    for (const [name, answer] of Object.entries(FOREIGN)) {
      for (const isDone of [false, true]) {
        server.tables.clear()
        server.fault = () => 'none'
        const table = await open()
        const file = await putDataFile(table)
        answerFirst(2, isCommit, answer, isDone)
        const { version } = await append(table, [file])
        expect(version.metadata.snapshots, `${name}, ${isDone}`).toHaveLength(2)
        expect(await livePaths(table), `${name}, ${isDone}`).toEqual([file.path])
      }
    }
  })

  it('A8: to any request is tried again, at the start and later', async () => {
    for (const [name, answer] of Object.entries(FOREIGN)) {
      server.tables.clear()
      server.namespaces.clear()
      const met = new Map<string, number>()
      // Each kind of request meets it once.
      server.fault = ({ method, path }) => {
        const kind = `${method} ${path}`
        met.set(kind, (met.get(kind) ?? 0) + 1)
        return met.get(kind) === 1 ? { ...answer, isDone: false } : 'none'
      }
      const table = await open()
      const file = await putDataFile(table)
      await append(table, [file])
      expect(await table.catalog.list(), name).toEqual(['trades'])
      expect(await livePaths(table), name).toEqual([file.path])
    }
  })

  it('A8: while it lasts it is an outage, never a missing or a damaged table', async () => {
    const table = await open()
    const file = await putDataFile(table)
    for (const [name, answer] of Object.entries(FOREIGN)) {
      server.fault = () => ({ ...answer, isDone: false })
      for (const call of [
        () => table.catalog.load('trades'),
        () => table.catalog.list(),
        () => table.catalog.create('other', {} as never),
        () => openRestCatalog(options()),
        () => append(table, [file]),
      ]) {
        const failed = await call().catch((error: unknown) => error)
        expect(failed, name).toBeInstanceOf(OutageError)
        expect((failed as OutageError).hint, name).toBeTruthy()
      }
    }
    server.fault = () => 'none'
    await append(table, [file])
    expect(await livePaths(table)).toEqual([file.path])
  })

  it('A8: another table in the place of ours is asked for again, and one moved out of the lake waited for', async () => {
    const table = await open()
    const ours = server.tables.get('trades')
    if (!ours) throw new Error('the table is gone')
    const other = { ...ours, metadata: { ...ours.metadata, tableUuid: '00000000-0000-4000-8000-000000000000' } }
    other.number += 1
    const before = await table.load()
    let loads = 0
    server.fault = (call) => {
      if (!isLoad(call)) return 'none'
      loads += 1
      server.tables.set('trades', loads === 1 ? other : ours)
      return 'none'
    }
    await expect(table.load()).rejects.toMatchObject({ code: 'catalog_answer_unreadable', retryable: true })
    expect((await table.load()).metadata.tableUuid).toBe(before.metadata.tableUuid)
    server.fault = () => 'none'
    const elsewhere = { ...ours, metadata: { ...ours.metadata, location: 's3://another/bucket' } }
    elsewhere.number += 2
    server.tables.set('trades', elsewhere)
    await expect(table.load()).rejects.toMatchObject({ code: 'table_outside_lake', retryable: true })
  })

  it('the catalog’s own refusal is wrong usage at the start, and waited out later', async () => {
    const table = await open()
    server.accepted = () => false
    await expect(openRestCatalog(options())).rejects.toMatchObject({ code: 'catalog_denied', retryable: false })
    await expect(table.load()).rejects.toMatchObject({ code: 'catalog_denied', retryable: true })
    await expect(append(table, [])).rejects.toMatchObject({ code: 'catalog_denied', retryable: true })
    server.accepted = () => true
    await append(table, [])
  })

  it('opening and reading change nothing in it', async () => {
    const catalog = await openRestCatalog(options())
    expect([await catalog.load('trades'), await catalog.list()]).toEqual([undefined, []])
    expect(server.calls.filter(({ method }) => method !== 'GET')).toEqual([])
    await open(catalog)
    expect([...server.namespaces]).toEqual(['market_data'])
  })
})
