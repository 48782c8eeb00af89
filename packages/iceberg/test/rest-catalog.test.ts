import { seededRandom } from '@assay/core'
import { MemoryStore } from '@assay/object-store'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { RestCatalogOptions } from '../src/catalog/rest-catalog.js'
import { createTable } from '../src/evolution/create-table.js'
import { collect, commit, defaultMaintenance, openRestCatalog, removeOrphans, type Table } from '../src/index.js'
import { catalogContract } from './catalog-contract.js'
import { type RestCall, type RestFault, RestServer } from './rest-server.js'
import { append, description, keys, livePaths, putDataFile, VirtualClock } from './support.js'

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

function options(more: Partial<RestCatalogOptions> = {}): RestCatalogOptions {
  seed += 1
  return { url, namespace: 'market_data', store, clock, random: seededRandom(seed), ...more }
}

/** A policy with a history as short as a test can wait for. */
const maintenance = { ...defaultMaintenance, snapshotsToKeep: 5, snapshotsToExpire: 4 }

async function open(more: Partial<RestCatalogOptions> = {}): Promise<Table> {
  const given = options(more)
  const catalog = await openRestCatalog(given)
  return createTable(catalog, 'trades', description, { store: given.store, clock, random: given.random, maintenance })
}

/** Lets the first commit of the table meet a fault. */
function faultOnCommit(fault: RestFault, times = 1): RestCall[] {
  const commits: RestCall[] = []
  server.fault = (call) => {
    if (call.method !== 'POST' || !call.path.endsWith('/trades')) return 'none'
    commits.push(call)
    return commits.length <= times ? fault : 'none'
  }
  return commits
}

let names = 0
catalogContract(
  'RestCatalog',
  async () => ({
    clock,
    open: async () => {
      const given = options()
      return { catalog: await openRestCatalog(given), store: given.store, random: given.random }
    },
  }),
  () => `table_${++names}`,
)

describe('a commit whose answer is lost', () => {
  it.each(['lost', 'cut', 'failed'] as const)('A8: (%s) is recognised as ours and made once', async (fault) => {
    const table = await open()
    const file = await putDataFile(table)
    const commits = faultOnCommit(fault)
    expect((await append(table, [file])).version.metadata.snapshots).toHaveLength(2)
    expect(commits).toHaveLength(1)
    expect(await livePaths(table)).toEqual([file.path])
  })

  it.each(['before', { status: 503 }, { status: 500 }, { status: 429 }] as const)(
    'A8: (%j, not carried out) is made again',
    async (fault) => {
      const table = await open()
      const file = await putDataFile(table)
      const commits = faultOnCommit(fault, 2)
      await append(table, [file])
      expect(commits).toHaveLength(3)
      expect(await livePaths(table)).toEqual([file.path])
    },
  )

  it('T20: is recognised although another writer has committed on top', async () => {
    const [table, other] = [await open(), await open()]
    const [file, others] = [await putDataFile(table), await putDataFile(other)]
    faultOnCommit('lost')
    const { fault } = server
    let lost = false
    server.fault = async (call) => {
      if (lost && call.method === 'GET' && call.path.endsWith('/trades')) {
        lost = false
        await append(other, [others])
      }
      const found = await fault(call)
      lost ||= found === 'lost'
      return found
    }
    const { snapshot } = await append(table, [file])
    expect(snapshot.sequenceNumber).toBe(2)
    expect(await livePaths(table)).toEqual([file.path, others.path].sort())
  })

  it('A8: is a conflict when another committed in its place, and retried', async () => {
    const [table, other] = [await open(), await open()]
    const [file, others] = [await putDataFile(table), await putDataFile(other)]
    let calls = 0
    server.fault = async ({ method, path }) => {
      if (method !== 'POST' || !path.endsWith('/trades')) return 'none'
      calls += 1
      if (calls !== 1) return 'none'
      await append(other, [others])
      return 'before'
    }
    expect((await append(table, [file])).snapshot.sequenceNumber).toBe(3)
    expect(await livePaths(table)).toEqual([file.path, others.path].sort())
  })

  it.each(['lost', 'failed'] as const)(
    'A8: (%s) ends in an outage, with nothing deleted, when history does not tell',
    async (how) => {
      const table = await open()
      const file = await putDataFile(table)
      faultOnCommit(how)
      const before = (await keys(store, '')).length
      const { fault } = server
      server.fault = async (call) => {
        const found = await fault(call)
        const kept = server.tables.get('trades')
        // As servers do that keep only the newest snapshot, without a parent.
        if (kept && call.method === 'GET' && kept.metadata.snapshots.length > 1) {
          const snapshot = { ...kept.metadata.snapshots[0], snapshotId: 99n, sequenceNumber: 9 } as never
          const refs = { main: { snapshotId: 99n, type: 'branch' as const } }
          kept.metadata = { ...kept.metadata, snapshots: [snapshot], currentSnapshotId: 99n, refs, snapshotLog: [] }
          kept.number += 1
        }
        return found
      }
      await expect(append(table, [file])).rejects.toMatchObject({ code: 'commit_outcome_unknown', retryable: true })
      expect((await keys(store, '')).length).toBeGreaterThan(before)
    },
  )

  it('A8: ends in an outage when the catalog stays away', async () => {
    const table = await open()
    const file = await putDataFile(table)
    let down = false
    server.fault = ({ method }) => {
      down ||= method === 'POST'
      return down ? 'lost' : 'none'
    }
    await expect(append(table, [file])).rejects.toMatchObject({ code: 'commit_outcome_unknown', retryable: true })
    server.fault = () => 'none'
    expect(await livePaths(table)).toEqual([file.path])
  })

  it.each(['lost', 'before'] as const)('A8: (%s) making a table is settled in the same way', async (fault) => {
    faultOnCommit(fault)
    const table = await open()
    expect((await table.load()).metadata.snapshots).toHaveLength(1)
    expect(await keys(store, '')).toHaveLength(1)
  })
})

