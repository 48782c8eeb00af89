import { setImmediate } from 'node:timers/promises'
import { type Clock, position, seededRandom, systemClock } from '@assay/core'
import { describe, expect, it } from 'vitest'
import { type FileLog, type FileLogEvent, MemoryFiles, openFileLog } from '../src/index.js'
import { ALL, numbered, readAll, seen } from './records.js'

/** Second looks needn't be waited for: nobody else writes. */
const hasty: Clock = { ...systemClock, now_ms: Date.now, sleep: () => setImmediate() }
const lane = { topic: 't', partition: 0 }
const SEGMENT = '/log/t/0/00000000000000000000.segment'
const MARK = '/log/t/ends/0.end'
const SLOTS = [0, 4096]
/** Bits of the last batch from one that is flipped to the next; all of them with `ASSAY_TEST_EVERY_BIT`. */
const BIT_STEP = process.env.ASSAY_TEST_EVERY_BIT ? 1 : 7

async function using<T>(
  files: MemoryFiles,
  step: (log: FileLog) => Promise<T>,
  options: { readonly events?: FileLogEvent[]; readonly segment_bytes?: number } = {},
): Promise<T> {
  const { events = [], segment_bytes = 2 ** 20 } = options
  const log = await openFileLog({
    directory: '/log',
    clock: hasty,
    random: seededRandom(1),
    files,
    limits: { mark_sync_ms_max: 0, lock_wait_ms_max: 1_000, segment_bytes },
    onEvent: (event) => events.push(event),
  })
  try {
    return await step(log)
  } finally {
    await log.close()
  }
}

/** A log of so many calls of three records each, `0-0` to `<calls - 1>-2`. */
async function written(calls: number, segment_bytes?: number, partitions = 1): Promise<MemoryFiles> {
  const files = new MemoryFiles()
  await using(
    files,
    async (log) => {
      await log.ensureTopic('t', partitions)
      for (let i = 0; i < calls; i += 1) await log.produce('t', numbered(`${i}-`, 3))
    },
    segment_bytes === undefined ? {} : { segment_bytes },
  )
  return files
}

function expected(calls: number): string[] {
  return Array.from({ length: calls * 3 }, (_, i) => `${Math.floor(i / 3)}-${i % 3}`)
}

/**
 * What must hold of a log that lost acknowledged records or did not: each is read as it was written, or a read says
 * that it is not there, with the offset at which reading can be taken up; none is skipped, none is another. Gives the
 * offsets that were said to be lost.
 */
async function readWholly(log: FileLog, values: readonly string[]): Promise<number[]> {
  const [status] = await log.lanes('t')
  expect(status?.start).toBe(0n)
  expect(Number(status?.end)).toBeGreaterThanOrEqual(values.length)
  const lost: number[] = []
  for (let at = 0; at < values.length; ) {
    try {
      const read = await log.read(lane, position(at), ALL)
      if (read.kind !== 'records') throw new Error(`${read.kind} at ${at}`)
      expect(read.next).toBeGreaterThan(at)
      const found = seen(read.batches).filter(({ offset }) => offset < values.length)
      expect(found.map(({ value }) => value)).toEqual(values.slice(at, at + found.length))
      at += found.length
    } catch (error) {
      expect(error).toMatchObject({
        code: 'log_corrupt',
        from: BigInt(at),
        hint: expect.stringContaining('gaps accept t/0'),
      })
      const { to } = error as { to: bigint }
      expect(to).toBeGreaterThan(at)
      for (; at < Number(to) && at < values.length; at += 1) lost.push(at)
    }
  }
  return lost
}

