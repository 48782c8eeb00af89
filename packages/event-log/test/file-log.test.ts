import { readFile, rm, stat } from 'node:fs/promises'
import path from 'node:path'
import { position } from '@assay/core'
import { describe, expect, it } from 'vitest'
import { readHeader } from '../src/batch-format.js'
import { eventLogContract } from './event-log-contract.js'
import { folders, openAt, segmentsOf } from './file-logs.js'
import { ALL, numbered, readAll, toBatch } from './records.js'

const freshFolder = folders()
const lane = { topic: 't', partition: 0 }

eventLogContract('files', async () => openAt(await freshFolder()))
eventLogContract('files, in many small segments', async () => openAt(await freshFolder(), { segment_bytes: 700 }))

describe('file log', () => {
  it('A1: holds the same records and the same topic after it is opened again', async () => {
    const directory = await freshFolder()
    const first = await openAt(directory, { segment_bytes: 500 })
    await first.ensureTopic('t', 1)
    for (let i = 0; i < 10; i += 1) await first.produce('t', numbered(`${i}-`, 5))
    const [lanes, records] = [await first.lanes('t'), await readAll(first, lane)]
    await first.close()
    const second = await openAt(directory, { segment_bytes: 500 })
    expect(await second.lanes('t')).toEqual(lanes)
    expect(await readAll(second, lane)).toEqual(records)
    expect(await second.produce('t', numbered('x', 1))).toMatchObject([{ from: 50n, to: 51n }])
    await second.close()
  })

  it('shows one process what another one produces, and wakes it', async () => {
    const directory = await freshFolder()
    const [a, b] = [await openAt(directory), await openAt(directory)]
    await a.ensureTopic('t', 1)
    for (let i = 0; i < 20; i += 1) {
      const wait = b.waitForRecords([{ lane, position: position(i) }], 20_000)
      await a.produce('t', numbered(`${i}-`, 1))
      await wait
      expect(await readAll(b, lane, position(i))).toMatchObject([{ offset: BigInt(i), value: `${i}-0` }])
    }
    await Promise.all([a.close(), b.close()])
  })

  it('wakes a reader also when somebody else has looked at the lane meanwhile', async () => {
    const directory = await freshFolder()
    const [a, b] = [await openAt(directory), await openAt(directory, { poll_ms: 200 })]
    await a.ensureTopic('t', 1)
    // Longer than the test may take: only the record can end it.
    const wait = b.waitForRecords([{ lane, position: position(0) }], 600_000)
    await new Promise((resolve) => setTimeout(resolve, 50))
    await a.produce('t', numbered('v', 1))
    for (let i = 0; i < 3; i += 1) await b.lanes('t')
    await wait
    await Promise.all([a.close(), b.close()])
  })

  it('wakes a reader that waits for a topic which another process makes', async () => {
    const directory = await freshFolder()
    const [a, b] = [await openAt(directory), await openAt(directory)]
    const wait = b.waitForRecords([{ lane, position: position(0) }], 20_000)
    await a.ensureTopic('t', 1)
    await a.produce('t', numbered('v', 1))
    await wait
    expect((await b.lanes('t'))[0]?.end).toBe(1n)
    await Promise.all([a.close(), b.close()])
  })

  it('T15: two logs open on one folder produce to a lane in turn, without holes', async () => {
    const directory = await freshFolder()
    const logs = [await openAt(directory, { segment_bytes: 900 }), await openAt(directory, { segment_bytes: 900 })]
    await logs[0]?.ensureTopic('t', 1)
    await Promise.all(
      logs.map(async (log, i) => {
        for (let call = 0; call < 40; call += 1) await log.produce('t', numbered(`${i}-${call}-`, 3))
      }),
    )
    for (const log of logs) {
      const records = await readAll(log, lane)
      expect(records.map(({ offset }) => offset)).toEqual(Array.from({ length: 240 }, (_, i) => BigInt(i)))
      expect(new Set(records.map(({ value }) => value)).size).toBe(240)
    }
    await Promise.all(logs.map((log) => log.close()))
  })

  it('writes calls that pile up as one group', async () => {
    const directory = await freshFolder()
    const log = await openAt(directory)
    await log.ensureTopic('t', 1)
    await Promise.all(Array.from({ length: 300 }, (_, i) => log.produce('t', numbered(`${i}-`, 1))))
    const [file] = await segmentsOf(directory, 't')
    const bytes = await readFile(file ?? '')
    const groups = new Set<number>()
    let batches = 0
    for (let at = 0; at < bytes.length; batches += 1) {
      const header = readHeader(bytes, at)
      groups.add(header?.groupStart ?? -1)
      at += header?.total_bytes ?? bytes.length
    }
    expect(batches).toBe(300)
    expect(groups.size).toBeLessThan(30)
    await log.close()
  })

  it('failure 8: takes a topic deleted and made again for another one', async () => {
    const directory = await freshFolder()
    const log = await openAt(directory)
    await log.ensureTopic('t', 1)
    await log.produce('t', numbered('old', 5))
    const [before] = await log.lanes('t')
    await readAll(log, lane)
    await rm(path.join(directory, 't'), { recursive: true })
    expect(await log.lanes('t')).toEqual([])
    await expect(log.produce('t', numbered('x', 1))).rejects.toMatchObject({ code: 'unknown_topic' })
    await log.ensureTopic('t', 1)
    const [after] = await log.lanes('t')
    expect(after?.topicId).not.toBe(before?.topicId)
    expect(await log.read(lane, position(5), ALL)).toEqual({ kind: 'out_of_range', start: 0n, end: 0n })
    await log.produce('t', numbered('new', 2))
    expect((await readAll(log, lane)).map(({ value }) => value)).toEqual(['new0', 'new1'])
    await log.close()
  })

  it('failure 8: every time that a topic is made again it is another one, the third time and the tenth', async () => {
    const directory = await freshFolder()
    const [log, other] = [await openAt(directory), await openAt(directory)]
    const ids = new Set<string>()
    for (let time = 1; time <= 10; time += 1) {
      await log.ensureTopic('t', 1)
      await log.produce('t', numbered(`${time}-`, 2))
      for (const one of [log, other]) {
        ids.add((await one.lanes('t'))[0]?.topicId ?? '')
        expect((await readAll(one, lane)).map(({ value }) => value)).toEqual([`${time}-0`, `${time}-1`])
      }
      expect(ids.size).toBe(time)
      await rm(path.join(directory, 't'), { recursive: true })
    }
    await Promise.all([log.close(), other.close()])
  })

  it('refuses limits and batches that make no sense', async () => {
    const directory = await freshFolder()
    await expect(openAt(directory, { segment_bytes: 2 ** 31 })).rejects.toMatchObject({ code: 'bad_limit' })
    const log = await openAt(directory, { produce_bytes_max: 50 })
    await log.ensureTopic('t', 1)
    await expect(log.produce('t', numbered('value', 20))).rejects.toMatchObject({ code: 'produce_too_large' })
    const batch = toBatch([{ value: 'a' }, { value: 'b' }])
    await expect(log.produce('t', { ...batch, count: 3 })).rejects.toMatchObject({ code: 'bad_batch' })
    await expect(
      log.produce('t', { ...batch, values: { ...batch.values, offsets: Uint32Array.of(0, 2, 1) } }),
    ).rejects.toMatchObject({ code: 'bad_batch' })
    expect((await log.lanes('t'))[0]?.end).toBe(0n)
    await log.close()
  })
})

