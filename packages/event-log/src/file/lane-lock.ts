import path from 'node:path'
import { type AssayError, type Clock, OutageError, type Random } from '@assay/core'
import { createWith, type LogFiles } from './files/log-files.js'
import { type Owner, type Owners, parseOwner } from './owners/owner.js'

const BACK_OFF_MS_MAX = 8
const CLAIMS_DEEP_MAX = 16

interface LaneLockOptions {
  readonly files: LogFiles
  readonly owners: Owners
  /** Folder of lock files; not the lane's own, whose time of change tells of segments. */
  readonly folder: string
  readonly partition: number
  readonly clock: Clock
  readonly random: Random
  readonly wait_ms_max: number
}

/**
 * A lock between processes. It is held by whoever's owner file has been linked to the lock's name, which succeeds
 * for one at a time, and shows a complete file to all others.
 *
 * A lock whose owner is dead is broken by whoever gets the claim named after the dead owner's nonce: only the holder
 * of the claim may remove the file, and a dead owner's nonce never comes back, so a slow process can't remove a lock
 * that was taken anew meanwhile. A claim is a lock like any other: one whose holder died is broken the same way.
 */
export class LaneLock {
  readonly #options: LaneLockOptions
  readonly #file: string
  #own: { readonly owner: Owner; readonly file: string } | undefined

  constructor(options: LaneLockOptions) {
    this.#options = options
    this.#file = path.join(options.folder, `${options.partition}.lock`)
  }

  /** Runs `step` while holding the lock. Not for two calls at a time. Throws `lane_locked` when waiting was in vain. */
  async hold<T>(step: () => Promise<T>): Promise<T> {
    await this.#acquire()
    try {
      return await step()
    } finally {
      await this.#options.files.remove(this.#file)
    }
  }

  /** Removes what this object has left in the folder. */
  async close(): Promise<void> {
    if (this.#own) {
      await this.#options.files.remove(this.#own.file)
      await this.#options.owners.release?.(this.#own.owner)
    }
    this.#own = undefined
  }

  async #acquire(): Promise<void> {
    const { files, clock, random, wait_ms_max } = this.#options
    const deadline_ms = clock.monotonic_ms() + wait_ms_max
    for (let attempt = 0; ; attempt += 1) {
      const { owner, file } = this.#own ?? (await this.#makeOwn())
      const outcome = await files.link(file, this.#file)
      if (outcome === 'linked') return
      if (outcome === 'no_source') {
        // The topic was deleted and made again.
        this.#own = undefined
        await this.#options.owners.release?.(owner)
        continue
      }
      const holder = await this.#ownerOf(this.#file)
      // The lock is ours: an earlier release failed.
      if (holder !== 'gone' && holder?.nonce === owner.nonce) return
      const isLate = clock.monotonic_ms() >= deadline_ms
      // However slow the disk was until here, a lock of a dead process is broken before anybody gives up.
      if (isLate && attempt > 0) throw await this.#inVain(holder)
      if (holder === 'gone') continue
      // Asking whether the holder lives is dear, so it isn't asked each time.
      if (holder && attempt % 8 === 0 && (await this.#break(this.#file, holder, file, CLAIMS_DEEP_MAX))) continue
      if (isLate) throw await this.#inVain(holder)
      await clock.sleep(Math.min(2 ** attempt, BACK_OFF_MS_MAX) * (0.5 + random.unit()))
    }
  }

  /** Removes a lock or claim whose holder is dead. Says whether it is worth trying again at once. */
  async #break(lock: string, holder: Owner, ownFile: string, deep: number): Promise<boolean> {
    const { files, owners } = this.#options
    if (deep === 0 || (await owners.stateOf(holder, this.#options.folder)) !== 'dead') return false
    const claim = path.join(this.#options.folder, `${this.#options.partition}.${holder.nonce}.claim`)
    if ((await files.link(ownFile, claim)) !== 'linked') {
      const claimer = await this.#ownerOf(claim)
      if (claimer === undefined) return false
      return claimer === 'gone' || this.#break(claim, claimer, ownFile, deep - 1)
    }
    try {
      const now = await this.#ownerOf(lock)
      if (now !== 'gone' && now?.nonce === holder.nonce) await files.remove(lock)
      return true
    } finally {
      await files.remove(claim)
    }
  }

  async #inVain(found: Owner | 'gone' | undefined): Promise<AssayError> {
    const holder = found === 'gone' ? undefined : found
    const by = holder ? `process ${holder.pid} on ${holder.host}` : 'an owner that left no name'
    const state = holder ? await this.#options.owners.stateOf(holder, this.#options.folder) : 'unknown'
    const hint =
      state === 'alive'
        ? 'that process is stuck or stopped: let it go on, or end it'
        : `if it runs no more (a container or machine that is gone), remove ${this.#file}`
    return new OutageError('lane_locked', `${this.#file} has been held for too long by ${by}`, { hint })
  }

  async #makeOwn(): Promise<{ readonly owner: Owner; readonly file: string }> {
    const { files, owners, folder, partition, random } = this.#options
    await files.makeFolder(folder)
    await this.#sweep()
    const owner = await owners.make(random, folder)
    const file = path.join(folder, `${partition}.${owner.nonce}.owner`)
    // After a loss of power the lock must still say whose it was.
    try {
      await createWith(files, file, new TextEncoder().encode(JSON.stringify(owner)))
    } catch (error) {
      // A disk that stays full is tried again and again.
      await owners.release?.(owner)
      throw error
    }
    this.#own = { owner, file }
    return this.#own
  }

  /**
   * Owner files of dead processes are of no use to anyone; their locks and claims are links of their own. While one of
   * those is left, what shows that its owner is dead stays.
   */
  async #sweep(): Promise<void> {
    const { files, owners, folder, partition } = this.#options
    const names = (await files.names(folder)).filter((name) => name.startsWith(`${partition}.`))
    const ownersIn = async (ending: RegExp): Promise<{ readonly file: string; readonly owner: Owner }[]> => {
      const found = await Promise.all(
        names
          .filter((name) => ending.test(name))
          .map(async (name) => ({
            file: path.join(folder, name),
            owner: await this.#ownerOf(path.join(folder, name)),
          })),
      )
      return found.flatMap(({ file, owner }) => (owner && owner !== 'gone' ? [{ file, owner }] : []))
    }
    const held = new Set((await ownersIn(/\.(lock|claim)$/)).map(({ owner }) => owner.nonce))
    for (const { file, owner } of await ownersIn(/\.owner$/)) {
      if (held.has(owner.nonce) || (await owners.stateOf(owner, folder)) !== 'dead') continue
      await files.remove(file)
      if (owner.lifeSign !== undefined) await files.remove(path.join(folder, owner.lifeSign))
    }
  }

  /** `gone` when there is no such file, undefined when it names nobody. */
  async #ownerOf(file: string): Promise<Owner | 'gone' | undefined> {
    const bytes = await this.#options.files.readAll(file)
    return bytes === undefined ? 'gone' : parseOwner(new TextDecoder().decode(bytes))
  }
}
