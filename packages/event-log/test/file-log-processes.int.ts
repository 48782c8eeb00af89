import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { position, seededRandom } from '@assay/core'
import { describe, expect, it } from 'vitest'
import { type Ack, folders, openAt, type Producer, spawnProducer } from './file-logs.js'
import { numbered, readAll, type SeenRecord, seen } from './records.js'

const freshFolder = folders()
const lane = { topic: 't', partition: 0 }
const hasProc = existsSync('/proc/self/stat')

function expectNoHoles(records: readonly SeenRecord[]): void {
  expect(records.map(({ offset }) => Number(offset))).toEqual(records.map((_, i) => i))
}

/** Every record that a producer was told of is where it was told. */
function expectAcked(records: readonly SeenRecord[], acks: readonly Ack[]): void {
  for (const { name, from, to, first } of acks) {
    const found = records.slice(Number(from), Number(to)).map(({ value }) => value)
    expect(found).toEqual(Array.from({ length: Number(to - from) }, (_, i) => `${name}-${first + i}`))
  }
}

const STUCK_AFTER_MS = 60_000

/** Resolves when a producer has been told of so many calls. */
async function acknowledged({ acks }: Producer, calls: number): Promise<void> {
  const deadline_ms = performance.now() + STUCK_AFTER_MS
  while (acks.length < calls) {
    if (performance.now() > deadline_ms) throw new Error('a producer is stuck')
    await new Promise((resolve) => setTimeout(resolve, 2))
  }
}

/** A process number that was in use and is not any more. */
function deadPid(): number {
  return spawnSync(process.execPath, ['-e', '0']).pid
}

describe('T15: producers in several processes', () => {
  it('share a lane: offsets unique and without holes, and readers see whole batches only', async () => {
    const directory = await freshFolder()
    const log = await openAt(directory)
    await log.ensureTopic('t', 1)
    const [calls, count] = [60, 7]
    const producers = await Promise.all(
      ['a', 'b', 'c'].map((name) => spawnProducer(directory, 't', { name, count, calls })),
    )
    for (const producer of producers) producer.start()
    const total = BigInt(producers.length * calls * count)
    let next = position(0)
    const streamed: SeenRecord[] = []
    while (next < total) {
      await log.waitForRecords([{ lane, position: next }], 20_000)
      const result = await log.read(lane, next, { maxBytes: 1e6, maxRecords: 1e6 })
      if (result.kind !== 'records') throw new Error('out of range')
      expect(result.next % BigInt(count)).toBe(0n)
      streamed.push(...seen(result.batches))
      next = result.next
    }
    await Promise.all(producers.map(({ ended }) => ended))
    const acks = producers.flatMap((producer) => producer.acks)
    expect(acks).toHaveLength(producers.length * calls)
    expectNoHoles(streamed)
    expectAcked(streamed, acks)
    expect(await readAll(log, lane)).toEqual(streamed)
    await log.close()
  })

  it('A1: killed at any moment, lose nothing that was acknowledged, and leave the lane to the others', async () => {
    const directory = await freshFolder()
    const log = await openAt(directory)
    await log.ensureTopic('t', 1)
    const random = seededRandom(15)
    const all: Producer[] = []
    const survivor = await spawnProducer(directory, 't', { name: 'survivor', count: 5, calls: 0 })
    survivor.start()
    for (let round = 0; round < 10; round += 1) {
      const victim = await spawnProducer(directory, 't', { name: `victim${round}`, count: 5, calls: 0 })
      all.push(victim)
      victim.start()
      const before = survivor.acks.length
      // By what it has done and not by the clock: on a busy machine a process may not get far in any time.
      await acknowledged(victim, 1 + Math.floor(random.unit() * 12))
      await new Promise((resolve) => setTimeout(resolve, random.unit() * 5))
      victim.child.kill('SIGKILL')
      await victim.ended
      // The one that lives goes on, so a lock that the dead one held has been broken.
      await acknowledged(survivor, before + 3)
    }
    survivor.child.kill('SIGKILL')
    await survivor.ended
    const [last] = await log.produce('t', numbered('last', 1))
    const records = await readAll(log, lane)
    expectNoHoles(records)
    expectAcked(
      records,
      [survivor, ...all].flatMap(({ acks }) => acks),
    )
    for (const { acks } of all) expect(acks.length).toBeGreaterThan(0)
    expect(last?.to).toBe(BigInt(records.length))
    await log.close()
  })

  it('failure 18: that run out of space half-way through a write fail, and the lane goes on', async () => {
    const directory = await freshFolder()
    const log = await openAt(directory)
    await log.ensureTopic('t', 1)
    await log.produce('t', numbered('first', 1))
    const producer = await spawnProducer(directory, 't', { name: 'big', count: 100, calls: 20, file_bytes_max: 10_000 })
    producer.start()
    await producer.ended
    expect(producer.errors).toEqual(['log_failed'])
    expect(producer.acks.length).toBeGreaterThan(0)
    const [range] = await log.produce('t', numbered('last', 1))
    const records = await readAll(log, lane)
    expectNoHoles(records)
    expectAcked(records, producer.acks)
    expect(records[Number(range?.from)]?.value).toBe('last0')
    await log.close()
  })

  it('break the lock of a dead one all at once, and exactly one gets it', async () => {
    const directory = await freshFolder()
    const log = await openAt(directory)
    await log.ensureTopic('t', 1)
    const { lock, folder, owner } = await lockFile(directory)
    for (let round = 0; round < 3; round += 1) {
      const producers = await Promise.all(
        ['a', 'b', 'c', 'd'].map((name) =>
          spawnProducer(directory, 't', { name: `${name}${round}`, count: 3, calls: 10 }),
        ),
      )
      const [dead, claimer] = [owner(`dead${round}`, deadPid()), owner(`claimer${round}`, deadPid())]
      await writeFile(lock, dead)
      // In the last rounds the one that set about breaking it has died as well.
      if (round > 0) await writeFile(path.join(folder, `0.dead${round}.claim`), claimer)
      if (round > 1) await writeFile(path.join(folder, `0.claimer${round}.claim`), owner('third', deadPid()))
      for (const producer of producers) producer.start()
      await Promise.all(producers.map(({ ended }) => ended))
      const records = await readAll(log, lane)
      expect(records).toHaveLength((round + 1) * 4 * 10 * 3)
      expectNoHoles(records)
      expectAcked(
        records,
        producers.flatMap(({ acks }) => acks),
      )
    }
    expect((await readdir(folder)).filter((name) => /\.(lock|claim)$/.test(name))).toEqual([])
    await log.close()
  })
})

