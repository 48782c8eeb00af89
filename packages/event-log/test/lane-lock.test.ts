import { type Clock, seededRandom, systemClock } from '@assay/core'
import { describe, expect, it } from 'vitest'
import { LaneLock } from '../src/file/lane-lock.js'
import { MemoryFiles, type Owner, type OwnerState, type Owners } from '../src/index.js'

const FOLDER = '/locks'
const LOCK = `${FOLDER}/0.lock`

function ownerNamed(nonce: string): Owner {
  return { nonce, pid: 1, started: '', host: 'here' }
}

/** Processes of a machine: a lock object stands for each, and those named dead are. */
class Machine {
  readonly files = new MemoryFiles()
  readonly dead = new Set<string>()
  readonly held: string[] = []
  #most = 0
  /** Called before each wait of a process. */
  onSleep: (() => Promise<void>) | undefined

  lock(name: string): LaneLock {
    const owners: Owners = {
      make: async () => ownerNamed(name),
      stateOf: async ({ nonce }): Promise<OwnerState> => (this.dead.has(nonce) ? 'dead' : 'alive'),
    }
    const clock: Clock = { ...systemClock, now_ms: Date.now, sleep: async () => this.onSleep?.() }
    return new LaneLock({
      files: this.files,
      owners,
      folder: FOLDER,
      partition: 0,
      clock,
      random: seededRandom(1),
      wait_ms_max: 60_000,
    })
  }

  /** What a process that died leaves in the place of a lock or claim. */
  leave(name: string, file = LOCK): void {
    this.dead.add(name)
    this.files.setBytes(file, new TextEncoder().encode(JSON.stringify(ownerNamed(name))))
  }

  /** Holds the lock until `release`; more holders at once than one are noticed. */
  async hold(lock: LaneLock, name: string, release: Promise<void> = Promise.resolve()): Promise<void> {
    await lock.hold(async () => {
      this.held.push(name)
      this.#most = Math.max(this.#most, this.held.length)
      await release
      this.held.splice(this.held.indexOf(name), 1)
    })
  }

  get heldAtOnceMost(): number {
    return this.#most
  }
}

describe('the lock of a lane', () => {
  it('T15: one that was taken anew between another’s claim and its unlink stays with who took it', async () => {
    const machine = new Machine()
    await machine.files.makeFolder(FOLDER)
    machine.leave('gone')
    let release = (): void => undefined
    const released = new Promise<void>((resolve) => {
      release = resolve
    })
    let quickHolds: Promise<void> | undefined
    const link = machine.files.link.bind(machine.files)
    machine.files.link = async (from, to) => {
      // The slow process has seen the dead owner, and goes for its claim: now the quick one breaks the lock and takes it.
      if (to.endsWith('gone.claim') && from.includes('slow') && !quickHolds) {
        const isHeld = new Promise<void>((resolve) => {
          quickHolds = machine.hold(
            machine.lock('quick'),
            'quick',
            Promise.resolve(resolve()).then(() => released),
          )
        })
        await isHeld
        while (machine.held.length === 0) await new Promise(setImmediate)
      }
      return link(from, to)
    }
    let waits = 0
    machine.onSleep = async () => {
      waits += 1
      if (waits === 3) release()
      await new Promise(setImmediate)
    }
    await machine.hold(machine.lock('slow'), 'slow')
    await quickHolds
    expect(machine.heldAtOnceMost).toBe(1)
    expect(waits).toBeGreaterThanOrEqual(3)
    expect(machine.files.below(FOLDER).filter((name) => /lock$|claim$/.test(name))).toEqual([])
  })

  it('T15: a claim whose holder died is broken as a lock is, however often that happens', async () => {
    const machine = new Machine()
    await machine.files.makeFolder(FOLDER)
    machine.leave('first')
    for (const [dead, by] of [
      ['first', 'second'],
      ['second', 'third'],
    ] as const)
      machine.leave(by, `${FOLDER}/0.${dead}.claim`)
    await machine.hold(machine.lock('heir'), 'heir')
    expect(machine.heldAtOnceMost).toBe(1)
    expect(await machine.files.readAll(LOCK)).toBeUndefined()
  })

  it('T15: of many that find a dead owner’s lock at once, one holds it at a time', async () => {
    const machine = new Machine()
    await machine.files.makeFolder(FOLDER)
    machine.leave('gone')
    const pause = async (): Promise<void> => {
      for (let i = 0; i < 3; i += 1) await new Promise(setImmediate)
    }
    machine.onSleep = () => new Promise((resolve) => setImmediate(resolve))
    const names = Array.from({ length: 8 }, (_, i) => `p${i}`)
    await Promise.all(names.map((name) => machine.hold(machine.lock(name), name, pause())))
    expect(machine.heldAtOnceMost).toBe(1)
  })
})