/** Nobody appends behind the damage, and after a word everybody does, behind every offset that was ever given out. */
async function acceptAndGoOn(log: FileLog, acknowledged: number): Promise<void> {
  await expect(log.produce('t', numbered('refused', 1))).rejects.toMatchObject({
    code: 'log_corrupt',
    retryable: false,
  })
  const [status] = await log.lanes('t')
  expect(status?.lost?.to).toBeGreaterThanOrEqual(acknowledged)
  await log.goPastDamage(lane, position((status?.lost?.to ?? 0n) - 1n))
  await expect(log.produce('t', numbered('refused', 1))).rejects.toMatchObject({ code: 'log_corrupt' })
  await log.goPastDamage(lane, status?.lost?.to ?? position(0))
  const [range] = await log.produce('t', numbered('after', 2))
  expect(range?.from).toBe(status?.end)
  expect((await readAll(log, lane, range?.from)).map(({ value }) => value)).toEqual(['after0', 'after1'])
  expect((await log.lanes('t'))[0]?.lost).toBeUndefined()
}

async function expectRefused(files: MemoryFiles, calls: number, lost: readonly number[]): Promise<void> {
  await using(files, async (log) => {
    expect(await readWholly(log, expected(calls))).toEqual(lost)
    await acceptAndGoOn(log, calls * 3)
  })
  // Logs that are opened later see the files as they are.
  await using(files, async (log) => {
    const [status] = await log.lanes('t')
    expect((await readAll(log, lane, position((status?.end ?? 2n) - 2n))).map(({ value }) => value)).toEqual([
      'after0',
      'after1',
    ])
    expect(await readWholly(log, expected(calls))).toEqual(lost)
  })
}

const LAST_OF_3 = [6, 7, 8]

describe('B5 T24: what was acknowledged last', () => {
  it('B5 T24: each bit of the last batch flipped in turn: the lane stands still and says so', async () => {
    const whole = await written(3)
    const size = whole.bytesOf(SEGMENT).length
    const begin = (size / 3) * 2
    for (let bit = begin * 8; bit < size * 8; bit += BIT_STEP) {
      const files = whole.copy()
      files.flipBit(SEGMENT, bit)
      await using(files, async (log) => {
        expect(await readWholly(log, expected(3))).toEqual(LAST_OF_3)
        await expect(log.produce('t', numbered('x', 1))).rejects.toMatchObject({ code: 'log_corrupt' })
      })
      expect(files.bytesOf(SEGMENT)).toHaveLength(size)
    }
    const files = whole.copy()
    files.flipBit(SEGMENT, (size - 4) * 8)
    await expectRefused(files, 3, LAST_OF_3)
  })

  it('B5 T24: cut at each byte: what was acknowledged is there or said to be lost', async () => {
    const whole = await written(3)
    const bytes = whole.bytesOf(SEGMENT)
    for (let size = 0; size < bytes.length; size += 1) {
      const files = whole.copy()
      files.setBytes(SEGMENT, bytes.subarray(0, size))
      await using(files, async (log) => {
        const kept = Math.floor(size / (bytes.length / 3)) * 3
        expect(await readWholly(log, expected(3))).toEqual(Array.from({ length: 9 - kept }, (_, i) => kept + i))
        await expect(log.produce('t', numbered('x', 1))).rejects.toMatchObject({ code: 'log_corrupt' })
      })
      expect(files.bytesOf(SEGMENT)).toHaveLength(size)
    }
    whole.setBytes(SEGMENT, bytes.subarray(0, bytes.length - 1))
    await expectRefused(whole, 3, LAST_OF_3)
  })

  it('T24: a write that was never acknowledged, cut at each byte, is cut off, kept and told, and stops nobody', async () => {
    const before = await written(2)
    const after = before.copy()
    await using(after, async (log) => void (await log.produce('t', numbered('2-', 3))))
    const acknowledged = before.bytesOf(SEGMENT).length
    const bytes = after.bytesOf(SEGMENT)
    for (let size = acknowledged + 1; size < bytes.length; size += 3) {
      const files = before.copy()
      files.setBytes(SEGMENT, bytes.subarray(0, size))
      const events: FileLogEvent[] = []
      await using(
        files,
        async (log) => {
          expect(await readAll(log, lane)).toHaveLength(6)
          expect(await log.produce('t', numbered('new', 1))).toMatchObject([{ from: 6n }])
          expect(await readAll(log, lane)).toHaveLength(7)
        },
        { events },
      )
      const kept = `${SEGMENT}.${acknowledged}.torn`
      expect(events).toEqual([
        {
          kind: 'tail_cut',
          lane,
          path: SEGMENT,
          byte: acknowledged,
          bytes: size - acknowledged,
          kept,
          message: expect.stringContaining(kept),
        },
      ])
      expect(files.bytesOf(kept)).toEqual(bytes.slice(acknowledged, size))
    }
  })

  it('T24: the write of a process that died is kept when it is whole, and the next one counts on from it', async () => {
    const files = await written(2)
    const mark = files.bytesOf(MARK)
    await using(files, async (log) => void (await log.produce('t', numbered('2-', 3))))
    files.setBytes(MARK, mark)
    await using(files, async (log) => {
      expect((await readAll(log, lane)).map(({ value }) => value)).toEqual(expected(3))
      expect(await log.produce('t', numbered('3-', 3))).toMatchObject([{ from: 9n }])
    })
  })
})

