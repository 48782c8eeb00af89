import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { needs } from '../real-parts/real-parts.js'
import { query } from '../support/tables.js'
import { eventually } from './support/eventually.js'
import { embeddedFigures, figuresOf, type Load, produce } from './support/load.js'
import { judge, RealParts, untilCandles, untilCaughtUp } from './support/real-lake.js'
import type { ServiceProcess } from './support/service-process.js'

const LAYERS = ['bronze', 'silver', 'gold', 'candles'] as const
const LOAD: Load = { count: 12_000, seed: 9, partitions: 4, rate: 400 }
/** After so long without a heartbeat the group gives a member's lanes to others. */
const SESSION_MS = 10_000
const FROZEN_MS = SESSION_MS + 4_000
const ALL_LANES = /: 0, 1, 2, 3$/

describe.skipIf(!(await needs('kafka', 's3', 'registry')))('several workers of a layer, as processes', () => {
  let parts: RealParts
  beforeAll(async () => {
    parts = await RealParts.start()
  })
  afterEach(() => parts?.afterEach())
  afterAll(() => parts?.stop())

  it('A2 T1 W1 W2, failures 4 and 5: two of each layer, one of each frozen past its session while trades come', async () => {
    const env = parts.environment('two-of-each')
    const frozen = LAYERS.map((layer) => parts.service(layer, env))
    const others = LAYERS.map((layer) => parts.service(layer, env))
    const services = [...frozen, ...others]
    const lake = await parts.open(env)
    const goldRows = async () => Number((await query(lake, 'SELECT count(*) AS n FROM gold_crypto_trades'))[0]?.n)
    await Promise.all(services.map((service) => service.untilReadiness(200)))
    const producing = produce(lake, LOAD)
    for (const service of services.filter((_, i) => i % LAYERS.length < 2))
      await service.untilLogged(/^lanes of .* that are ours: \d/)
    await eventually(
      'gold has rows',
      async () => (await goldRows()) > 0,
      60_000,
      () => tellAll(services),
    )

    for (const service of frozen) service.pause()
    const before = await goldRows()
    await sleep(FROZEN_MS)
    // Whoever is left has taken over every lane, and gold goes on although one of its workers hangs.
    for (const [i, service] of others.entries()) if (i < 2) await service.untilLogged(ALL_LANES)
    await eventually(
      'gold goes on',
      async () => (await goldRows()) > before,
      60_000,
      () => tellAll(others),
    )
    for (const service of frozen) service.resume()

    await producing
    await untilCaughtUp(lake, () => services)
    await untilCandles(lake, () => services)
    for (const service of frozen.slice(0, 2))
      expect(service.logged(/^no lane of .* is ours/).length, service.tell()).toBeGreaterThan(0)
    await Promise.all(services.map((service) => service.stop()))
    await judge(lake)
    expect(await figuresOf(lake)).toEqual(await embeddedFigures(LOAD))
  })
})

function tellAll(services: readonly ServiceProcess[]): string {
  return services.map((service) => service.tell()).join('\n')
}
