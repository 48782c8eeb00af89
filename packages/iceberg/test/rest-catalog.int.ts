import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { systemClock, systemRandom } from '@assay/core'
import { type ObjectStore, openS3Store } from '@assay/object-store'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type CatalogPart, needs, type S3Part, startCatalog, startS3 } from '../../../tests/real-parts/real-parts.js'
import type { RestCatalog } from '../src/catalog/rest-catalog.js'
import { createTable } from '../src/evolution/create-table.js'
import { commit, openRestCatalog, type Table } from '../src/index.js'
import { catalogContract, type OpenCatalog } from './catalog-contract.js'
import { append, description, livePaths, putDataFile } from './support.js'

const run = Math.random().toString(36).slice(2, 10)
let names = 0
const newName = (): string => `t_${run}_${++names}`

describe.skipIf(!(await needs('s3', 'catalog')))('A4: a real REST catalog (Nessie) over S3', () => {
  let s3: S3Part
  let nessie: CatalogPart
  let folder: string

  beforeAll(async () => {
    s3 = await startS3()
    process.env.AWS_ACCESS_KEY_ID = s3.credentials.accessKeyId
    process.env.AWS_SECRET_ACCESS_KEY = s3.credentials.secretAccessKey
    nessie = await startCatalog({ s3 })
    folder = await mkdtemp(path.join(tmpdir(), 'rest-catalog-'))
  })
  afterAll(async () => {
    await nessie?.stop()
    await s3?.stop()
    if (folder) await rm(folder, { recursive: true, force: true })
  })

  let stores = 0
  const openStore = (prefix: string): Promise<ObjectStore> => {
    const { bucket, endpoint, region } = s3
    const cacheDirectory = path.join(folder, String(++stores))
    return openS3Store({
      ...{ bucket, endpoint, region, prefix, cacheDirectory, probeRounds: 0 },
      clock: systemClock,
      random: systemRandom,
    })
  }

  const openCatalog = async (prefix: string = nessie.warehouse): Promise<OpenCatalog & { catalog: RestCatalog }> => {
    const store = await openStore(prefix)
    const { url, warehouse } = nessie
    const given = { url, warehouse, namespace: 'market_data', store, clock: systemClock, random: systemRandom }
    return { catalog: await openRestCatalog(given), store, random: systemRandom }
  }

  const openTable = async (name: string): Promise<Table> => {
    const { catalog, store, random } = await openCatalog()
    return createTable(catalog, name, description, { store, clock: systemClock, random })
  }

  catalogContract('RestCatalog with Nessie', async () => ({ clock: systemClock, open: () => openCatalog() }), newName)

  it('A4: a change of properties by others is seen, and not undone by a commit drawn up before it', async () => {
    const name = newName()
    const [table, other] = [await openTable(name), await openTable(name)]
    await append(table, [await putDataFile(table)])
    const file = await putDataFile(table)
    const swap = table.catalog.compareAndSwap.bind(table.catalog)
    let swaps = 0
    table.catalog.compareAndSwap = async (...args) => {
      swaps += 1
      const base = await other.load()
      const properties = { ...base.metadata.properties, owner: 'somebody' }
      await other.catalog.compareAndSwap(name, base, { ...base.metadata, properties })
      return swap(...args)
    }
    const before = await other.load()
    await append(table, [file])
    expect(swaps).toBe(1)
    for (const each of [table, other]) {
      const { metadata } = await each.load()
      expect(metadata.properties.owner).toBe('somebody')
      expect(metadata.currentSnapshotId).not.toBe(before.metadata.currentSnapshotId)
    }
  })

  it('A2: two first commits on a new table do not pass both', async () => {
    const name = newName()
    const tables = await Promise.all([openTable(name), openTable(name), openTable(name)])
    const files = await Promise.all(tables.map((table) => putDataFile(table)))
    await Promise.all(tables.map((table, i) => append(table, files.slice(i, i + 1))))
    expect(await livePaths(await openTable(name))).toEqual(files.map((file) => file.path).sort())
  })

  it('A8: a commit while the catalog is killed and started again ends as committed once or as an outage', async () => {
    const table = await openTable(newName())
    const done: string[] = []
    const unsure: string[] = []
    const files = await Promise.all(Array.from({ length: 30 }, () => putDataFile(table)))
    const killed = systemClock.sleep(300).then(() => nessie.restart())
    for (const file of files) {
      try {
        const change = { operation: 'append' as const, addFiles: [file] }
        await commit(table, { prepare: () => ({ kind: 'proceed', change }) })
        done.push(file.path)
      } catch (error) {
        expect(error).toMatchObject({ retryable: true })
        unsure.push(file.path)
      }
    }
    await killed
    const live = await livePaths(table)
    expect(live.filter((one) => done.includes(one))).toEqual(done.sort())
    expect(new Set(live).size).toBe(live.length)
    expect(live.every((one) => done.includes(one) || unsure.includes(one))).toBe(true)
  })

  it('a lake beside the warehouse, which this catalog allows, is served', async () => {
    const { catalog, store, random } = await openCatalog('elsewhere')
    const table = await createTable(catalog, newName(), description, { store, clock: systemClock, random })
    expect((await table.load()).metadata.location).toContain('/elsewhere/')
    const file = await putDataFile(table)
    await append(table, [file])
    expect(await livePaths(table)).toEqual([file.path])
  })
})
