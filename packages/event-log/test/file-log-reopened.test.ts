import { setImmediate } from 'node:timers/promises'
import { type Clock, position, seededRandom, systemClock } from '@assay/core'
import { describe, expect, it } from 'vitest'
import { ALIGNMENT, HEADER_BYTES } from '../src/batch-format.js'
import { CHUNK_BYTES } from '../src/file/segment-scan.js'
import { type FileLog, MemoryFiles, openFileLog } from '../src/index.js'
import { ALL, numbered, readAll, type TestRecord, toBatch } from './records.js'

const lane = { topic: 't', partition: 0 }
const SEGMENT = '/log/t/0/00000000000000000000.segment'
const hasty: Clock = { ...systemClock, now_ms: Date.now, sleep: () => setImmediate() }

async function using<T>(files: MemoryFiles, step: (log: FileLog) => Promise<T>): Promise<T> {
  const limits = { mark_sync_ms_max: 0, lock_wait_ms_max: 1_000, segment_bytes: 2 ** 26 }
  const log = await openFileLog({ directory: '/log', clock: hasty, random: seededRandom(1), files, limits })
  try {
    await log.ensureTopic('t', 1)
    return await step(log)
  } finally {
    await log.close()
  }
}

async function lengthsOf(log: FileLog): Promise<(number | undefined)[]> {
  return (await readAll(log, lane)).map(({ value }) => value?.length)
}

describe('B5: a file log that is opened again', () => {
  it('A6 B5: behind a batch larger than what is looked at in one go, all is there and goes on', async () => {
    const files = new MemoryFiles()
    const sizes = [5, CHUNK_BYTES, CHUNK_BYTES - 1, 3]
    await using(files, async (log) => {
      for (const size of sizes) await log.produce('t', toBatch([{ value: 'x'.repeat(size) }]))
    })
    expect(files.bytesOf(SEGMENT).length).toBeGreaterThan(2 * CHUNK_BYTES)
    for (let opened = 1; opened <= 2; opened += 1) {
      await using(files, async (log) => {
        expect((await log.lanes('t'))[0]).toMatchObject({ start: 0n, end: BigInt(sizes.length) })
        expect(await lengthsOf(log)).toEqual(sizes)
        expect(await log.produce('t', numbered('v', 1))).toMatchObject([{ from: BigInt(sizes.length) }])
        sizes.push(2)
      })
    }
  })

  it('B5: wherever in a chunk a batch begins or ends, the next one is found behind it', async () => {
    // The second batch's header lies around the end of the first chunk, byte for byte as far as batches are aligned.
    for (let short = ALIGNMENT; short <= HEADER_BYTES + 3 * ALIGNMENT; short += ALIGNMENT) {
      const files = new MemoryFiles()
      const records: TestRecord[] = [{ value: 'x'.repeat(CHUNK_BYTES - HEADER_BYTES - short) }, { value: 'y' }]
      await using(files, async (log) => {
        for (const record of records) await log.produce('t', toBatch([record]))
      })
      await using(files, async (log) => {
        expect((await log.lanes('t'))[0]?.end).toBe(2n)
        const read = await log.read(lane, position(1), ALL)
        expect(read).toMatchObject({ kind: 'records', next: 2n })
      })
    }
  })

  it('B5: one record that was acknowledged and is gone is said to be lost, as are many', async () => {
    const files = new MemoryFiles()
    await using(files, async (log) => {
      for (let i = 0; i < 3; i += 1) await log.produce('t', numbered(`${i}-`, 1))
    })
    const bytes = files.bytesOf(SEGMENT)
    for (const left of [2, 1, 0]) {
      files.setBytes(SEGMENT, bytes.subarray(0, (bytes.length / 3) * left))
      await using(files, async (log) => {
        expect((await log.lanes('t'))[0]).toMatchObject({ end: 3n, lost: { from: BigInt(left), to: 3n } })
        await expect(log.read(lane, position(left), ALL)).rejects.toMatchObject({ code: 'log_corrupt' })
        await expect(log.produce('t', numbered('x', 1))).rejects.toMatchObject({ code: 'log_corrupt' })
      })
    }
  })
})