describe('B5: what disks do', () => {
  const BYTES = 32

  it.each([
    [
      'zeroed',
      (files: MemoryFiles, at: number) => files.setBytes(SEGMENT, files.bytesOf(SEGMENT).fill(0, at, at + BYTES)),
    ],
    [
      'that holds another block',
      (files: MemoryFiles, at: number) => files.setBytes(SEGMENT, files.bytesOf(SEGMENT).copyWithin(at, 0, BYTES)),
    ],
    [
      'gone with all behind it',
      (files: MemoryFiles, at: number) => files.setBytes(SEGMENT, files.bytesOf(SEGMENT).subarray(0, at)),
    ],
  ])('B5: a block %s, wherever it is, hides no record', async (_name, damage) => {
    const whole = await written(6)
    const size = whole.bytesOf(SEGMENT).length
    for (let at = 0; at + BYTES <= size; at += BYTES) {
      const files = whole.copy()
      damage(files, at)
      const isChanged = !Buffer.from(files.bytesOf(SEGMENT)).equals(whole.bytesOf(SEGMENT))
      await using(files, async (log) => {
        const lost = await readWholly(log, expected(6))
        expect(lost.length > 0).toBe(isChanged)
        const [status] = await log.lanes('t')
        if (status?.lost) await acceptAndGoOn(log, 18)
        else expect(await log.produce('t', numbered('after', 1))).toMatchObject([{ from: 18n }])
      })
    }
  })

  it.each(['lost', 'dropped'] as const)('B5: a write that was said to be done and is %s', async (fate) => {
    for (let nth = 0; nth < 4; nth += 1) {
      const files = new MemoryFiles()
      let writes = 0
      await using(files, async (log) => {
        await log.ensureTopic('t', 1)
        files.onWrite = ({ path }) => (path === SEGMENT && writes++ === nth ? fate : 'done')
        for (let i = 0; i < 4; i += 1) await log.produce('t', numbered(`${i}-`, 3)).catch(() => undefined)
      })
      files.onWrite = undefined
      await using(files, async (log) => {
        const lost = await readWholly(log, expected(nth + 1))
        expect(lost).toEqual([3 * nth, 3 * nth + 1, 3 * nth + 2])
      })
    }
  })

  it('B5: a batch of another lane, whole and with the right offsets, is not this lane’s', async () => {
    const files = new MemoryFiles()
    const other = '/log/t/1/00000000000000000000.segment'
    await using(files, async (log) => {
      await log.ensureTopic('t', 2)
      await log.ensureTopic('u', 1)
      // Keyless records of a call go to another partition with each call.
      for (let i = 0; i < 6; i += 1) await log.produce('t', numbered(`${i}-`, 3))
    })
    const [own, foreign] = [files.bytesOf(SEGMENT), files.bytesOf(other)]
    expect(own).toHaveLength(foreign.length)
    const values = await using(files, async (log) => (await readAll(log, lane)).map(({ value }) => value ?? ''))
    files.setBytes(
      SEGMENT,
      new Uint8Array(Buffer.concat([own.subarray(0, (own.length / 3) * 2), foreign.subarray((own.length / 3) * 2)])),
    )
    await using(files, async (log) => expect(await readWholly(log, values)).toEqual([6, 7, 8]))
    files.setBytes(SEGMENT, foreign)
    await using(files, async (log) => {
      expect(await readWholly(log, values)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8])
      const [status] = await log.lanes('t')
      expect(status?.lost).toEqual({ from: 0n, to: 9n })
    })
  })

  it('B5: segments that are missing, each in turn, and the whole folder', async () => {
    const whole = await written(12, 400)
    const segments = whole.below('/log/t/0')
    expect(segments.length).toBeGreaterThan(3)
    for (const gone of segments) {
      const files = whole.copy()
      await files.remove(gone)
      await using(files, async (log) => {
        const lost = await readWholly(log, expected(12))
        expect(lost[0]).toBe(Number(gone.slice(-28, -8)))
        expect(lost.length).toBeLessThan(12 * 3)
        if (gone === segments.at(-1)) await acceptAndGoOn(log, 36)
        else expect(await log.produce('t', numbered('after', 1))).toMatchObject([{ from: 36n }])
      })
    }
    const files = whole.copy()
    files.removeAll('/log/t/0')
    await using(files, async (log) => {
      expect(await readWholly(log, expected(12))).toHaveLength(36)
      await acceptAndGoOn(log, 36)
    })
  })

  it('B5: the head of a lane that is missing without retention’s doing is told until a word goes past it', async () => {
    const files = await written(12, 400)
    const [first = '', second = ''] = files.below('/log/t/0')
    const base = position(Number(second.slice(-28, -8)))
    await files.remove(first)
    await using(files, async (log) => {
      await expect(log.read(lane, position(0), ALL)).rejects.toMatchObject({ code: 'log_corrupt', to: base })
      await log.goPastDamage(lane, base)
      expect(await log.read(lane, position(0), ALL)).toMatchObject({ kind: 'out_of_range', start: base })
    })
  })
})

