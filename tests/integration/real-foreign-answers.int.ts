import { writeFile } from 'node:fs/promises'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { OutageError, systemClock, systemRandom } from '@assay/core'
import { openRestCatalog } from '@assay/iceberg'
import type { Lake } from '@assay/lake'
import { DUPLICATES_TABLE } from '@assay/medallion'
import { CommitSignals, LakeTable } from '@assay/pipeline'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { needs } from '../real-parts/real-parts.js'
import { drain } from '../support/drain.js'
import { binance } from '../support/memory-lake.js'
import { produceSimulated } from '../support/records.js'
import { AnsweredLake } from './support/answered-lake.js'
import { eventually } from './support/eventually.js'
import { judge } from './support/real-lake.js'
import { allFaultCases, type FaultCase, sampleOf } from './support/wrong-answers.js'

/** Wrong answers for each kind of request; ASSAY_TEST_ANSWERS=all for all, or `s3 get,catalog commit` for those of some. */
const CHOICE = process.env.ASSAY_TEST_ANSWERS
const SEED = Number(process.env.ASSAY_TEST_ANSWERS_SEED ?? 1)
const PER_KIND = 1

const MET_MS = 20_000
/** A fault lasts until somebody has said what it waits for, or until this many requests in this time have got over it. */
const LASTS_MS = 1_500
const LASTS_REQUESTS = 3
const LASTS_MS_MAX = 4_000
const PART_BYTES = 17 * 1024 * 1024

const chosen = (): readonly FaultCase[] => {
  const all = allFaultCases()
  if (CHOICE === undefined) return sampleOf(all, PER_KIND, SEED)
  return all.filter(({ name }) => CHOICE === 'all' || CHOICE.split(',').some((start) => name.startsWith(start)))
}

