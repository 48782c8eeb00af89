import { position } from '@assay/core'
import { describe, expect, it } from 'vitest'
import { MemoryLog } from '../src/index.js'
import { eventLogContract } from './event-log-contract.js'
import { ALL, numbered, readAll, seen } from './records.js'

eventLogContract('memory', async () => new MemoryLog())

describe('memory log', () => {
  const lane = { topic: 't', partition: 0 }

  async function withRecords(count: number): Promise<MemoryLog> {
    const log = new MemoryLog()
    await log.ensureTopic('t', 1)
    await log.produce('t', numbered('v', count))
    return log
  }

  it('T12: reads past holes, in the midst and at the end', async () => {
    const log = await withRecords(3)
    log.addHole(lane, 2)
    await log.produce('t', numbered('w', 2))
    log.addHole(lane, 4)
    const result = await log.read(lane, position(0), ALL)
    expect(result).toMatchObject({ kind: 'records', next: 11n, end: 11n })
    expect((await readAll(log, lane)).map(({ offset }) => offset)).toEqual([0n, 1n, 2n, 5n, 6n])
    expect(await readAll(log, lane, position(4), { maxBytes: 1, maxRecords: 1 })).toHaveLength(2)
    const onlyHole = await log.read(lane, position(7), ALL)
    expect(onlyHole).toMatchObject({ kind: 'records', batches: [], next: 11n, end: 11n })
  })

  it('failure 9: a read that its limits stop does not skip what comes behind a hole', async () => {
    const log = await withRecords(2)
    log.addHole(lane, 5)
    await log.produce('t', numbered('w', 2))
    const result = await log.read(lane, position(0), { maxBytes: 1e6, maxRecords: 2 })
    if (result.kind !== 'records') throw new Error('out of range')
    expect(result.next).toBe(2n)
    expect(seen(result.batches)).toHaveLength(2)
    expect((await readAll(log, lane, result.next)).map(({ offset }) => offset)).toEqual([7n, 8n])
  })

  it('failure 7: retention raises the start', async () => {
    const log = await withRecords(10)
    log.deleteBefore(lane, position(4))
    expect(await log.read(lane, position(3), ALL)).toEqual({ kind: 'out_of_range', start: 4n, end: 10n })
    expect(await readAll(log, lane, position(4))).toHaveLength(6)
  })

  it('B3: truncation lowers the end, also within a batch', async () => {
    const log = await withRecords(10)
    log.truncate(lane, position(6))
    expect(await log.read(lane, position(10), ALL)).toEqual({ kind: 'out_of_range', start: 0n, end: 6n })
    await log.produce('t', numbered('new', 1))
    const found = await readAll(log, lane)
    expect(found.map(({ value }) => value)).toEqual(['v0', 'v1', 'v2', 'v3', 'v4', 'v5', 'new0'])
  })

  it('B3: a log that was cut and grew again says so to a reader that brings its epoch', async () => {
    const log = await withRecords(10)
    const read = await log.read(lane, position(0), ALL)
    expect(read).toMatchObject({ kind: 'records', next: 10n, epoch: 0 })
    log.truncate(lane, position(6))
    await log.produce('t', numbered('new', 8))
    expect(await log.read(lane, position(10), ALL, 0)).toEqual({ kind: 'diverged', end: 6n })
    expect(await log.read(lane, position(6), ALL, 0)).toMatchObject({ kind: 'records', next: 14n, epoch: 1 })
    expect(await log.read(lane, position(14), ALL, 1)).toMatchObject({ kind: 'records', batches: [] })
  })

  it('failure 8: a topic made again has another identity', async () => {
    const log = await withRecords(1)
    const [before] = await log.lanes('t')
    log.recreateTopic('t', 1)
    const [after] = await log.lanes('t')
    expect(after?.end).toBe(0n)
    expect(after?.topicId).not.toBe(before?.topicId)
    log.deleteTopic('t')
    expect(await log.lanes('t')).toEqual([])
  })
})
