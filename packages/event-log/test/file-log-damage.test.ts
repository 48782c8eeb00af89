import { appendFile, open, readdir, readFile, rename, stat, truncate, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { position } from '@assay/core'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { FileLog } from '../src/index.js'
import { folders, openAt, segmentsOf } from './file-logs.js'
import { ALL, numbered, readAll, seen } from './records.js'

const freshFolder = folders()
const lane = { topic: 't', partition: 0 }

interface Written {
  readonly directory: string
  readonly file: string
  readonly bytes: Buffer
  readonly ends: number[]
  /** Sets the end mark back to what it was after so many calls: those after them were never acknowledged. */
  readonly acknowledge: (calls: number) => Promise<void>
}

/** A closed log with so many calls of ten records each, and the bytes of its only segment. */
async function written(calls: number): Promise<Written> {
  const directory = await freshFolder()
  const log = await openAt(directory)
  await log.ensureTopic('t', 1)
  const ends: number[] = []
  const mark = path.join(directory, 't', 'ends', '0.end')
  const marks = [await readFile(mark)]
  let file = ''
  for (let i = 0; i < calls; i += 1) {
    await log.produce('t', numbered(`${i}-`, 10))
    file = (await segmentsOf(directory, 't'))[0] ?? ''
    ends.push((await readFile(file)).length)
    marks.push(await readFile(mark))
  }
  await log.close()
  const acknowledge = (count: number): Promise<void> => writeFile(mark, marks[count] ?? '')
  return { directory, file, bytes: await readFile(file), ends, acknowledge }
}

async function using<T>(directory: string, step: (log: FileLog) => Promise<T>): Promise<T> {
  const log = await openAt(directory)
  try {
    return await step(log)
  } finally {
    await log.close()
  }
}

function flip(bytes: Buffer, bit: number): Buffer {
  const copy = Buffer.from(bytes)
  copy[bit >> 3] = (copy[bit >> 3] ?? 0) ^ (1 << (bit & 7))
  return copy
}

describe('a torn tail', () => {
  it('A1: is the end to readers, wherever it is cut, and is cut off by the next append', async () => {
    const { directory, file, bytes, ends, acknowledge } = await written(3)
    const [, second = 0, third = 0] = ends
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: second, max: third - 1 }), async (cut) => {
        await writeFile(file, bytes.subarray(0, cut))
        await acknowledge(2)
        await using(directory, async (log) => {
          expect((await log.lanes('t'))[0]?.end).toBe(20n)
          expect(await readAll(log, lane)).toHaveLength(20)
          expect(await log.produce('t', numbered('new', 1))).toMatchObject([{ from: 20n, to: 21n }])
          expect((await readAll(log, lane)).at(-1)).toMatchObject({ offset: 20n, value: 'new0' })
        })
      }),
      { numRuns: 25 },
    )
  })

  it('A1: of zeros, as a loss of power leaves it, is cut off and kept aside', async () => {
    const { directory, file } = await written(2)
    await appendFile(file, Buffer.alloc(5000))
    await using(directory, async (log) => {
      expect(await readAll(log, lane)).toHaveLength(20)
      await log.produce('t', numbered('new', 1))
      expect(await readAll(log, lane)).toHaveLength(21)
    })
    expect((await stat(file)).size).toBeLessThan(5000)
    const kept = (await readdir(path.dirname(file))).filter((name) => name.endsWith('.torn'))
    expect(kept).toHaveLength(1)
  })

  it('A1: that grows while it is read shows whole batches only', async () => {
    const { directory, file, bytes, acknowledge } = await written(6)
    await truncate(file, 0)
    await acknowledge(0)
    await using(directory, async (log) => {
      const out = await open(file, 'r+')
      let next = position(0)
      for (let at = 0; at < bytes.length; at += 37) {
        await out.write(bytes, at, Math.min(37, bytes.length - at), at)
        const result = await log.read(lane, next, ALL)
        if (result.kind !== 'records') throw new Error('out of range')
        expect(result.next % 10n).toBe(0n)
        expect(result.next).toBe(result.end)
        next = result.next
      }
      expect(next).toBe(60n)
      await out.close()
    })
  })

  it('A1: of a group that lost its first pages is no damage, since nobody was told that it was written', async () => {
    const { directory, file, ends, acknowledge } = await written(2)
    await using(directory, async (log) => {
      await Promise.all(Array.from({ length: 50 }, (_, i) => log.produce('t', numbered(`g${i}-`, 10))))
    })
    const bytes = await readFile(file)
    // The first call of the fifty may have gone alone; the last one is in a group of many.
    const groupStart = bytes.readUInt32LE(bytes.lastIndexOf('ASY1') + 28)
    expect(groupStart).toBeGreaterThanOrEqual(ends[1] ?? 0)
    bytes.fill(0, groupStart, groupStart + 64)
    await writeFile(file, bytes)
    await acknowledge(2)
    await using(directory, async (log) => {
      const [status] = await log.lanes('t')
      expect(await readAll(log, lane)).toHaveLength(Number(status?.end))
      const [range] = await log.produce('t', numbered('new', 1))
      expect(range?.from).toBe(status?.end)
    })
  })
})

