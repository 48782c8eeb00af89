import path from 'node:path'
import { crc32 } from 'node:zlib'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type EndMark, EndMarkFile, markedTopic } from '../src/file/end-mark.js'
import type { LogFile, LogFiles } from '../src/file/files/log-files.js'
import { MemoryFiles } from '../src/file/files/memory-files.js'

const TOPIC = '/log/t'
const FILE = '/log/t/ends/3.end'
const ID = '0123456789abcdef0123456789abcdef0123'
const LANE = { topicId: ID, partitions: 5, partition: 3 }
const mark = (n: number): EndMark => ({
  segment: BigInt(n),
  byte: 8 * n,
  next: BigInt(10 * n),
  start: BigInt(n - 1),
})
const MARK = mark(1)

/** An object with some of its methods replaced. */
function having<T extends object>(target: T, replaced: Partial<T>): T {
  return new Proxy(target, {
    get: (_, name) => {
      const found = Reflect.get(name in replaced ? replaced : target, name)
      return typeof found === 'function' ? found.bind(target) : found
    },
  })
}

function fileOf(files: LogFiles, lane = LANE): EndMarkFile {
  return new EndMarkFile(files, TOPIC, lane)
}

/** Marks 1, 2, … written one after the other, each into the slot that the one before did not take. */
async function written(files: LogFiles, count: number): Promise<void> {
  const file = fileOf(files)
  await file.make(mark(1))
  await file.read()
  for (let n = 2; n <= count; n++) await file.write(mark(n))
}

/** Marks of several lanes of a topic, as its folder has them. */
async function topicOf(...lanes: (typeof LANE)[]): Promise<MemoryFiles> {
  const files = new MemoryFiles()
  for (const lane of lanes) await fileOf(files, lane).make(MARK)
  return files
}