describe('B5: the end mark', () => {
  it('B5: with either slot damaged loses nothing, and is mended by the next writes', async () => {
    for (const slot of SLOTS) {
      for (const byte of [0, 5, 9, 20, 30, 57, 90]) {
        const files = await written(3)
        files.flipBit(MARK, (slot + byte) * 8 + 1)
        await using(files, async (log) => {
          expect((await readAll(log, lane)).map(({ value }) => value)).toEqual(expected(3))
          for (let i = 3; i < 5; i += 1) await log.produce('t', numbered(`${i}-`, 3))
        })
        files.setBytes(SEGMENT, files.bytesOf(SEGMENT).subarray(0, -1))
        await using(files, async (log) => expect(await readWholly(log, expected(5))).toEqual([12, 13, 14]))
      }
    }
  })

  it.each(['damaged', 'missing', 'of another lane'])(
    'B5: %s: a whole lane goes on, a damaged one stands still',
    async (how) => {
      const spoil = async (files: MemoryFiles): Promise<void> => {
        if (how === 'missing') await files.remove(MARK)
        else if (how === 'damaged') files.setBytes(MARK, new Uint8Array(8192))
        else files.setBytes(MARK, (await written(5, undefined, 2)).bytesOf('/log/t/ends/1.end'))
      }
      const whole = await written(3)
      await spoil(whole)
      await using(whole.copy(), async (log) => {
        expect((await readAll(log, lane)).map(({ value }) => value)).toEqual(expected(3))
        expect(await log.produce('t', numbered('3-', 3))).toMatchObject([{ from: 9n }])
      })
      const size = whole.bytesOf(SEGMENT).length
      for (const damaged of [size - 1, size - 60]) {
        const files = whole.copy()
        files.setBytes(SEGMENT, whole.bytesOf(SEGMENT).subarray(0, damaged))
        await using(files, async (log) => {
          expect((await readWholly(log, expected(3))).slice(0, 3)).toEqual(LAST_OF_3)
          await acceptAndGoOn(log, 9)
        })
      }
    },
  )

  it('B5: a lane of an earlier version gets its mark at the first opening, and what it holds is whole from then on', async () => {
    const files = await written(3)
    await asEarlier(files)
    await using(files, async (log) => void (await log.prepare('t')))
    files.setBytes(SEGMENT, files.bytesOf(SEGMENT).subarray(0, -1))
    await expectRefused(files, 3, LAST_OF_3)
  })

  it('B5: the last batch of an earlier version with a flipped bit stops the lane, too; one cut short is a torn write', async () => {
    const whole = await written(3)
    await asEarlier(whole)
    const size = whole.bytesOf(SEGMENT).length
    for (let bit = ((size / 3) * 2 + 1) * 8; bit < size * 8; bit += 61) {
      const files = whole.copy()
      files.flipBit(SEGMENT, bit)
      await using(files, async (log) => {
        await log.prepare('t')
        await expect(log.read(lane, position(6), ALL)).rejects.toMatchObject({ code: 'log_corrupt' })
        await expect(log.produce('t', numbered('x', 1))).rejects.toMatchObject({ code: 'log_corrupt' })
      })
    }
    whole.setBytes(SEGMENT, whole.bytesOf(SEGMENT).subarray(0, -1))
    await using(whole, async (log) => expect(await log.produce('t', numbered('x', 1))).toMatchObject([{ from: 6n }]))
  })
})