describe('retention by size', () => {
  const LIMITS = { segment_bytes: 1000, retention_bytes: 3000 }

  it('deletes whole segments, oldest first, and keeps at least what it should', async () => {
    const directory = await freshFolder()
    const log = await openAt(directory, LIMITS)
    await log.ensureTopic('t', 1)
    for (let i = 0; i < 60; i += 1) await log.produce('t', numbered(`${i}-`, 10))
    const [status] = await log.lanes('t')
    expect(status?.end).toBe(600n)
    expect(status?.start).toBeGreaterThan(300n)
    const sizes = await Promise.all((await segmentsOf(directory, 't')).map(async (file) => (await stat(file)).size))
    const total = sizes.reduce((sum, size) => sum + size, 0)
    expect(total).toBeGreaterThanOrEqual(3000)
    expect(total).toBeLessThan(3000 + 2 * 1000)
    const records = await readAll(log, lane, status?.start)
    expect(records.map(({ offset }) => offset)).toEqual(
      Array.from({ length: records.length }, (_, i) => (status?.start ?? 0n) + BigInt(i)),
    )
    expect(records.at(-1)?.value).toBe('59-9')
    expect(await log.read(lane, position(0), ALL)).toMatchObject({ kind: 'out_of_range', start: status?.start })
    await log.close()
  })

  it('never deletes the newest segment, however large', async () => {
    const log = await openAt(await freshFolder(), { segment_bytes: 100, retention_bytes: 1 })
    await log.ensureTopic('t', 1)
    for (let i = 0; i < 5; i += 1) {
      await log.produce('t', numbered(`${i}-`, 50))
      expect((await readAll(log, lane, position(i * 50))).length).toBe(50)
    }
    await log.close()
  })

  it('B3: a reader that retention overtakes is told so, and never skips silently', async () => {
    const directory = await freshFolder()
    const [writer, reader] = [await openAt(directory, LIMITS), await openAt(directory)]
    await writer.ensureTopic('t', 1)
    await writer.produce('t', numbered('v', 10))
    let isWriting = true
    let overtaken = 0
    const write = async (): Promise<void> => {
      for (let i = 0; i < 80; i += 1) await writer.produce('t', numbered(`${i}-`, 10))
      isWriting = false
    }
    const read = async (): Promise<void> => {
      let next = position(0)
      while (isWriting) {
        const result = await reader.read(lane, next, { maxBytes: 100, maxRecords: 7 })
        if (result.kind === 'out_of_range') {
          overtaken += 1
          expect(result.start).toBeGreaterThan(next)
          next = result.start
        } else if (result.kind === 'records') {
          for (const batch of result.batches) {
            expect(batch.offsets[0]).toBe(next)
            next = batch.next
          }
        }
      }
    }
    await Promise.all([write(), read()])
    expect(await reader.read(lane, position(0), ALL)).toMatchObject({ kind: 'out_of_range' })
    expect(overtaken).toBeGreaterThanOrEqual(0)
    await Promise.all([writer.close(), reader.close()])
  })
})