describe('commits of others', () => {
  it('A4: property changes and other refs neither stop a commit nor get undone', async () => {
    const table = await open()
    await append(table, [await putDataFile(table)])
    const file = await putDataFile(table)
    const swap = table.catalog.compareAndSwap.bind(table.catalog)
    let swaps = 0
    table.catalog.compareAndSwap = async (name, base, next) => {
      swaps += 1
      const there = server.tables.get('trades')
      if (!there) throw new Error('the table is gone')
      const head = there.metadata.currentSnapshotId as bigint
      there.metadata = {
        ...there.metadata,
        properties: { ...there.metadata.properties, owner: 'somebody' },
        refs: { ...there.metadata.refs, audit: { snapshotId: head, type: 'tag' } },
      }
      there.number += 1
      return swap(name, base, next)
    }
    await append(table, [file])
    expect(swaps).toBe(1)
    const { metadata } = await table.load()
    expect(metadata.properties.owner).toBe('somebody')
    expect(metadata.refs.audit).toBeDefined()
  })

  it('A4: a commit to another branch takes our sequence number: the commit is drawn up anew', async () => {
    const table = await open()
    const file = await putDataFile(table)
    const swap = table.catalog.compareAndSwap.bind(table.catalog)
    let swaps = 0
    table.catalog.compareAndSwap = async (name, base, next) => {
      swaps += 1
      const there = server.tables.get('trades')
      if (swaps === 1 && there) {
        const { snapshots, refs } = there.metadata
        const own = { ...snapshots[0], snapshotId: 5n, sequenceNumber: 2 } as (typeof snapshots)[number]
        there.metadata = {
          ...there.metadata,
          lastSequenceNumber: 2,
          snapshots: [...snapshots, own],
          refs: { ...refs, dev: { snapshotId: 5n, type: 'branch' } },
        }
        there.number += 1
      }
      return swap(name, base, next)
    }
    expect((await append(table, [file])).snapshot.sequenceNumber).toBe(3)
    expect(swaps).toBe(2)
    expect((await table.load()).metadata.refs.dev?.snapshotId).toBe(5n)
  })

  it('a table made anew under the name is a conflict, and the commit is drawn up on it', async () => {
    const table = await open()
    const base = await table.load()
    const there = server.tables.get('trades')
    if (!there) throw new Error('the table is gone')
    there.metadata = { ...there.metadata, tableUuid: '00000000-0000-4000-8000-000000000000' }
    there.number += 1
    expect(await table.catalog.compareAndSwap('trades', base, base.metadata)).toEqual({ kind: 'conflict' })
  })
})

describe('cleaning up', () => {
  it('A9: snapshots expire at the server, their files go, and metadata files of the server stay', async () => {
    const table = await open()
    await store.put('tables/market_data/trades/metadata/00001-abc.metadata.json', Buffer.from('{}'))
    await store.put('tables/market_data/trades/metadata/stray.avro', Buffer.from('{}'))
    for (let i = 0; i < 12; i += 1) await append(table, [])
    clock.advance(10 * 60_000)
    await append(table, [])
    expect((await table.load()).metadata.snapshots).toHaveLength(5)
    clock.advance(16 * 60_000)
    const collected = await collect(table)
    expect(collected.files.length).toBeGreaterThanOrEqual(9)
    expect(collected.metadataVersions).toEqual([])
    clock.advance(3 * 86_400_000)
    const orphans = await removeOrphans(table, { keep: new Set() })
    expect(orphans.map(({ key }) => key)).toEqual(['tables/market_data/trades/metadata/stray.avro'])
  })

  it('A4: nothing is expired nor deleted of a table whose files the catalog minds itself', async () => {
    const table = await open()
    await commit(table, {
      prepare: () => ({ kind: 'proceed', change: { operation: 'append', setProperties: { 'gc.enabled': 'false' } } }),
    })
    await store.put('tables/market_data/trades/data/old.parquet', Buffer.from('x'))
    for (let i = 0; i < 12; i += 1) await append(table, [])
    clock.advance(3 * 86_400_000)
    await append(table, [])
    expect((await table.load()).metadata.snapshots).toHaveLength(15)
    expect(await collect(table)).toMatchObject({ files: [], waiting: 0 })
    expect(await removeOrphans(table, { keep: new Set() })).toEqual([])
  })
})

