import { cpSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type KafkaPart, needs, startKafka } from '../real-parts/real-parts.js'
import { assay } from './support/assay.js'
import { eventually } from './support/eventually.js'
import { type ServiceName, ServiceProcess } from './support/service-process.js'
import { UpProcess } from './support/up-process.js'

/** How long the broker stands still; longer than one of its answers may take. */
const FROZEN_MS = Number(process.env.ASSAY_TEST_FROZEN_MS ?? 20_000)
const OVER_MS = 60_000
const NAMES: readonly ServiceName[] = ['feed', 'bronze', 'silver', 'gold', 'candles']

describe.skipIf(!(await needs('kafka')))('a broker that is frozen and goes on', () => {
  let kafka: KafkaPart
  let folder: string
  const environment = (lake: string) => ({
    ASSAY_LAKE: path.join(folder, lake),
    ASSAY_KAFKA_BROKERS: kafka.broker,
    ASSAY_FEED: 'simulated',
    ASSAY_FEED_RATE: '40',
  })
  beforeAll(async () => {
    kafka = await startKafka()
    folder = mkdtempSync(path.join(tmpdir(), 'assay-frozen-'))
  })
  afterAll(async () => {
    await kafka?.stop()
    rmSync(folder, { recursive: true, force: true })
  })

  it('A7: up and every service wait, say that the log does not answer, and go on by themselves', async () => {
    const services = new Map(
      NAMES.map((name) => [name, new ServiceProcess(name, { ...environment('services'), ASSAY_HTTP_PORT: '0' })]),
    )
    const ups: UpProcess[] = []
    try {
      await Promise.all([...services.values()].map((service) => service.untilLogged(/listening/)))
      await Promise.all([...services.values()].map((service) => service.untilReadiness(200)))
      await eventually('the feed has delivered', () => hasDelivered(services.get('feed')), OVER_MS)
      // One topic, so one registry: ids of schemas are those of the lake whose feed registered them.
      cpSync(path.join(folder, 'services/schemas'), path.join(folder, 'up/schemas'), { recursive: true })
      const up = new UpProcess(['--feed', 'simulated'], environment('up'))
      ups.push(up)
      const goldGrows = (): Promise<unknown> => {
        const rows = Number.isNaN(up.goldRows) ? 0 : up.goldRows
        const hasGrown = async () => up.waiting.length === 0 && up.goldRows > rows
        return eventually('gold grows under up', hasGrown, OVER_MS, () => up.tell())
      }
      await goldGrows()
      await frozen(services, up)
      const passed_ms = performance.now()
      const since = (): string => `${((performance.now() - passed_ms) / 1000).toFixed(1)} s after the broker went on`
      for (const service of services.values()) await service.untilReadiness(200, OVER_MS)
      process.stderr.write(`services are ready ${since()}\n`)
      await goldGrows()
      process.stderr.write(`up goes on ${since()}\n`)
      await Promise.all([...services.values()].map((service) => service.stop()))
      expect(await up.stop(), up.tell()).toBe('0')
      for (const lake of ['services', 'up']) {
        expect((await assay(['up', '--drain'], environment(lake))).code).toBe(0)
        const verified = await assay(['verify', '--from-log'], environment(lake))
        expect(verified.code, verified.stdout).toBe(0)
      }
    } finally {
      kafka.resume()
      await Promise.all([...services.values(), ...ups].map((process) => process.end()))
    }
  })

  /** The broker stands still for a while: who reads or writes the log says so, and nobody ends. */
  async function frozen(services: ReadonlyMap<ServiceName, ServiceProcess>, up: UpProcess): Promise<void> {
    const from = up.printed
    const goOnAt_ms = performance.now() + FROZEN_MS
    kafka.pause()
    for (const [name, service] of services) {
      if (name !== 'feed' && name !== 'bronze') continue
      const { parts } = await service.untilReadiness(503)
      process.stderr.write(`the broker is frozen: ${name}: ${JSON.stringify(parts)}\n`)
      expect(parts.log).toMatch(/^(no_answer|log_\w+): /)
    }
    await sleep(Math.max(0, goOnAt_ms - performance.now()))
    const waits = up.waits(from)
    process.stderr.write(`the broker is frozen: up: ${waits.join('\n')}\n`)
    expect(waits.join('\n')).toMatch(/\[(no_answer|log_\w+)\]/)
    for (const service of services.values()) expect(service.ending, service.tell()).toBeUndefined()
    expect(up.ending, up.tell()).toBeUndefined()
    kafka.resume()
  }
})

/** Records of both exchanges are in the log, so their schemas are in the registry. */
async function hasDelivered(feed: ServiceProcess | undefined): Promise<boolean> {
  const samples = [...((await feed?.metrics()) ?? [])]
  return samples.filter(([name, value]) => name.startsWith('assay_feed_records_total') && value > 0).length === 2
}