describe('failure 16: a flipped bit', () => {
  it('in the midst of the log is found, named, and no reason to lose what is around it', async () => {
    const { directory, file, bytes, ends } = await written(5)
    const [first = 0, second = 0] = ends
    await writeFile(file, flip(bytes, (second - 40) * 8 + 3))
    await using(directory, async (log) => {
      expect((await log.lanes('t'))[0]?.end).toBe(50n)
      const before = await log.read(lane, position(0), ALL)
      expect(before).toMatchObject({ kind: 'records', next: 10n, end: 50n })
      await expect(log.read(lane, position(10), ALL)).rejects.toMatchObject({
        code: 'log_corrupt',
        message: expect.stringMatching(new RegExp(`t/0 .* offset 10: in .*${path.basename(file)} at byte ${first}`)),
      })
      await expect(log.read(lane, position(15), ALL)).rejects.toMatchObject({ code: 'log_corrupt' })
      expect((await readAll(log, lane, position(20))).map(({ offset }) => offset)).toEqual(
        Array.from({ length: 30 }, (_, i) => BigInt(20 + i)),
      )
      expect(await log.produce('t', numbered('new', 1))).toMatchObject([{ from: 50n, to: 51n }])
    })
  })

  it('is gone when the segment is restored under a running log, which then writes to the restored one', async () => {
    const { directory, file, bytes, ends } = await written(5)
    await using(directory, async (log) => {
      await log.produce('t', numbered('more', 1))
      const whole = await readFile(file)
      await writeFile(file, flip(whole, ((ends[1] ?? 0) - 40) * 8))
      await expect(log.read(lane, position(10), ALL)).rejects.toMatchObject({ code: 'log_corrupt' })
      await writeFile(`${file}.copy`, whole)
      await rename(`${file}.copy`, file)
      expect(await readAll(log, lane)).toHaveLength(51)
      await log.produce('t', numbered('after', 1))
    })
    expect(await using(directory, (log) => readAll(log, lane))).toHaveLength(52)
    expect((await readFile(file)).subarray(0, bytes.length)).toEqual(bytes)
  })

  it('anywhere gives the records that were written or an error, never others', async () => {
    const { directory, file, bytes, ends } = await written(4)
    const whole = await using(directory, (log) => readAll(log, lane))
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 0, max: (ends[2] ?? 0) * 8 - 1 }), async (bit) => {
        await writeFile(file, flip(bytes, bit))
        await using(directory, async (log) => {
          expect((await log.lanes('t'))[0]?.end).toBe(40n)
          let damaged = 0
          for (let call = 0; call < 4; call += 1) {
            const expected = whole.slice(call * 10, call * 10 + 10)
            try {
              const result = await log.read(lane, position(call * 10), { maxBytes: 1e6, maxRecords: 10 })
              expect(result.kind === 'records' && seen(result.batches)).toEqual(expected)
            } catch (error) {
              expect(error).toMatchObject({ code: 'log_corrupt' })
              damaged += 1
            }
          }
          expect(damaged).toBe(1)
        })
      }),
      { numRuns: 15 },
    )
  })

  it('in a segment that is not the newest is found', async () => {
    const directory = await freshFolder()
    const log = await openAt(directory, { segment_bytes: 600 })
    await log.ensureTopic('t', 1)
    for (let i = 0; i < 6; i += 1) await log.produce('t', numbered(`${i}-`, 10))
    const files = await segmentsOf(directory, 't')
    expect(files.length).toBeGreaterThan(1)
    const bytes = await readFile(files[0] ?? '')
    await writeFile(files[0] ?? '', flip(bytes, (bytes.length - 20) * 8))
    await expect(readAll(log, lane)).rejects.toMatchObject({ code: 'log_corrupt' })
    await writeFile(files[0] ?? '', bytes.subarray(0, bytes.length - 8))
    await expect(readAll(log, lane)).rejects.toMatchObject({ code: 'log_corrupt' })
    await log.close()
  })

  it('a copy of what was acknowledged, behind it, is no write of this address: it is cut off and kept', async () => {
    const { directory, file, bytes, ends } = await written(2)
    await appendFile(file, bytes.subarray(ends[0]))
    await using(directory, async (log) => {
      expect(await log.produce('t', numbered('new', 1))).toMatchObject([{ from: 20n, to: 21n }])
      expect(await readAll(log, lane)).toHaveLength(21)
    })
    const [kept] = (await readdir(path.dirname(file))).filter((name) => name.endsWith('.torn'))
    expect(await readFile(path.join(path.dirname(file), kept ?? ''))).toEqual(bytes.subarray(ends[0]))
  })
})