describe('opening', () => {
  it('says all that is wrong with its options, and nothing secret', async () => {
    const wrong = options({ namespace: 'a/b', token: 'sesame', credential: 'id:sesame' })
    const error = await openRestCatalog(wrong).catch((one: unknown) => one as Error)
    expect(error).toMatchObject({ code: 'bad_catalog_options' })
    expect(String((error as Error).message)).toMatch(/a\/b.*both/)
    await expect(openRestCatalog(options({ url: 'http://user:sesame@x/' }))).rejects.toMatchObject({
      code: 'bad_catalog_url',
    })
  })

  it('takes the location that the server chooses, if it lies in the lake', async () => {
    server.location = (name) => store.location(`elsewhere/${name}-1`)
    const table = await open()
    expect((await table.load()).tableKey).toBe('elsewhere/trades-1')
    const file = await putDataFile(table)
    await append(table, [file])
    expect(await livePaths(table)).toEqual([file.path])
    expect((await keys(store, 'tables/')).length).toBe(0)
    const there = server.tables.get('trades')
    if (!there) throw new Error('the table is gone')
    there.metadata = { ...there.metadata, location: 's3://another/bucket' }
    there.number += 1
    await expect(table.load()).rejects.toMatchObject({ code: 'table_outside_lake' })
  })

  it('A8: a table that was made although the answer is a refusal is ours, and keeps its first snapshot', async () => {
    const error = { message: 'no rights', type: 'ForbiddenException', code: 403 }
    server.fault = ({ method, path }) =>
      method === 'POST' && path.endsWith('/trades')
        ? { status: 403, type: 'application/json', text: JSON.stringify({ error }), isDone: true }
        : 'none'
    const table = await open()
    server.fault = () => 'none'
    await append(table, [await putDataFile(table)])
    expect(await livePaths(table)).toHaveLength(1)
  })

  it('A8: while the catalog forbids to make a table that is an outage, and says so', async () => {
    server.location = (name) => store.location(`elsewhere/${name}-1`)
    server.fault = ({ method, path }) =>
      method === 'POST' && path.endsWith('/trades') ? { status: 403, message: 'no rights' } : 'none'
    await expect(open()).rejects.toMatchObject({
      code: 'catalog_denied',
      retryable: true,
      message: expect.stringContaining('no rights'),
    })
    server.fault = () => 'none'
    await (await open()).load()
  })

  it('A8: an outcome that cannot be told is told with what was answered', async () => {
    server.fault = ({ method, path }) =>
      method === 'POST' && path.endsWith('/trades')
        ? { status: 200, type: 'text/html', text: '<html>', isDone: false }
        : 'none'
    await expect(open()).rejects.toMatchObject({
      code: 'commit_outcome_unknown',
      message: expect.stringContaining('text/html'),
      hint: expect.stringContaining('ASSAY_CATALOG_URL'),
    })
  })

  it('is an outage while nobody answers, and says whom it asked', async () => {
    const away = options({ url: 'http://127.0.0.1:1/catalog' })
    const error = await openRestCatalog(away).catch((one: unknown) => one as Error)
    expect(error).toMatchObject({ code: 'catalog_unavailable', retryable: true })
    expect((error as Error).message).toContain('http://127.0.0.1:1/catalog/v1/config')
  })

  it('gets tokens with a credential, renews them, and never shows a secret', async () => {
    let issued = 0
    server.issueToken = (form) => {
      if (form.get('client_secret') !== 'sesame') return { status: 401, body: { error: 'invalid_client' } }
      issued += 1
      return { status: 200, body: { access_token: `t${issued}`, token_type: 'bearer', expires_in: 1_000 } }
    }
    server.accepted = (authorization) => authorization === `Bearer t${issued}`
    const table = await open({ credential: 'id:sesame' })
    expect(issued).toBe(1)
    clock.advance(900_000)
    await append(table, [await putDataFile(table)])
    expect(issued).toBe(2)
    // A token that the server forgets early is renewed at once.
    issued += 1
    await append(table, [await putDataFile(table)])
    expect(issued).toBe(4)
    const refused = await openRestCatalog(options({ credential: 'id:open' })).catch((one: unknown) => one as Error)
    expect(refused).toMatchObject({ code: 'catalog_denied' })
    const denied = await openRestCatalog(options({ token: 'swordfish' })).catch((one: unknown) => one as Error)
    expect(denied).toMatchObject({ code: 'catalog_denied' })
    for (const error of [refused, denied] as Error[]) {
      expect(`${error.stack} ${JSON.stringify(error)} ${String(error.cause)}`).not.toMatch(/open"|id:open|swordfish/)
    }
  })
})