/** The same log as the first version would have written it: no marks, batches that are bound to no address. */
async function asEarlier(files: MemoryFiles): Promise<void> {
  const { encodeGroup } = await import('../src/batch-format.js')
  for (const mark of files.below('/log/t/ends')) await files.remove(mark)
  const groups: Uint8Array[] = []
  for (let i = 0, byte = 0; i < 3; i += 1) {
    const rows = Uint32Array.of(0, 1, 2)
    groups.push(encodeGroup([{ source: numbered(`${i}-`, 3), rows }], BigInt(3 * i), byte))
    byte += groups.at(-1)?.length ?? 0
  }
  files.setBytes(SEGMENT, new Uint8Array(Buffer.concat(groups)))
}

describe('the end mark of a lane', () => {
  /** Files in which something happens between a look that finds nothing and the next. */
  class BusyFiles extends MemoryFiles {
    atMissingMark: (() => Promise<void>) | undefined

    override async open(file: string, access: 'read' | 'write'): ReturnType<MemoryFiles['open']> {
      const found = await super.open(file, access)
      const act = found || file !== MARK ? undefined : this.atMissingMark
      if (!act) return found
      this.atMissingMark = undefined
      await act()
      return undefined
    }
  }

  it('B5: that another process makes at the moment at which it is looked for can be written', async () => {
    const files = new BusyFiles()
    await using(files, async (log) => {
      await log.ensureTopic('t', 1)
      await files.remove(MARK)
      files.atMissingMark = () => using(files, async (other) => void (await other.produce('t', numbered('other', 1))))
      await using(files, async (own) => {
        await own.lanes('t')
        expect(await own.produce('t', numbered('own', 1))).toMatchObject([{ to: 2n }])
        expect(await own.produce('t', numbered('own', 1))).toMatchObject([{ to: 3n }])
      })
    })
  })

  it('B5: that could only be read is written once the rights are back', async () => {
    class DeniedFiles extends MemoryFiles {
      isDenied = false
      override async open(file: string, access: 'read' | 'write'): ReturnType<MemoryFiles['open']> {
        if (this.isDenied && access === 'write') throw Object.assign(new Error('denied'), { code: 'EACCES' })
        return super.open(file, access)
      }
    }
    const files = new DeniedFiles()
    await using(files, async (log) => {
      await log.ensureTopic('t', 1)
      await log.produce('t', numbered('a', 1))
    })
    await using(files, async (log) => {
      files.isDenied = true
      expect(await log.lanes('t')).toMatchObject([{ end: 1n }])
      await expect(log.produce('t', numbered('b', 1))).rejects.toThrow()
      files.isDenied = false
      expect(await log.produce('t', numbered('c', 1))).toMatchObject([{ to: 2n }])
    })
  })
})

