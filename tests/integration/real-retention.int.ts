import { exchangeNamed } from '@assay/exchanges'
import { statusReport } from '@assay/lake'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { needs } from '../real-parts/real-parts.js'
import { query } from '../support/tables.js'
import { assay } from './support/assay.js'
import { eventually } from './support/eventually.js'
import { type Load, produce } from './support/load.js'
import { type Environment, judge, RealParts, untilCaughtUp } from './support/real-lake.js'

const LAYERS = ['bronze', 'silver', 'gold', 'candles'] as const
const LOAD: Load = { count: 4_000, seed: 3, partitions: 2 }
const { topic } = exchangeNamed('binance')

interface Stopped {
  readonly lane: string
  readonly reason: string
  readonly from: number
  readonly to: number
  readonly next_step: string
}

/** What `assay status` says of stopped lanes: it exits 1 because of them. */
async function stopsIn(env: Environment): Promise<readonly Stopped[]> {
  const { code, stdout, stderr } = await assay(['status', '--json'], env)
  expect(code, stderr).toBe(1)
  return (JSON.parse(stdout) as { stopped: readonly Stopped[] }).stopped
}

/** Runs the command that the status told, as an operator would, with a note of their own. */
async function follow(nextStep: string, env: Environment): Promise<void> {
  const [program, ...words] = nextStep.match(/"[^"]*"|\S+/g) ?? []
  expect(program).toBe('assay')
  const args = words.map((word) => word.replace(/^"|"$/g, ''))
  const note = args.indexOf('--note')
  const asked = note < 0 ? [...args, '--note', 'as the runbook says'] : args.with(note + 1, 'as the runbook says')
  const { code, stderr } = await assay(asked, env)
  expect(code, stderr).toBe(0)
}

describe.skipIf(!(await needs('kafka', 's3', 'registry')))('a log that loses what was not read yet', () => {
  let parts: RealParts
  beforeAll(async () => {
    parts = await RealParts.start()
  })
  afterEach(() => parts?.afterEach())
  afterAll(() => parts?.stop())

  it('B3, failure 7: retention passes the checkpoint: that lane stops, the others go on, an operator lets it go on', async () => {
    const env = parts.environment('retention')
    const lake = await parts.open(env)
    const services = LAYERS.map((layer) => parts.service(layer, env))
    const bronze = services[0]
    await produce(lake, LOAD)
    await untilCaughtUp(lake, () => services)
    await bronze?.stop()
    const read = (await lake.log.lanes(topic)).map(({ end }) => end)
    const lost = (read[0] ?? 0n) + 10n
    await produce(lake, { ...LOAD, seed: 4 })
    await parts.deleteRecords(topic, 0, lost)

    const again = parts.service('bronze', env)
    await again.untilLogged(/^lane stopped/)
    await untilCaughtUp(lake, () => [again, ...services])
    const [stop, ...others] = await stopsIn(env)
    expect(others).toEqual([])
    expect(stop).toMatchObject({ lane: `${topic}/0`, from: Number(read[0]), to: Number(lost) })
    const gaps = await assay(['gaps', '--json'], env)
    const { ledger } = JSON.parse(gaps.stdout) as { ledger: readonly Record<string, unknown>[] }
    expect(ledger).toMatchObject([
      { topic, partition: 0, from_offset: Number(read[0]), to_offset: Number(lost), accepted_at: null },
    ])
    const held = await query(lake, `SELECT max("offset")::INT AS last FROM bronze_binance_trades WHERE "partition" = 0`)
    expect(held).toEqual([{ last: Number(read[0]) - 1 }])
    const all = { ended: (await lake.log.lanes(topic))[1]?.end }
    const other = await query(
      lake,
      `SELECT max("offset") + 1 AS ended FROM bronze_binance_trades WHERE "partition" = 1`,
    )
    expect(other).toEqual([all])

    await follow(stop?.next_step ?? '', env)
    await eventually(
      'the lane goes on to its end',
      async () =>
        (await statusReport(lake)).lanes.every(({ layer, lag_rows }) => layer === 'candles' || lag_rows === 0n),
      60_000,
      () => again.tell(),
    )
    const status = await assay(['status'], env)
    expect(status.code, status.stdout).toBe(0)
    await Promise.all([again, ...services.slice(1)].map((service) => service.stop()))
    await judge(lake, { logIsWhole: false })
    const bronzeOf0 = `SELECT count(*)::INT AS n, min("offset") FILTER ("offset" >= ${read[0]})::INT AS next,
      max("offset") + 1 AS ended FROM bronze_binance_trades WHERE "partition" = 0`
    const end = (await lake.log.lanes(topic))[0]?.end ?? 0n
    expect(await query(lake, bronzeOf0)).toEqual([{ n: Number(end) - 10, next: Number(lost), ended: end }])
  })

  it('B3, failure 8: a topic deleted and made again stops its lanes, and is read as one of its own by an operator’s word', async () => {
    const env = parts.environment('recreated')
    const lake = await parts.open(env)
    const services = LAYERS.map((layer) => parts.service(layer, env))
    const [bronze] = services
    await produce(lake, LOAD)
    await untilCaughtUp(lake, () => services)
    const rows = () =>
      query(lake, `SELECT topic, count(*)::INT AS n FROM bronze_binance_trades GROUP BY ALL ORDER BY ALL`)
    const before = await rows()
    await parts.deleteTopics([topic])
    await produce(lake, { ...LOAD, seed: 4 })
    await bronze?.untilLogged(/^lane stopped/)
    const stops = await eventually(
      'both lanes have stopped',
      async () => {
        const found = await stopsIn(env)
        return found.length === 2 && found
      },
      60_000,
      () => bronze?.tell() ?? '',
    )
    expect(stops.map(({ reason }) => reason)).toEqual(['topic_recreated', 'topic_recreated'])
    expect(await rows()).toEqual(before)
    for (const { next_step } of stops) await follow(next_step, env)
    await untilCaughtUp(lake, () => services)
    await Promise.all(services.map((service) => service.stop()))
    expect(await rows()).toEqual([...before, { topic: `${topic}@2`, n: LOAD.count }])
    await judge(lake, { logIsWhole: false })
  })
})
