import { randomUUID } from 'node:crypto'
import { type Position, position } from '@assay/core'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type EventLog, partitionOf, type ReadResult } from '../src/index.js'
import { ALL, encodeHeaders, numbered, readAll, seen, type TestRecord, toBatch } from './records.js'

const RECORD_BYTES_MAX = 1024 * 1024

function records(result: ReadResult): Extract<ReadResult, { kind: 'records' }> {
  if (result.kind !== 'records') throw new Error(`${result.kind}: the log ends at ${result.end}`)
  return result
}

/**
 * What every event log must do. `open` gives a log that takes records of 1 MiB; it may hold other topics already.
 */
export function eventLogContract(name: string, open: () => Promise<EventLog>): void {
  describe(`event log: ${name}`, () => {
    let log: EventLog
    beforeAll(async () => {
      log = await open()
    })
    afterAll(() => log.close())

    async function freshTopic(partitions = 1): Promise<string> {
      const topic = `contract-${randomUUID()}`
      await log.ensureTopic(topic, partitions)
      return topic
    }

    it('knows the lanes of a topic, empty at first, and none of an unknown one', async () => {
      const topic = await freshTopic(3)
      const lanes = await log.lanes(topic)
      expect(lanes.map(({ lane }) => lane)).toEqual([0, 1, 2].map((partition) => ({ topic, partition })))
      expect(lanes.every(({ start, end }) => start === 0n && end === 0n)).toBe(true)
      expect(new Set(lanes.map(({ topicId }) => topicId)).size).toBe(1)
      expect(lanes[0]?.topicId).toMatch(/./)
      expect(await log.lanes('contract-no-such-topic')).toEqual([])
    })

    it('keeps an existing topic, whatever partition count is asked for', async () => {
      const topic = await freshTopic(2)
      const before = await log.lanes(topic)
      await log.produce(topic, toBatch([{ key: 'k', value: 'v' }]))
      await log.ensureTopic(topic, 5)
      const after = await log.lanes(topic)
      expect(after).toHaveLength(2)
      expect(after[0]?.topicId).toBe(before[0]?.topicId)
      expect(after.reduce((sum, { end }) => sum + end, 0n)).toBe(1n)
    })

    it('makes a topic once when many ask for it at the same time', async () => {
      const topic = `contract-${randomUUID()}`
      await Promise.all(Array.from({ length: 8 }, (_, i) => log.ensureTopic(topic, i + 1)))
      const first = await log.lanes(topic)
      expect(first.length).toBeGreaterThan(0)
      expect(await log.lanes(topic)).toEqual(first)
    })

    it('refuses names that can be no topic', async () => {
      for (const topic of ['', '.', '..', 'a/b', '../x', 'ü', 'x'.repeat(250)]) {
        await expect(log.ensureTopic(topic, 1)).rejects.toMatchObject({ code: 'bad_topic' })
        expect(await log.lanes(topic)).toEqual([])
      }
      await expect(log.ensureTopic('contract-none', 0)).rejects.toMatchObject({ code: 'bad_topic' })
    })

    it('says that a topic or lane is unknown', async () => {
      const topic = await freshTopic(2)
      await expect(log.produce('contract-none', numbered('x', 1))).rejects.toMatchObject({ code: 'unknown_topic' })
      for (const lane of [
        { topic: 'contract-none', partition: 0 },
        { topic, partition: 2 },
        { topic, partition: -1 },
      ]) {
        await expect(log.read(lane, position(0), ALL)).rejects.toMatchObject({ code: 'unknown_lane' })
      }
    })

    it('B1: gives back values, keys, headers and nulls byte for byte', async () => {
      const topic = await freshTopic()
      const lane = { topic, partition: 0 }
      const bytes = fc.string({ unit: fc.integer({ min: 0, max: 255 }).map((c) => String.fromCharCode(c)) })
      const text = fc.option(bytes)
      const headers = fc.option(fc.array(fc.tuple(bytes, text), { minLength: 1, maxLength: 3 }).map(encodeHeaders))
      const record = fc.record({ key: text, value: text, headers })
      await fc.assert(
        fc.asyncProperty(fc.array(record, { minLength: 1, maxLength: 30 }), async (batch) => {
          const [range] = await log.produce(topic, toBatch(batch))
          const found = await readAll(log, lane, range?.from)
          expect(found.map(({ key, value }) => ({ key: key ?? null, value: value ?? null }))).toEqual(
            batch.map(({ key, value }) => ({ key, value })),
          )
          expect(found.map(({ headers }) => headers ?? null)).toEqual(
            batch.some(({ headers }) => headers) ? batch.map(({ headers }) => headers) : batch.map(() => null),
          )
        }),
        { numRuns: 40 },
      )
    })

    it('B4: keeps any timestamp: none, the year 200000, the ends of int64', async () => {
      const topic = await freshTopic()
      const times = [-1n, 0n, 6_249_223_700_000_000n, 2n ** 63n - 1n, -(2n ** 63n), 1_700_000_000_123n]
      await log.produce(topic, toBatch(times.map((timestamp_ms) => ({ value: 'v', timestamp_ms }))))
      const found = await readAll(log, { topic, partition: 0 })
      expect(found.map(({ timestamp_ms }) => timestamp_ms)).toEqual(times)
    })

    it('B2: numbers records from 0 without holes, in the order given, and says which offsets a call got', async () => {
      const topic = await freshTopic()
      const ranges = []
      for (let i = 0; i < 5; i += 1) ranges.push(...(await log.produce(topic, numbered(`c${i}-`, i + 1))))
      expect(ranges.map(({ from, to }) => [from, to])).toEqual([
        [0n, 1n],
        [1n, 3n],
        [3n, 6n],
        [6n, 10n],
        [10n, 15n],
      ])
      const found = await readAll(log, { topic, partition: 0 })
      expect(found.map(({ offset }) => offset)).toEqual(Array.from({ length: 15 }, (_, i) => BigInt(i)))
      expect(found.slice(6, 10).map(({ value }) => value)).toEqual(['c3-0', 'c3-1', 'c3-2', 'c3-3'])
    })

    it('takes a call without records for nothing', async () => {
      const topic = await freshTopic()
      expect(await log.produce(topic, numbered('x', 0))).toEqual([])
      expect((await log.lanes(topic))[0]?.end).toBe(0n)
    })

    it('puts each record in the partition of its key, in order', async () => {
      const topic = await freshTopic(4)
      const batch: TestRecord[] = Array.from({ length: 200 }, (_, i) => ({ key: `key${i % 23}`, value: `v${i}` }))
      const ranges = await log.produce(topic, toBatch(batch))
      for (let partition = 0; partition < 4; partition += 1) {
        const expected = batch.filter(({ key }) => partitionOf(Buffer.from(key ?? ''), 4) === partition)
        const found = await readAll(log, { topic, partition })
        expect(found.map(({ value }) => value)).toEqual(expected.map(({ value }) => value))
        const range = ranges.find(({ lane }) => lane.partition === partition)
        expect(range ? range.to - range.from : 0n).toBe(BigInt(expected.length))
      }
    })

    it('keeps the keyless records of a call together, and uses all partitions in turn', async () => {
      const topic = await freshTopic(3)
      const used = new Set<number>()
      for (let i = 0; i < 60 && used.size < 3; i += 1) {
        const ranges = await log.produce(topic, numbered('v', 10))
        expect(ranges).toHaveLength(1)
        used.add(ranges[0]?.lane.partition ?? -1)
      }
      expect(used).toEqual(new Set([0, 1, 2]))
    })

    it('reads from any position, also inside of what was produced together', async () => {
      const topic = await freshTopic()
      const lane = { topic, partition: 0 }
      await log.produce(topic, numbered('a', 40))
      await log.produce(topic, numbered('b', 3))
      for (let from = 0; from <= 43; from += 1) {
        const result = records(await log.read(lane, position(from), ALL))
        expect(result.next).toBe(43n)
        expect(result.end).toBe(43n)
        expect(seen(result.batches).map(({ offset }) => offset)).toEqual(
          Array.from({ length: 43 - from }, (_, i) => BigInt(from + i)),
        )
        expect(result.batches.every((batch) => batch.lane.topic === topic && batch.next > 0n)).toBe(true)
      }
    })

    it('A6: stops at the limits of records and bytes, but gives one record at least', async () => {
      const topic = await freshTopic()
      const lane = { topic, partition: 0 }
      const sizes = [10, 10, 50, 2000, 10, 10, 10]
      await log.produce(topic, toBatch(sizes.map((size, i) => ({ key: 'kk', value: `${i}`.repeat(size) }))))
      const taken = async (from: number, maxBytes: number, maxRecords: number): Promise<number> => {
        const result = records(await log.read(lane, position(from), { maxBytes, maxRecords }))
        const count = seen(result.batches).length
        expect(result.next).toBe(BigInt(from + count))
        expect(result.end).toBe(7n)
        return count
      }
      expect(await taken(0, 1e6, 3)).toBe(3)
      expect(await taken(0, 24, 100)).toBe(2)
      expect(await taken(0, 23, 100)).toBe(1)
      expect(await taken(0, 1, 100)).toBe(1)
      expect(await taken(3, 100, 100)).toBe(1)
      expect(await taken(3, 2002 + 12, 100)).toBe(2)
      expect(await taken(4, 36, 100)).toBe(3)
    })

    it('gives the same records whatever the size of the reads', async () => {
      const topic = await freshTopic()
      const lane = { topic, partition: 0 }
      for (let i = 0; i < 20; i += 1) await log.produce(topic, numbered(`${i}-`, 1 + ((i * 37) % 90)))
      const whole = await readAll(log, lane)
      const limits = fc.record({
        maxBytes: fc.integer({ min: 40, max: 400 }),
        maxRecords: fc.integer({ min: 8, max: 70 }),
      })
      await fc.assert(
        fc.asyncProperty(limits, async (limit) => {
          expect(await readAll(log, lane, position(0), limit)).toEqual(whole)
        }),
        { numRuns: 8 },
      )
    })

    it('B3: says what it holds when a position is outside of it', async () => {
      const topic = await freshTopic()
      const lane = { topic, partition: 0 }
      expect(await log.read(lane, position(1), ALL)).toEqual({ kind: 'out_of_range', start: 0n, end: 0n })
      await log.produce(topic, numbered('v', 3))
      expect(await log.read(lane, position(4), ALL)).toEqual({ kind: 'out_of_range', start: 0n, end: 3n })
      const atEnd = records(await log.read(lane, position(3), ALL))
      expect(atEnd).toMatchObject({ kind: 'records', batches: [], next: 3n, end: 3n })
    })

    it('failure 15: refuses a record that is too large before it writes anything of the call', async () => {
      const topic = await freshTopic(2)
      const batch = toBatch([{ value: 'small' }, { value: 'x'.repeat(RECORD_BYTES_MAX + 1) }, { value: 'small' }])
      await expect(log.produce(topic, batch)).rejects.toMatchObject({ code: 'record_too_large', retryable: false })
      expect((await log.lanes(topic)).map(({ end }) => end)).toEqual([0n, 0n])
    })

    it('A6: takes a record of exactly the limit: key, value and headers together', async () => {
      const topic = await freshTopic()
      const headers = encodeHeaders([['h', 'x'.repeat(100)]])
      const key = 'k'.repeat(1_000)
      const value = 'v'.repeat(RECORD_BYTES_MAX - key.length - headers.length)
      const exact: TestRecord[] = [{ value: 'x'.repeat(RECORD_BYTES_MAX) }, { key, value, headers }]
      await log.produce(topic, toBatch(exact))
      const found = await readAll(log, { topic, partition: 0 })
      expect(found.map((record) => [record.key?.length, record.value?.length, record.headers?.length])).toEqual([
        [undefined, RECORD_BYTES_MAX, undefined],
        [key.length, value.length, headers.length],
      ])
      for (const over of [{ value: `${exact[0]?.value}x` }, { key: `${key}k`, value, headers }])
        await expect(log.produce(topic, toBatch([over]))).rejects.toMatchObject({ code: 'record_too_large' })
    })

    it('takes large records and calls', async () => {
      const topic = await freshTopic()
      const values = Array.from({ length: 12 }, (_, i) => `${i % 10}`.repeat(700_000 + i))
      await log.produce(topic, toBatch(values.map((value) => ({ value }))))
      const found = await readAll(log, { topic, partition: 0 }, position(0), { maxBytes: 1_000_000, maxRecords: 5 })
      expect(found.map(({ value }) => value?.length)).toEqual(values.map((value) => value.length))
      expect(found.map(({ value }) => value?.[0])).toEqual(values.map((value) => value[0]))
    })

    it('T15: numbers the records of many calls at once without holes, each call in one piece', async () => {
      const topic = await freshTopic()
      const ranges = await Promise.all(
        Array.from({ length: 60 }, (_, i) => log.produce(topic, numbered(`call${i}-`, 1 + (i % 7)))),
      )
      const found = await readAll(log, { topic, partition: 0 })
      expect(found.map(({ offset }) => offset)).toEqual(found.map((_, i) => BigInt(i)))
      ranges.forEach(([range], i) => {
        const part = found.slice(Number(range?.from), Number(range?.to))
        expect(part.map(({ value }) => value)).toEqual(Array.from({ length: 1 + (i % 7) }, (_, j) => `call${i}-${j}`))
      })
    })

    describe('waitForRecords', () => {
      const at = (
        topic: string,
        from: number,
        partition = 0,
      ): { lane: { topic: string; partition: number }; position: Position } => ({
        lane: { topic, partition },
        position: position(from),
      })

      it('resolves at once when there are records', async () => {
        const topic = await freshTopic()
        await log.produce(topic, numbered('v', 1))
        await log.waitForRecords([at('contract-none', 0), at(topic, 0)], 60_000)
      })

      it('resolves when records come, in any of the lanes', async () => {
        const topic = await freshTopic(2)
        const wait = log.waitForRecords([at(topic, 0, 0), at(topic, 0, 1)], 60_000)
        await log.produce(topic, numbered('v', 1))
        await wait
      })

      it('resolves when the time is over', async () => {
        const topic = await freshTopic()
        const began = performance.now()
        await log.waitForRecords([at(topic, 0)], 120)
        expect(performance.now() - began).toBeGreaterThan(100)
      })

      it('A7: resolves on abort', async () => {
        const topic = await freshTopic()
        const stop = new AbortController()
        const wait = log.waitForRecords([at(topic, 0)], 60_000, stop.signal)
        setTimeout(() => stop.abort(), 20)
        await wait
        await log.waitForRecords([at(topic, 0)], 60_000, stop.signal)
      })

      it('misses nothing when a reader and a producer race', async () => {
        const topic = await freshTopic()
        const lane = { topic, partition: 0 }
        const total = 60
        const produce = async (): Promise<void> => {
          for (let i = 0; i < total; i += 1) await log.produce(topic, numbered(`${i}-`, 1))
        }
        const read = async (): Promise<number> => {
          let next = position(0)
          let rounds = 0
          while (next < BigInt(total) && rounds < 5000) {
            rounds += 1
            await log.waitForRecords([{ lane, position: next }], 10_000)
            next = records(await log.read(lane, next, ALL)).next
          }
          return Number(next)
        }
        const [, reached] = await Promise.all([produce(), read()])
        expect(reached).toBe(total)
      })
    })

    it('A7: ends waiting when it is closed, and refuses to go on', async () => {
      const other = await open()
      const topic = `contract-${randomUUID()}`
      await other.ensureTopic(topic, 1)
      const wait = other.waitForRecords([{ lane: { topic, partition: 0 }, position: position(0) }], 60_000)
      const produced = other.produce(topic, numbered('v', 5))
      await other.close()
      await wait
      expect(await produced).toHaveLength(1)
      await expect(other.produce(topic, numbered('v', 1))).rejects.toMatchObject({ code: 'log_closed' })
      await expect(other.lanes(topic)).rejects.toMatchObject({ code: 'log_closed' })
    })
  })
}
