import { laneKey, position } from '@assay/core'
import { MemoryLog, type ReadLimits, type ReadResult } from '@assay/event-log'
import { describe, expect, it } from 'vitest'
import type { LogLane } from '../src/source/log-lanes.js'
import { readLog } from '../src/source/log-source.js'

const lane = { topic: 't', partition: 0 }
const LIMITS = { maxRows: 100, maxBytes: 1e6, maxPartitions: 9 }

/** A log that gives one record a read, and notes the leader epochs that it is asked with. */
class OneByOne extends MemoryLog {
  readonly asked: (number | undefined)[] = []

  override async read(of: typeof lane, from: bigint, limits: ReadLimits, epoch?: number): Promise<ReadResult> {
    this.asked.push(epoch)
    return super.read(of, position(from), { ...limits, maxRecords: 1 }, epoch)
  }
}

async function produce(log: MemoryLog, count: number, topic = 't'): Promise<void> {
  const values = { data: new Uint8Array(count), offsets: Uint32Array.from({ length: count + 1 }, (_, i) => i) }
  const none = { data: new Uint8Array(), offsets: new Uint32Array(count + 1) }
  const timestamps_ms = new BigInt64Array(count).fill(1_700_000_000_000n)
  await log.produce(topic, { count, timestamps_ms, keys: none, values, headers: none })
}

async function laneOf(log: MemoryLog, at: number, epoch?: number): Promise<LogLane> {
  const [status] = await log.lanes('t')
  if (!status) throw new Error('no lane')
  return { lane, key: laneKey(lane), status, position: position(at), ...(epoch !== undefined && { epoch }) }
}

describe('reading lanes of the log', () => {
  it('B3: the leader epoch goes from read to read, and with the position into the checkpoint', async () => {
    const log = new OneByOne()
    await log.ensureTopic('t', 1)
    await produce(log, 3)
    log.truncate(lane, position(2))
    await produce(log, 2)
    const whole = await readLog(log, [await laneOf(log, 0)], LIMITS)
    expect(log.asked).toEqual([undefined, 0, 0, 1])
    expect(whole.positions.get(laneKey(lane))).toEqual({ position: 4n, epoch: 1 })
    // A batch that ends in the earlier epoch has that one's, and the next begins with it.
    const part = await readLog(log, [await laneOf(log, 0)], { ...LIMITS, maxRows: 2 })
    expect(part.positions.get(laneKey(lane))).toEqual({ position: 2n, epoch: 0 })
    log.asked.length = 0
    await readLog(log, [await laneOf(log, 2, 0)], LIMITS)
    expect(log.asked).toEqual([0, 1])
  })

  it('B3: a lane that turns out to be cut in the middle of a batch ends the batch there, and stops with the next', async () => {
    const log = new OneByOne()
    await log.ensureTopic('t', 1)
    await produce(log, 4)
    let reads = 0
    const read = log.read.bind(log)
    log.read = async (...args) => {
      reads += 1
      return reads === 3 ? { kind: 'diverged', end: position(1) } : read(...args)
    }
    const batch = await readLog(log, [await laneOf(log, 0)], LIMITS)
    expect(batch.positions.get(laneKey(lane))).toMatchObject({ position: 2n })
    expect(batch.stops.size).toBe(0)
    reads = 2
    const next = await readLog(log, [await laneOf(log, 2, 0)], LIMITS)
    expect(next.stops.get(laneKey(lane))).toEqual({ reason: 'log_truncated', from: 1n, to: 2n })
    expect(next.positions.size).toBe(0)
  })

  it('A6: lanes share the limits: what one has taken is left to none behind it, and who comes away empty is waited for', async () => {
    const log = new OneByOne()
    await log.ensureTopic('t', 1)
    await produce(log, 9)
    const first = await laneOf(log, 0)
    const second = { ...first, key: laneKey({ topic: 'u', partition: 0 }) }
    const taken = async (limits: Partial<typeof LIMITS>) => {
      const { positions, more } = await readLog(log, [first, second], { ...LIMITS, ...limits })
      return [...[first, second].map(({ key }) => positions.get(key)?.position), more]
    }
    expect(await taken({ maxBytes: 4 })).toEqual([2n, 2n, true])
    expect(await taken({ maxRows: 4 })).toEqual([2n, 2n, true])
    expect(await taken({ maxRows: 1 })).toEqual([1n, undefined, true])
    await log.ensureTopic('u', 1)
    await produce(log, 1, 'u')
    const [status] = await log.lanes('u')
    if (!status) throw new Error('no lane')
    const short = { ...first, status, lane: status.lane, key: laneKey(status.lane) }
    const { positions, more } = await readLog(log, [short, first], { ...LIMITS, maxRows: 1 })
    expect([positions.size, positions.get(short.key)?.position, more]).toEqual([1, 1n, true])
  })

  it('B3: the leader epoch is kept where a read tells none', async () => {
    const log = new OneByOne()
    await log.ensureTopic('t', 1)
    await produce(log, 2)
    const read = log.read.bind(log)
    log.read = async (...args) => {
      const { epoch: _none, ...found } = (await read(...args)) as Extract<ReadResult, { kind: 'records' }>
      return found
    }
    const { positions } = await readLog(log, [await laneOf(log, 0, 5)], LIMITS)
    expect(positions.get(laneKey(lane))).toEqual({ position: 2n, epoch: 5 })
    expect(log.asked).toEqual([5, 5])
  })
})
