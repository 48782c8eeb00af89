import { compileColumnDecoder, decodedField, newDecodedColumns } from '@assay/avro'
import { OutageError, rowBytes } from '@assay/core'
import { exchangeNamed } from '@assay/exchanges'
import { WIRE_HEADER_BYTES } from '@assay/schema-registry'
import { describe, expect, test } from 'vitest'
import { memoryTarget, recordsOf, SleepingClock } from '../../../tests/support/parts.js'
import { type FeedEvent, runFeed } from '../src/index.js'
import type { SimulatedLoad } from '../src/run-feed.js'

const binance = exchangeNamed('binance')
const kraken = exchangeNamed('kraken')

async function feedFor(
  target: ReturnType<typeof memoryTarget>,
  clock: SleepingClock,
  duration_ms: number,
  mode: 'simulated' | 'sample_then_simulated' = 'simulated',
  load: SimulatedLoad = {},
): Promise<FeedEvent[]> {
  const stop = new AbortController()
  const events: FeedEvent[] = []
  clock.at = { time_ms: clock.now + duration_ms, act: () => stop.abort() }
  const one = { ...target, exchanges: [binance] }
  await runFeed(one, mode, (event) => events.push(event), stop.signal, load)
  return events
}

/** Symbol and trade id of all records that are Binance trades. */
async function tradeIds(target: ReturnType<typeof memoryTarget>): Promise<string[]> {
  const decoder = compileColumnDecoder(binance.schema, binance.schema)
  const ids: string[] = []
  for (const { keys, values, count } of await recordsOf(target.log, binance.topic)) {
    const decoded = newDecodedColumns(binance.schema, values.data, count)
    const { data } = decodedField(decoded, 'trade_id', 'long')
    for (let i = 0; i < count; i++) {
      const body = (values.offsets[i] as number) + WIRE_HEADER_BYTES
      const end = values.offsets[i + 1] as number
      if (body < end && decoder.decode(values.data, body, end, i, decoded)) ids.push(`${rowBytes(keys, i)} ${data[i]}`)
    }
  }
  return ids
}

describe('the feed of a running lake', () => {
  test('fills an empty log with all recorded trades, once', async () => {
    const target = memoryTarget(new SleepingClock())
    const { signal } = new AbortController()
    const ends = async (): Promise<(bigint | undefined)[]> => {
      await runFeed(target, 'sample', () => undefined, signal)
      return Promise.all([binance, kraken].map(async ({ topic }) => (await target.log.lanes(topic))[0]?.end))
    }
    expect(await ends()).toEqual([3001n, 1000n])
    expect(await ends()).toEqual([3001n, 1000n])
  })

  test('goes on with simulated trades at the usual rate, none before it happened', async () => {
    const clock = new SleepingClock()
    const target = memoryTarget(clock)
    const started_ms = clock.now
    await feedFor(target, clock, 10_000, 'sample_then_simulated')
    const batches = await recordsOf(target.log, binance.topic)
    const times = batches.flatMap((batch) => [...batch.timestamps_ms].slice(0, batch.count)).slice(3001)
    expect(times.length).toBeGreaterThan(7_000)
    expect(times.length).toBeLessThanOrEqual(7_500)
    expect(Number(times[0])).toBeGreaterThanOrEqual(started_ms)
    expect(Number(times.at(-1))).toBeLessThanOrEqual(clock.now)
  })

  test('G1: after a restart new trades have new ids', async () => {
    const clock = new SleepingClock()
    const target = memoryTarget(clock)
    await feedFor(target, clock, 5_000)
    const before = await tradeIds(target)
    await feedFor(target, clock, 5_000)
    const after = (await tradeIds(target)).slice(before.length)
    expect(before.length).toBeGreaterThan(3_000)
    expect(after.length).toBeGreaterThan(3_000)
    const ids = new Set(before)
    expect(after.filter((id) => ids.has(id))).toEqual([])
  })

  test('G1: a load has its own rate, with bursts in it, and new ids all the way', async () => {
    const clock = new SleepingClock()
    const target = memoryTarget(clock)
    const load = { rate: 100, skew: 0, burst: { factor: 10, every_seconds: 5 } }
    await feedFor(target, clock, 11_000, 'simulated', load)
    const seconds = new Map<number, number>()
    for (const { timestamps_ms, count } of await recordsOf(target.log, binance.topic)) {
      for (const at of timestamps_ms.subarray(0, count)) {
        const second = Math.floor(Number(at) / 1000)
        seconds.set(second, (seconds.get(second) ?? 0) + 1)
      }
    }
    const counts = [...seconds.values()]
    expect(counts.filter((count) => count > 800)).toHaveLength(2)
    expect(counts.filter((count) => count >= 90 && count <= 220).length).toBeGreaterThanOrEqual(7)
    const ids = await tradeIds(target)
    expect(ids.length - new Set(ids).size).toBeLessThan(ids.length * 0.03)
  })

  test('waits out an outage of the log, and goes on', async () => {
    const clock = new SleepingClock()
    const target = memoryTarget(clock)
    const produce = target.log.produce.bind(target.log)
    let calls = 0
    target.log.produce = (topic, batch) => {
      calls++
      if (calls === 3) throw new OutageError('log_unavailable', 'the log is away')
      return produce(topic, batch)
    }
    const events = await feedFor(target, clock, 10_000)
    const kinds = events.map(({ kind }) => kind).filter((kind) => kind !== 'progress')
    expect(kinds).toEqual(['simulating', 'outage', 'simulating'])
    const [status] = await target.log.lanes(binance.topic)
    expect(Number(status?.end)).toBeGreaterThan(5_000)
  })

  test('after the machine has slept it feeds the present, not the hours that it missed', async () => {
    const clock = new SleepingClock()
    const target = memoryTarget(clock)
    const produce = target.log.produce.bind(target.log)
    let calls = 0
    target.log.produce = (topic, batch) => {
      calls++
      if (calls === 5) clock.now += 3_600_000
      return produce(topic, batch)
    }
    await feedFor(target, clock, 3_605_000)
    const [status] = await target.log.lanes(binance.topic)
    expect(Number(status?.end)).toBeLessThan(10_000)
    expect(Number(status?.end)).toBeGreaterThan(3_000)
  })
})