describe.skipIf(!(await needs('s3', 'registry', 'catalog')))('proxies that answer anything for a while', () => {
  let servers: AnsweredLake
  let direct: Lake
  /** Opened before there is a fault: what a store says of rights then is a mistake of the settings. */
  let proxied: Lake
  let made = 0

  beforeAll(async () => {
    servers = await AnsweredLake.start()
    direct = await servers.open('itself')
    proxied = await servers.open('proxies')
  })
  afterAll(async () => {
    await proxied?.close()
    await direct?.close()
    await servers?.stop()
  })

  const produce = async (): Promise<void> => {
    made += 1
    await produceSimulated(direct, binance, { count: 30, duplicates: 0.2, invalid: 0.1, seed: 100 + made })
  }

  it(`S4 A8 B2 G1: nothing is lost or doubled, nobody ends, each says what it waits for (ASSAY_TEST_ANSWERS_SEED=${SEED})`, async () => {
    await produce()
    await drain(direct)
    servers.startWorkers()
    await eventually('the workers have opened the lake', async () => servers.isOpen, MET_MS)
    const met = { told: 0, overcome: 0 }
    const cases = chosen()
    for (const one of cases) met[await passes(one)] += 1
    await servers.stopWorkers()
    await drain(direct)
    await judge(direct)
    for (const error of servers.outages) {
      expect(error).toBeInstanceOf(OutageError)
      expect((error as OutageError).hint, String(error)).toBeTruthy()
    }
    process.stderr.write(`${cases.length} wrong answers: ${met.told} told, ${met.overcome} overcome\n`)
  }, 7_200_000)

  /** Lets requests of one kind meet a wrong answer while work needs them. */
  async function passes({ server, name, ...fault }: FaultCase): Promise<'told' | 'overcome'> {
    const proxy = servers.proxies[server]
    let toldBefore = Number.POSITIVE_INFINITY
    const isTold = (): boolean => servers.outages.length > toldBefore
    proxy.fault = fault
    const working = work(`${server} ${fault.kind}`)
    let isDone = false
    working.then(
      () => {
        isDone = true
      },
      () => {
        isDone = true
      },
    )
    try {
      await eventually(`${name} is met`, async () => proxy.hits > 0, MET_MS)
      // What was told before belongs to the wrong answer before.
      toldBefore = servers.outages.length
      const from_ms = performance.now()
      const lasted_ms = (): number => performance.now() - from_ms
      const isOver = (): boolean =>
        isTold() || (lasted_ms() > LASTS_MS && (isDone || proxy.hits >= LASTS_REQUESTS)) || lasted_ms() > LASTS_MS_MAX
      while (!isOver()) await sleep(50)
    } finally {
      proxy.fault = undefined
    }
    await working.catch((error: unknown) => {
      throw new Error(`${name}: ${error}`, { cause: error })
    })
    expect(servers.ended, name).toBeUndefined()
    if (CHOICE !== undefined) process.stderr.write(`${name}: ${isTold() ? servers.outages.at(-1) : 'overcome'}\n`)
    return isTold() ? 'told' : 'overcome'
  }

  /** What needs a request of the kind. It ends when it has what it wants, and checks that. */
  function work(kind: string): Promise<void> {
    switch (kind) {
      case 's3 create':
      case 'catalog load':
      case 'catalog commit':
        return produce()
      case 'registry schema':
      case 'catalog config':
        return startAgain()
      case 'catalog list':
      case 'catalog namespace':
      case 'catalog create_namespace':
      case 'catalog create_table':
        return makeTable()
      case 'registry lookup':
      case 'registry latest':
      case 'registry config':
      case 'registry register':
        return registerSchema()
      default:
        return useStore()
    }
  }

  async function startAgain(): Promise<void> {
    await servers.stopWorkers()
    servers.startWorkers()
    await produce()
  }

  async function registerSchema(): Promise<void> {
    made += 1
    const subject = `subject-${made}-value`
    const schema = (...names: string[]): string =>
      JSON.stringify({ type: 'record', name: `R${made}`, fields: names.map((name) => ({ name, type: 'long' })) })
    const first = await direct.registry.register(subject, schema('a'))
    // Without a default the new field is one that only a subject of this level may have: so its level is asked for.
    await setLevel(subject, 'FORWARD')
    const lake = await servers.persistently(() => servers.open('proxies'))
    const id = await servers.persistently(() => lake.registry.register(subject, schema('a', 'b')))
    await lake.close()
    expect(id).not.toBe(first)
    expect(await direct.registry.register(subject, schema('a', 'b'))).toBe(id)
    expect(await direct.registry.register(subject, schema('a'))).toBe(first)
  }

  async function setLevel(subject: string, compatibility: string): Promise<void> {
    const answer = await fetch(`${servers.registry.url}/config/${subject}`, {
      method: 'PUT',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ compatibility }),
    })
    expect(answer.status).toBe(200)
  }

  async function makeTable(): Promise<void> {
    made += 1
    const namespace = `scratch_${made}`
    const { url: _, ...how } = { ...servers.catalog, namespace, store: direct.store, clock: systemClock }
    const catalogAt = (url: string) => openRestCatalog({ ...how, url, random: systemRandom })
    const proxied = await servers.persistently(() => catalogAt(servers.proxies.catalog.url))
    const { store, clock, random } = direct
    const dependencies = { catalog: proxied, store, clock, random, signals: new CommitSignals() }
    const table = await servers.persistently(() => LakeTable.open(DUPLICATES_TABLE, dependencies))
    const names = [DUPLICATES_TABLE.name]
    expect(await servers.persistently(() => proxied.list())).toEqual(names)
    const other = await catalogAt(servers.catalog.url)
    expect(await other.list()).toEqual(names)
    const { metadata } = (await table.pin()).version
    expect((await other.load(DUPLICATES_TABLE.name))?.metadata.tableUuid).toBe(metadata.tableUuid)
  }

  async function useStore(): Promise<void> {
    made += 1
    const prefix = `scratch/${made}/`
    const bytes = Buffer.from(JSON.stringify({ made, text: 'x'.repeat(1_000) }))
    const { store } = proxied
    const there = async (): Promise<readonly string[]> => {
      const keys: string[] = []
      for await (const { key } of store.list(prefix)) keys.push(key)
      return keys
    }
    await servers.persistently(() => store.put(`${prefix}a`, bytes))
    expect(await servers.persistently(() => store.get(`${prefix}a`))).toEqual(new Uint8Array(bytes))
    expect(await servers.persistently(() => store.size_bytes(`${prefix}a`))).toBe(bytes.length)
    expect(await servers.persistently(() => store.get(`${prefix}b`))).toBeUndefined()
    expect(await servers.persistently(there)).toEqual([`${prefix}a`])
    const large = await servers.persistently(() => putLarge(prefix))
    expect(await direct.store.size_bytes(large)).toBe(PART_BYTES)
    await servers.persistently(() => store.delete(`${prefix}a`))
    expect(await direct.store.get(`${prefix}a`)).toBeUndefined()
  }

  /** Every try makes a file of its own, as layers do. */
  async function putLarge(prefix: string): Promise<string> {
    made += 1
    const file = path.join(servers.folder, `large-${made}`)
    await writeFile(file, Buffer.alloc(PART_BYTES, made))
    const key = `${prefix}large-${made}`
    await proxied.store.putFile(key, file)
    return key
  }
})
