import { readFileSync } from 'node:fs'
import { exchangeNamed, type SimulationTally } from '@assay/exchanges'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { needs } from '../real-parts/real-parts.js'
import { query } from '../support/tables.js'
import { compareWithSpark } from './foreign-spark.js'
import { eventually } from './support/eventually.js'
import { embeddedFigures, type Figures, figuresOf, type Load, produce } from './support/load.js'
import { judge, RealParts, untilCaughtUp } from './support/real-lake.js'
import { sparkOnBucket, sparkS3Parts } from './support/spark-s3.js'

const LAYERS = ['bronze', 'silver', 'gold'] as const
const LOAD: Load = { count: 10_000, seed: 71, partitions: 4, samples: true }
const SENT = 50
const TOKEN = 'a-token-of-some-length'
const spark = await sparkS3Parts()

describe.skipIf(!(await needs('kafka', 's3', 'registry')))('the services on Kafka, S3 and a registry', () => {
  let parts: RealParts
  beforeAll(async () => {
    parts = await RealParts.start()
  })
  afterEach(() => parts?.afterEach())
  afterAll(() => parts?.stop())

  it('A1 A3 A7: come to the numbers of the embedded parts', async () => {
    const env = parts.environment('numbers')
    const services = LAYERS.map((layer) => parts.service(layer, env))
    const lake = await parts.open(env)
    const tallies = await produce(lake, LOAD)
    await Promise.all(services.map((service) => service.untilReadiness(200)))
    await untilCaughtUp(lake, () => services)
    await Promise.all(services.map((service) => service.stop()))
    await judge(lake)
    const figures = await figuresOf(lake)
    expect(figures).toEqual(await embeddedFigures(LOAD))
    const { duplicates, dead_letters } = figures
    expect({ duplicates, dead_letters }).toEqual(told([...tallies.values()]))
  })

  it.skipIf(!spark)('A4: Spark reads every table and column in the bucket as we do', async () => {
    if (!spark) return
    const lake = await parts.open(parts.environment('numbers'))
    const session = sparkOnBucket(spark, parts.s3, lake.location)
    try {
      const counts = await compareWithSpark(lake, session)
      expect(counts.gold_crypto_trades).toBeGreaterThan(2 * LOAD.count * 0.9)
    } finally {
      await session.close()
    }
  })

  it('the feed simulates, takes events from those who show a token, and is measured', async () => {
    const env = parts.environment('feed')
    const settings = { ASSAY_FEED: 'simulated', ASSAY_FEED_RATE: '200', ASSAY_INGEST_TOKENS: TOKEN }
    const feed = parts.service('feed', { ...env, ...settings })
    const layers = LAYERS.map((layer) => parts.service(layer, env))
    const services = [feed, ...layers]
    const lake = await parts.open(env)
    await Promise.all(services.map((service) => service.untilReadiness(200)))

    // Events that are sent happen now, as the feed's own do.
    const [sample] = exchangeNamed('binance').samples
    const recorded = readFileSync(sample as URL, 'utf8')
      .split('\n')
      .slice(0, SENT)
      .join('\n')
    const lines = recorded.replace(/"([ET])":\d+/g, `"$1":${Date.now()}`)
    const post = (token: string, body: string) =>
      fetch(`${feed.url}/v1/events/binance`, {
        method: 'POST',
        headers: { authorization: `Bearer ${token}`, 'content-type': 'application/x-ndjson' },
        body,
      })
    expect((await post('another-token-altogether', lines)).status).toBe(401)
    const taken = await post(TOKEN, `${lines}\n{"e":"trade"}`)
    expect([taken.status, await taken.json()]).toEqual([202, expect.anything()])

    // The simulation numbers its trades by the clock, the exchange has not come that far.
    const gold = `SELECT count(*) FILTER (source_sequence < 1e15) AS sent,
      count(*) FILTER (source_sequence > 1e15) AS simulated FROM gold_crypto_trades WHERE exchange ILIKE 'binance'`
    await eventually(
      'the events sent are in gold, beside simulated ones',
      async () => {
        const [row] = await query(lake, gold)
        if (row?.sent === BigInt(SENT) && Number(row.simulated) > 1_000) return true
        throw new Error(`${row?.sent} sent, ${row?.simulated} simulated`)
      },
      120_000,
      () => services.map((service) => service.tell()).join('\n'),
    )
    for (const service of services) {
      const samples = await service.metrics()
      const ours = [...samples.keys()].filter((name) => name.startsWith('assay_'))
      expect(ours.length, `metrics of ${service.tell()}`).toBeGreaterThan(3)
    }
    await feed.stop()
    await untilCaughtUp(lake, () => services)
    await Promise.all(layers.map((service) => service.stop()))
    await judge(lake)
  })
})

/** What the simulation says that it put in; the recorded trades are all valid, and each is there once. */
function told(tallies: readonly SimulationTally[]): Pick<Figures, 'duplicates' | 'dead_letters'> {
  const dead_letters: Record<string, number> = {}
  for (const { invalid } of tallies)
    for (const [reason, count] of Object.entries(invalid)) dead_letters[reason] = (dead_letters[reason] ?? 0) + count
  return { duplicates: tallies.reduce((sum, { duplicates }) => sum + duplicates, 0), dead_letters }
}
