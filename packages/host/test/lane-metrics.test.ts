import { OutageError } from '@assay/core'
import { bronzeLayer, silverLayer } from '@assay/medallion'
import { Registry } from 'prom-client'
import { describe, expect, test } from 'vitest'
import { binance, type MemoryLake, memoryLake } from '../../../tests/support/memory-lake.js'
import { binanceRecord, keyFor, produce, registerSchema } from '../../../tests/support/records.js'
import { VirtualClock } from '../../../tests/support/virtual-clock.js'
import { LaneMetrics } from '../src/metrics/lane-metrics.js'

/** Waits on it end when they are called off: what is read here is read in time. */
class StandingClock extends VirtualClock {
  override sleep(_ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve) => signal?.addEventListener('abort', () => resolve()))
  }
}

/** So many records in each partition. */
async function load(lake: MemoryLake, counts: readonly number[]): Promise<void> {
  const id = await registerSchema(lake, binance)
  for (const [partition, count] of counts.entries()) {
    const records = Array.from({ length: count }, (_, i) =>
      binanceRecord(binance, id, { trade_id: i }, { key: keyFor(partition, counts.length) }),
    )
    await produce(lake, binance, records, counts.length)
  }
}

/** Samples by `name{partition}`. */
async function samples(registry: Registry): Promise<Record<string, number>> {
  const all = await registry.getMetricsAsJSON()
  return Object.fromEntries(
    all.flatMap(({ name, values }) =>
      values.map(({ labels, value }) => [
        `${name.replace('assay_bronze_', '')}${labels.partition === undefined ? '' : `{${labels.partition}}`}`,
        value,
      ]),
    ),
  )
}

describe('the lanes as metrics', () => {
  test('the lag of every lane has the size of its backlog, in records and in seconds', async () => {
    const lake = memoryLake({ clock: new StandingClock() })
    const registry = new Registry()
    const metrics = new LaneMetrics(registry, bronzeLayer, lake.clock)
    await load(lake, [0, 0, 0])
    await metrics.refresh(lake)
    await load(lake, [3, 0, 5])
    lake.clock.advance(2_000)
    await metrics.refresh(lake)
    lake.clock.advance(4_000)
    await metrics.refresh(lake)
    expect(await samples(registry)).toEqual({
      status_up: 1,
      stopped_lanes: 0,
      'lag_records{0}': 3,
      'lag_records{1}': 0,
      'lag_records{2}': 5,
      // Seen for the first time four seconds ago.
      'lag_seconds{0}': 4,
      'lag_seconds{1}': 0,
      'lag_seconds{2}': 4,
      'position{0}': 0,
      'position{1}': 0,
      'position{2}': 0,
    })
  })

  test('A8: status_up is 0 while the lanes can’t be read, and nothing old is shown in their place', async () => {
    const lake = memoryLake({ clock: new StandingClock() })
    const registry = new Registry()
    const metrics = new LaneMetrics(registry, bronzeLayer, lake.clock)
    await load(lake, [2])
    let isAway = false
    const lanes = lake.log.lanes.bind(lake.log)
    lake.log.lanes = async (topic) => {
      if (isAway) throw new OutageError('log_unavailable', 'the log is away')
      return lanes(topic)
    }
    for (const away of [false, true, false, true]) {
      isAway = away
      lake.clock.advance(2_000)
      await metrics.refresh(lake)
      const shown = await samples(registry)
      expect(shown.status_up).toBe(away ? 0 : 1)
      expect(Object.keys(shown).length > 1).toBe(!away)
    }
  })

  test('status_up is 0 before there is a lake, and where reading it takes too long', async () => {
    const clock = new VirtualClock()
    const registry = new Registry()
    const metrics = new LaneMetrics(registry, silverLayer, clock)
    const up = async () => (await registry.getSingleMetric('assay_silver_status_up')?.get())?.values[0]?.value
    await metrics.refresh(undefined)
    expect(await up()).toBe(0)
    const lake = memoryLake({ clock })
    lake.log.lanes = () => new Promise(() => undefined)
    clock.advance(2_000)
    await metrics.refresh(lake)
    expect(await up()).toBe(0)
  })

  test('scrapes that come together share a reading', async () => {
    const lake = memoryLake({ clock: new StandingClock() })
    await load(lake, [1])
    const metrics = new LaneMetrics(new Registry(), bronzeLayer, lake.clock)
    let reads = 0
    const lanes = lake.log.lanes.bind(lake.log)
    lake.log.lanes = async (topic) => {
      reads += 1
      return lanes(topic)
    }
    await Promise.all([metrics.refresh(lake), metrics.refresh(lake)])
    const once = reads
    lake.clock.advance(1_000)
    await metrics.refresh(lake)
    expect(reads).toBe(once)
    lake.clock.advance(1)
    await metrics.refresh(lake)
    expect(reads).toBe(2 * once)
  })
})