describe('A1: a disk that stays full', () => {
  it('leaves no file behind, however often writing is tried, and the log goes on when there is room', async () => {
    const files = await written(1)
    const before = await files.names('/log/t/0')
    await using(files, async (log) => {
      // Half of each write finds room, so that each begins with the torn end of the one before.
      files.onWrite = () => 'short'
      for (let tries = 0; tries < 5; tries += 1) {
        await expect(log.produce('t', numbered('full', 1))).rejects.toMatchObject({ code: 'log_full' })
      }
      expect(await files.names('/log/t/0')).toEqual(before)
      expect((await files.names('/log/t/locks')).filter((name) => name.endsWith('.owner'))).toEqual([])
      files.onWrite = undefined
      expect(await log.produce('t', numbered('1-', 3))).toMatchObject([{ from: 3n }])
      expect((await readAll(log, lane)).map(({ value }) => value)).toEqual(expected(2))
    })
  })

  it('keeps a torn end that can be copied nowhere, and copies it once there is room', async () => {
    const files = await written(1)
    const before = await files.names('/log/t/0')
    await using(files, async (log) => {
      await log.produce('t', numbered('1-', 3))
      files.onWrite = () => 'short'
      for (let tries = 0; tries < 5; tries += 1) {
        await expect(log.produce('t', numbered('full', 1))).rejects.toMatchObject({ code: 'log_full' })
      }
      expect(await files.names('/log/t/0')).toEqual(before)
      files.onWrite = undefined
      expect(await log.produce('t', numbered('2-', 3))).toMatchObject([{ from: 6n }])
      expect((await files.names('/log/t/0')).filter((name) => name.endsWith('.torn'))).toHaveLength(1)
    })
  })
})

describe('B5: the description of a topic', () => {
  const TOPIC = '/log/t/topic.json'

  it('B5: with any bit flipped the topic is the same, and whoever makes topics restores it', async () => {
    const whole = await written(2, undefined, 2)
    const [before] = await using(whole, (log) => log.lanes('t'))
    const bits = whole.bytesOf(TOPIC).length * 8
    for (let bit = 0; bit < bits; bit += 5) {
      const files = whole.copy()
      files.flipBit(TOPIC, bit)
      await using(files, async (log) => {
        expect((await log.lanes('t')).map(({ topicId, end }) => [topicId, end])).toEqual([
          [before?.topicId, 3n],
          [before?.topicId, 3n],
        ])
      })
      const events: FileLogEvent[] = []
      await using(files, (log) => log.ensureTopic('t', 1), { events })
      if (events.length > 0) expect(files.bytesOf(TOPIC)).toEqual(whole.bytesOf(TOPIC))
    }
  })

  it('B5: that is missing is told by the lanes; a topic that was deleted is gone', async () => {
    const files = await written(2)
    const [before] = await using(files, (log) => log.lanes('t'))
    const text = files.bytesOf(TOPIC)
    await files.remove(TOPIC)
    const events: FileLogEvent[] = []
    await using(
      files,
      async (log) => {
        expect(await log.lanes('t')).toEqual([before])
        await log.ensureTopic('t', 1)
        expect(await readAll(log, lane)).toHaveLength(6)
      },
      { events },
    )
    expect(events).toEqual([{ kind: 'topic_restored', topic: 't', message: expect.stringContaining('missing') }])
    expect(files.bytesOf(TOPIC)).toEqual(text)
    files.removeAll('/log/t')
    await using(files, async (log) => expect(await log.lanes('t')).toEqual([]))
  })
})