/** The lock's place, and text as an owner of this machine with another number would write it. */
async function lockFile(directory: string): Promise<{
  lock: string
  folder: string
  owner: (nonce: string, pid: number, changes?: { started?: string; host?: string }) => string
}> {
  const log = await openAt(directory)
  await log.ensureTopic('t', 1)
  await log.produce('t', numbered('v', 0))
  const other = await openAt(directory)
  await other.ensureTopic('probe', 1)
  await other.produce('probe', numbered('v', 1))
  const folder = path.join(directory, 't', 'locks')
  await mkdir(folder, { recursive: true })
  const probe = path.join(directory, 'probe', 'locks')
  const [name] = (await readdir(probe)).filter((file) => file.endsWith('.owner'))
  const own: unknown = JSON.parse(await readFile(path.join(probe, name ?? ''), 'utf8'))
  await Promise.all([log.close(), other.close()])
  return {
    folder,
    lock: path.join(folder, '0.lock'),
    owner: (nonce, pid, changes = {}) => JSON.stringify({ ...(own as object), nonce, pid, ...changes }),
  }
}

describe('a lock', () => {
  async function attempt(
    text: (owner: Awaited<ReturnType<typeof lockFile>>['owner']) => string,
    lock_wait_ms_max = 150,
  ): Promise<unknown> {
    const directory = await freshFolder()
    const { lock, owner } = await lockFile(directory)
    await writeFile(lock, text(owner))
    const log = await openAt(directory, { lock_wait_ms_max })
    const outcome = await log.produce('t', numbered('v', 1)).catch((error: unknown) => error)
    expect(existsSync(lock)).toBe(outcome instanceof Error)
    await log.close()
    return outcome
  }

  it('of a living process is never broken: the call ends with its name', async () => {
    expect(await attempt((owner) => owner('living', process.pid))).toMatchObject({
      code: 'lane_locked',
      retryable: true,
      message: expect.stringContaining(`process ${process.pid} on `),
    })
  })

  it('of another machine is never broken, and the hint says what to do if that one is gone', async () => {
    expect(await attempt((owner) => owner('far', deadPid(), { host: 'elsewhere' }))).toMatchObject({
      code: 'lane_locked',
      message: expect.stringContaining('on elsewhere'),
      hint: expect.stringContaining('0.lock'),
    })
  })

  it('that names nobody is never broken', async () => {
    expect(await attempt(() => '')).toMatchObject({ code: 'lane_locked' })
  })

  it('of a dead process is broken', async () => {
    expect(await attempt((owner) => owner('dead', deadPid()))).toMatchObject([{ from: 0n, to: 1n }])
  })

  it('of a dead process is broken even if all the time to wait was gone before it was looked at', async () => {
    expect(await attempt((owner) => owner('dead', deadPid()), 0)).toMatchObject([{ from: 0n, to: 1n }])
  })

  it.skipIf(!hasProc)('of a process whose number another one has by now is broken', async () => {
    expect(await attempt((owner) => owner('recycled', process.pid, { started: '1' }))).toMatchObject([{ to: 1n }])
  })

  it('leaves nothing behind when the log is closed', async () => {
    const directory = await freshFolder()
    const log = await openAt(directory)
    await log.ensureTopic('t', 1)
    await log.produce('t', numbered('v', 1))
    await log.close()
    expect(await readdir(path.join(directory, 't', 'locks'))).toEqual([])
  })
})
