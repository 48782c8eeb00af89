import { setTimeout as sleep } from 'node:timers/promises'
import { type Random, seededRandom } from '@assay/core'
import type { Lake } from '@assay/lake'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { FaultyHttpProxy, NO_HTTP_FAULTS } from '../real-parts/faulty-http-proxy.js'
import { needs, startToxiproxy, type ToxiproxyPart } from '../real-parts/real-parts.js'
import type { ToxicProxy } from '../real-parts/toxiproxy-client.js'
import { query } from '../support/tables.js'
import { eventually } from './support/eventually.js'
import { embeddedFigures, type Figures, figuresOf, type Load, produce } from './support/load.js'
import { judge, RealParts, untilCandles, untilCaughtUp } from './support/real-lake.js'
import type { ServiceProcess } from './support/service-process.js'

const LAYERS = ['bronze', 'silver', 'gold', 'candles'] as const
const LOAD: Load = { count: 8_000, seed: 5, partitions: 4, rate: 400 }
const SEED = 20_261_121
const MEMORY_BYTES_MAX = 700 * 2 ** 20
const GOLD_MS = 60_000

describe.skipIf(!(await needs('kafka', 's3', 'registry', 'toxiproxy')))('services on parts that fail', () => {
  let parts: RealParts
  let toxiproxy: ToxiproxyPart
  let expected: Figures

  beforeAll(async () => {
    parts = await RealParts.start()
    toxiproxy = await startToxiproxy()
    expected = await embeddedFigures(LOAD)
  })
  afterEach(() => parts?.afterEach())
  afterAll(async () => {
    await toxiproxy?.stop()
    await parts?.stop()
  })

  /** A proxy of this test's own before a part, and the part's URL through it. */
  const proxyTo = async (name: string, url: string): Promise<{ proxy: ToxicProxy; url: string }> => {
    const { host } = new URL(url)
    const proxy = await toxiproxy.client.createProxy(name, host)
    return { proxy, url: url.replace(host, proxy.address) }
  }

  /** Waits for the rest, stops the services, and has the lake judged. */
  const conclude = async (lake: Lake, services: readonly ServiceProcess[]): Promise<void> => {
    await untilCaughtUp(lake, () => services)
    await untilCandles(lake, () => services)
    for (const service of services) expect(service.peakMemory_bytes, service.tell()).toBeLessThan(MEMORY_BYTES_MAX)
    await Promise.all(services.map((service) => service.stop()))
    await judge(lake)
  }

  it(`A1 B2 S1 G1 W1 W2, failures 1 and 2: killed at random moments while trades come (seed ${SEED})`, async () => {
    const env = parts.environment('killed')
    const random = seededRandom(SEED)
    const crew = new Map(LAYERS.map((layer) => [layer, parts.service(layer, env)]))
    const lake = await parts.open(env)
    await Promise.all([...crew.values()].map((service) => service.untilReadiness(200)))
    let isProduced = false
    const producing = produce(lake, LOAD).finally(() => {
      isProduced = true
    })
    let kills = 0
    while (!isProduced) {
      await sleep(3_000 * random.unit())
      const layer = pick(LAYERS, random)
      await crew.get(layer)?.kill()
      kills += 1
      await sleep(500 * random.unit())
      crew.set(layer, parts.service(layer, env))
    }
    await producing
    expect(kills).toBeGreaterThan(3)
    await conclude(lake, [...crew.values()])
    expect(await figuresOf(lake)).toEqual(expected)
  })

  it('A1 B2: the broker is killed and comes back, and readiness says so', async () => {
    const env = parts.environment('broker')
    const services = LAYERS.map((layer) => parts.service(layer, env))
    const [bronze] = services as [ServiceProcess]
    const lake = await parts.open(env)
    await Promise.all(services.map((service) => service.untilReadiness(200)))
    const producing = produce(lake, LOAD)
    await sleep(4_000)
    await parts.kafka.kill()
    expect((await bronze.untilReadiness(503)).parts).toMatchObject({
      store: 'ok',
      log: expect.not.stringMatching(/^ok/),
    })
    await sleep(2_000)
    await parts.kafka.restart()
    await bronze.untilReadiness(200)
    await producing
    await conclude(lake, services)
    // Batches whose answer got lost were sent again: the log holds them twice, gold each trade once.
    expect((await figuresOf(lake)).gold).toEqual(expected.gold)
  })

  it('A1 A8 W1 W2, failure 18: the store is cut off, hung and slowed while trades come', async () => {
    const { proxy: store, url } = await proxyTo('store', parts.s3.endpoint)
    const env = { ...parts.environment('store'), ASSAY_S3_ENDPOINT: url }
    const services = LAYERS.map((layer) => parts.service(layer, env))
    const lake = await parts.open(parts.environment('store'))
    await Promise.all(services.map((service) => service.untilReadiness(200)))
    const producing = produce(lake, LOAD)
    // Every worker is at work then: one that has yet to open its tables has nowhere to wait.
    await eventually('gold has trades of both exchanges', () => hasTradesOfBoth(lake), GOLD_MS)
    await store.down()
    for (const service of services)
      expect(JSON.stringify(await service.untilReadiness(503))).toContain('store_unreachable')
    await store.up()
    await Promise.all(services.map((service) => service.untilReadiness(200)))
    await store.addToxic('hung', { type: 'timeout', attributes: { timeout: 0 } })
    await sleep(5_000)
    await store.removeToxic('hung')
    await store.addToxic('reset', { type: 'reset_peer', attributes: { timeout: 50 } })
    await sleep(2_000)
    await store.removeToxic('reset')
    await store.addToxic('slow', { type: 'latency', attributes: { latency: 200, jitter: 100 } })
    await producing
    await store.removeToxic('slow')
    await Promise.all(services.map((service) => service.untilReadiness(200)))
    // Workers wait an outage out where they are: to open everything anew would cost the others theirs, too.
    for (const service of services) expect(service.logged(/opening the lake again/), service.tell()).toEqual([])
    await conclude(lake, services)
    expect(await figuresOf(lake)).toEqual(expected)
  })

  it('S4, failure 10: the registry is away: silver waits and its lag shows, nothing goes to the dead letters', async () => {
    const { proxy: registry, url } = await proxyTo('registry', parts.registry.url)
    const env = { ...parts.environment('registry'), ASSAY_REGISTRY_URL: url }
    const lake = await parts.open(parts.environment('registry'))
    await registry.down()
    const services = LAYERS.map((layer) => parts.service(layer, env))
    const [bronze, silver] = services as [ServiceProcess, ServiceProcess]
    await produce(lake, { ...LOAD, rate: 2_000 })
    await bronze.untilReadiness(200)
    await eventually(
      'silver says that the registry is away',
      async () => JSON.stringify(await silver.untilReadiness(503)).includes('registry'),
      60_000,
      () => silver.tell(),
    )
    await eventually(
      'bronze has all',
      async () => (await counts(lake)).bronze === expected.bronze,
      60_000,
      () => bronze.tell(),
    )
    await sleep(4_000)
    expect(await counts(lake)).toEqual({ bronze: expected.bronze, silver: 0, dead_letters: 0 })
    await registry.addToxic('slow', { type: 'latency', attributes: { latency: 1_000 } })
    await registry.up()
    await untilCaughtUp(lake, () => services)
    await registry.removeToxic('slow')
    await silver.untilReadiness(200)
    await conclude(lake, services)
    expect(await figuresOf(lake)).toEqual(expected)
  })

  it(`A6 A8 W1 W2, failures 3 and 18: half of all calls get a 503, answers are slow, puts lose theirs (seed ${SEED})`, async () => {
    const proxy = await FaultyHttpProxy.start({ target: parts.s3.endpoint, seed: SEED })
    try {
      const env = { ...parts.environment('faulty'), ASSAY_S3_ENDPOINT: proxy.url }
      const services = LAYERS.map((layer) => parts.service(layer, env))
      const lake = await parts.open(parts.environment('faulty'))
      await Promise.all(services.map((service) => service.untilReadiness(200)))
      const producing = produce(lake, LOAD)
      for (const faults of [{ status503_fraction: 0.5 }, { latency_ms: 500 }, { loseResponseOfEveryNthPut: 10 }]) {
        proxy.faults = { ...NO_HTTP_FAULTS, ...faults }
        await sleep(8_000)
      }
      proxy.faults = { status503_fraction: 0.2, latency_ms: 50, loseResponseOfEveryNthPut: 10 }
      await producing
      await conclude(lake, services)
      expect(await figuresOf(lake)).toEqual(expected)
      expect(proxy.counts.answered503).toBeGreaterThan(20)
      expect(proxy.counts.lostResponses).toBeGreaterThan(5)
    } finally {
      await proxy.stop()
    }
  })
})

async function hasTradesOfBoth(lake: Lake): Promise<boolean> {
  const [row] = await query(lake, 'SELECT count(DISTINCT exchange)::INT AS exchanges FROM gold_crypto_trades')
  return row?.exchanges === 2
}

async function counts(lake: Lake): Promise<Record<string, unknown>> {
  const tables = (layer: string) =>
    `(FROM ${layer}_binance_trades SELECT count(*)) + (FROM ${layer}_kraken_trades SELECT count(*))`
  const [row] = await query(
    lake,
    `SELECT (${tables('bronze')})::INT AS bronze, (${tables('silver')})::INT AS silver,
      (FROM silver_dlq_trades SELECT count(*))::INT AS dead_letters`,
  )
  return row ?? {}
}

function pick<T>(items: readonly T[], random: Random): T {
  return items[Math.floor(random.unit() * items.length)] as T
}