describe('the end mark of a lane', () => {
  it('B5: says what was written last, to whoever opens it, whatever the numbers', async () => {
    const offset = fc.bigInt({ min: 0n, max: 2n ** 63n - 1n })
    const any = fc.record({ segment: offset, byte: fc.nat(2 ** 40), next: offset, start: offset })
    await fc.assert(
      fc.asyncProperty(fc.array(any, { minLength: 1, maxLength: 5 }), async (marks) => {
        const files = new MemoryFiles()
        const file = fileOf(files)
        for (const one of marks) {
          await file.write(one)
          expect(await fileOf(files).read()).toEqual({ kind: 'known', mark: one })
        }
      }),
      { numRuns: 30 },
    )
  })

  it('B5: a write leaves the slot of the one before as it is, also by who has just opened it', async () => {
    const files = new MemoryFiles()
    await written(files, 4)
    for (const n of [5, 6, 7]) {
      const before = files.bytesOf(FILE)
      const file = fileOf(files)
      await file.read()
      await file.write(mark(n))
      const after = files.bytesOf(FILE)
      const changed = [0, 4096].filter(
        (at) => !Buffer.from(before.subarray(at, at + 96)).equals(after.subarray(at, at + 96)),
      )
      expect(changed).toEqual([n % 2 === 0 ? 0 : 4096])
    }
  })

  it('B5: when the newest slot is torn or damaged anywhere, the one before it counts', async () => {
    for (const [count, newest] of [
      [4, 0],
      [5, 4096],
    ] as const) {
      const files = new MemoryFiles()
      await written(files, count)
      const whole = files.bytesOf(FILE)
      for (let byte = 0; byte < 96; byte++) {
        files.setBytes(FILE, whole)
        files.flipBit(FILE, (newest + byte) * 8 + (byte % 8))
        expect([byte, await fileOf(files).read()]).toEqual([byte, { kind: 'known', mark: mark(count - 1) }])
      }
    }
  })

  it('B5: no file is missing; one with no slot of this lane is damaged, whatever its length', async () => {
    expect(await fileOf(new MemoryFiles()).read()).toEqual({ kind: 'missing' })
    const files = await topicOf(LANE)
    const whole = files.bytesOf(FILE)
    const readAt = async (length: number) => {
      files.setBytes(FILE, whole.slice(0, length))
      return fileOf(files).read()
    }
    expect(await readAt(0)).toEqual({ kind: 'damaged' })
    expect(await readAt(95)).toEqual({ kind: 'damaged' })
    expect(await readAt(96)).toEqual({ kind: 'known', mark: MARK })
    files.setBytes(FILE, whole)
    expect(await fileOf(files, { ...LANE, topicId: 'another' }).read()).toEqual({ kind: 'damaged' })
    files.setBytes('/log/t/ends/2.end', whole)
    expect(await fileOf(files, { ...LANE, partition: 2 }).read()).toEqual({ kind: 'damaged' })
  })

  it('B5: its bytes are these, in both slots of a new file', async () => {
    const files = await topicOf(LANE)
    const slot = (sequence: bigint): Uint8Array => {
      const view = new DataView(new ArrayBuffer(96))
      view.setUint32(0, 0x45595341, true)
      for (const [at, value] of [sequence, 1n, 8n, 10n, 0n].entries()) view.setBigInt64(8 + 8 * at, value, true)
      view.setUint32(48, 3, true)
      view.setUint32(52, 5, true)
      const bytes = new Uint8Array(view.buffer)
      bytes.set(Buffer.from(ID), 56)
      view.setUint32(4, crc32(bytes.subarray(8)), true)
      return bytes
    }
    const expected = new Uint8Array(8192)
    expected.set(slot(0n))
    expected.set(slot(1n), 4096)
    expect(Buffer.from(files.bytesOf(FILE)).equals(expected)).toBe(true)
  })

  it('B5: keeps the 40 bytes of the longest id, and says so of itself', async () => {
    const lane = { ...LANE, topicId: 'x'.repeat(40) }
    const files = await topicOf(lane)
    expect(await fileOf(files, lane).read()).toEqual({ kind: 'known', mark: MARK })
  })

  it('B5: is made once, durably, and leaves nothing beside it; who comes second keeps what is there', async () => {
    const files = new MemoryFiles()
    const synced: string[] = []
    const created: string[] = []
    const watched = having<LogFiles>(files, {
      create: (file: string) => {
        created.push(path.dirname(file))
        return files.create(file)
      },
      syncFolder: async (folder: string) => void synced.push(folder),
    })
    expect(await fileOf(watched).make(mark(1))).toBe(true)
    expect(synced).toEqual([TOPIC, `${TOPIC}/ends`])
    expect(await fileOf(watched).make(mark(2))).toBe(false)
    expect(synced).toEqual([TOPIC, `${TOPIC}/ends`, `${TOPIC}/ends`])
    expect(files.below('/log')).toEqual([FILE])
    expect(created).toEqual([`${TOPIC}/ends`, `${TOPIC}/ends`])
    files.losePower()
    expect(await fileOf(files).read()).toEqual({ kind: 'known', mark: mark(1) })
  })

  it('B5: who finds no mark, and is overtaken as it makes one, writes behind what the other has', async () => {
    const files = new MemoryFiles()
    let isFirst = true
    const overtaken = having<LogFiles>(files, {
      link: async (from: string, to: string) => {
        if (isFirst) await written(files, 4)
        isFirst = false
        return files.link(from, to)
      },
    })
    await fileOf(overtaken).write(mark(9))
    expect(await fileOf(files).read()).toEqual({ kind: 'known', mark: mark(9) })
  })

  it('A7: a file that vanishes as it is made is an outage', async () => {
    const files = having<LogFiles>(new MemoryFiles(), { link: async () => 'taken' })
    await expect(fileOf(files).write(MARK)).rejects.toMatchObject({ code: 'log_failed' })
  })

  it('B5: is on the disk once it was synced', async () => {
    const files = new MemoryFiles()
    await written(files, 1)
    const file = fileOf(files)
    await file.sync()
    await file.read()
    await file.write(mark(2))
    await file.sync()
    await file.write(mark(3))
    files.losePower()
    expect(await fileOf(files).read()).toEqual({ kind: 'known', mark: mark(2) })
  })
})

