import { rowBytes } from '@assay/core'
import { exchangeNamed } from '@assay/exchanges'
import { describe, expect, test } from 'vitest'
import { memoryTarget, recordsOf, SleepingClock, valuesOf } from '../../../tests/support/parts.js'
import { simulateFeed } from '../src/index.js'
import type { SimulatedFeedOptions } from '../src/simulated-feed.js'

const kraken = exchangeNamed('kraken')

function options(more: Partial<SimulatedFeedOptions> = {}): SimulatedFeedOptions {
  return {
    exchange: kraken,
    count: 12_000,
    seed: 5,
    duplicates: 0.1,
    invalid: 0.05,
    partitions: 1,
    signal: new AbortController().signal,
    onProgress: () => undefined,
    ...more,
  }
}

describe('a simulated feed', () => {
  test('is the same for the same seed, and another for another', async () => {
    const runs: string[][] = []
    for (const seed of [5, 5, 6]) {
      const target = memoryTarget(new SleepingClock())
      await simulateFeed(target, options({ seed }))
      runs.push(valuesOf(await recordsOf(target.log, kraken.topic)))
    }
    expect(runs[0]).toEqual(runs[1])
    expect(runs[0]).not.toEqual(runs[2])
  })

  test('tells exactly what is in the log', async () => {
    const target = memoryTarget(new SleepingClock())
    const report = await simulateFeed(target, options())
    const batches = await recordsOf(target.log, kraken.topic)
    const values = valuesOf(batches)
    expect(report).toMatchObject({ exchange: 'kraken', topic: kraken.topic, partitions: 1, is_complete: true })
    expect(report.produced).toBe(values.length)
    expect(values.filter((value) => value === 'null').length).toBe(report.invalid.value_is_null)
    const sum = (counts: Readonly<Record<string, number>>): number => Object.values(counts).reduce((a, b) => a + b, 0)
    expect(report.valid + sum(report.invalid)).toBe(report.produced)
    expect(sum(report.by_symbol)).toBe(report.valid - report.duplicates)
    expect(report.duplicates).toBeGreaterThan(1_000)
  })

  test('tells the partitions that the topic has, and keeps a symbol in one of them', async () => {
    const target = memoryTarget(new SleepingClock())
    const report = await simulateFeed(target, options({ partitions: 3, invalid: 0 }))
    expect(report.partitions).toBe(3)
    expect(await simulateFeed(target, options({ partitions: 8 }))).toMatchObject({ partitions: 3 })
    const places = new Map<string, Set<number>>()
    for (const partition of [0, 1, 2]) {
      for (const batch of await recordsOf(target.log, kraken.topic, partition)) {
        for (let i = 0; i < batch.count; i++) {
          const key = Buffer.from(rowBytes(batch.keys, i) ?? []).toString()
          places.set(key, (places.get(key) ?? new Set()).add(partition))
        }
      }
    }
    expect(places.size).toBe(kraken.simulated.symbols.length)
    for (const partitions of places.values()) expect(partitions.size).toBe(1)
  })

  test('sends nothing during a stall when it keeps a rate, and waits for none without', async () => {
    const stall = { from_ms: 3_000, duration_ms: 60_000 }
    for (const [rate, earlier] of [
      [100, 300],
      // Kraken's usual 75 a second of event time.
      [undefined, 225],
    ] as const) {
      const clock = new SleepingClock()
      const started_ms = clock.now
      const times = new Map<number, number>()
      const onProgress = (produced: number): number => times.set(produced, clock.now - started_ms).size
      const count = 1_000
      const more = rate === undefined ? {} : { rate }
      await simulateFeed(memoryTarget(clock), options({ count, duplicates: 0, invalid: 0, stall, onProgress, ...more }))
      // The records before 3 s and those from then on, whichever batches they come in.
      const seen = [...times].map(([produced, time_ms]) => ({ produced, time_ms }))
      const [before, after] = [
        seen.findLast(({ produced }) => produced <= earlier),
        seen.find((one) => one.produced > earlier),
      ]
      const wanted_ms = rate === undefined ? [0, 0, 0] : [2_800, 63_000, 69_800]
      expect([before?.produced, before?.time_ms, after?.time_ms, times.get(count)]).toEqual([earlier, ...wanted_ms])
    }
  })

  test('begins at the time that it is told', async () => {
    const target = memoryTarget(new SleepingClock())
    await simulateFeed(target, options({ count: 10, startTime_ms: Date.UTC(2024, 1, 29), invalid: 0 }))
    const [batch] = await recordsOf(target.log, kraken.topic)
    expect(batch?.timestamps_ms[0]).toBe(BigInt(Date.UTC(2024, 1, 29)))
  })

  test('A7: an abort ends it between two batches, and the tally tells of no more than that', async () => {
    const clock = new SleepingClock()
    const target = memoryTarget(clock)
    const stop = new AbortController()
    clock.at = { time_ms: clock.now + 3_000, act: () => stop.abort() }
    const report = await simulateFeed(target, options({ rate: 100, signal: stop.signal }))
    expect(report.is_complete).toBe(false)
    expect(report.produced).toBeGreaterThan(200)
    expect(report.produced).toBeLessThan(400)
    const [status] = await target.log.lanes(kraken.topic)
    expect(status?.end).toBe(BigInt(report.produced))
  })
})