describe('an end mark that may not be written', () => {
  /** Files whose opening for writing fails with a code, as long as there is one; counts what is open. */
  function guarded(files: MemoryFiles) {
    const fail: { code: string | undefined } = { code: undefined }
    let open = 0
    let opened = 0
    const open_ = async (path: string, access: 'read' | 'write'): Promise<LogFile | undefined> => {
      if (access === 'write' && fail.code) throw Object.assign(new Error(fail.code), { code: fail.code })
      const file = await files.open(path, access)
      if (!file) return undefined
      open++
      opened++
      return having(file, { close: async () => void open-- })
    }
    return { files: having<LogFiles>(files, { open: open_ }), fail, open: () => open, opened: () => opened }
  }

  it('B5: is read all the same, and written as soon as the rights are back', async () => {
    for (const code of ['EACCES', 'EPERM', 'EROFS']) {
      const memory = await topicOf(LANE)
      const { files, fail, open } = guarded(memory)
      const file = fileOf(files)
      fail.code = code
      expect(await file.read()).toEqual({ kind: 'known', mark: MARK })
      await expect(file.write(mark(2))).rejects.toMatchObject({ code: 'EBADF' })
      fail.code = undefined
      await file.write(mark(2))
      expect(await fileOf(memory).read()).toEqual({ kind: 'known', mark: mark(2) })
      expect(open()).toBe(1)
      await file.close()
      await file.close()
      expect(open()).toBe(0)
    }
  })

  it('A7: any other failure is passed on', async () => {
    const { files, fail } = guarded(await topicOf(LANE))
    fail.code = 'EIO'
    await expect(fileOf(files).read()).rejects.toMatchObject({ code: 'EIO' })
  })

  it('A6: is opened once, though two ask for it at the same time', async () => {
    const { files, open, opened } = guarded(await topicOf(LANE))
    const file = fileOf(files)
    await Promise.all([file.read(), file.read()])
    expect(open()).toBe(1)
    const before = opened()
    await file.read()
    await file.write(mark(2))
    await file.write(mark(3))
    expect([open(), opened()]).toEqual([1, before])
  })
})

describe('what the marks of its lanes say of a topic', () => {
  const at = (partition: number, topic: Partial<typeof LANE> = {}) => ({ ...LANE, partition, ...topic })

  it('B3: its id and partitions, where they agree', async () => {
    expect(await markedTopic(await topicOf(at(0), at(12)), TOPIC)).toEqual({ topicId: ID, partitions: 5 })
    expect(await markedTopic(new MemoryFiles(), TOPIC)).toBeUndefined()
  })

  it('B3: nothing, where they disagree in one of both', async () => {
    expect(await markedTopic(await topicOf(at(0), at(1, { topicId: 'another' })), TOPIC)).toBeUndefined()
    expect(await markedTopic(await topicOf(at(0), at(1, { partitions: 6 })), TOPIC)).toBeUndefined()
    expect(await markedTopic(await topicOf(at(0), at(12, { partitions: 6 })), TOPIC)).toBeUndefined()
  })

  it('B3: files that are no mark, or of a lane with another number, are passed over', async () => {
    const files = await topicOf(at(4))
    const bytes = files.bytesOf(`${TOPIC}/ends/4.end`)
    const another = await topicOf(at(4, { partitions: 6 }))
    const other = another.bytesOf(`${TOPIC}/ends/4.end`)
    files.setBytes(`${TOPIC}/ends/1.end`, other)
    files.setBytes(`${TOPIC}/ends/2.end`, new Uint8Array(8192))
    files.setBytes(`${TOPIC}/ends/3.end`, new Uint8Array(95))
    files.setBytes(`${TOPIC}/ends/x4.end`, other)
    files.setBytes(`${TOPIC}/ends/4.end.17.1.new`, other)
    files.setBytes(`${TOPIC}/ends/4.end`, bytes)
    expect(await markedTopic(files, TOPIC)).toEqual({ topicId: ID, partitions: 5 })
  })
})
