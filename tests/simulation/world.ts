import { setImmediate } from 'node:timers/promises'
import { AssayError, OutageError, type Random, seededRandom } from '@assay/core'

/** What a process asks of the world outside it. Only reads and writes of store, log and registry meet faults. */
export type CallKind = 'read' | 'write' | 'sleep' | 'engine'

export interface Call {
  readonly caller: Caller
  readonly kind: CallKind
  readonly name: string
  /** Not before this time. */
  due_ms: number
  readonly run: () => Promise<unknown>
  readonly answer: (value: unknown) => void
  readonly fail: (error: unknown) => void
}

/** Whoever makes calls: a worker's process. */
export interface Caller {
  readonly name: string
  /** Its calls are held until then. */
  readonly frozenUntil_ms: number
}

/** A commit that is about to be put. */
export interface Commit {
  readonly caller: Caller
  /** The table's name. */
  readonly table: string
}

/** A fault that happens once, right before or after the put of a commit that it wants. */
export interface CommitFault {
  readonly when: 'before' | 'after'
  readonly wants: (commit: Commit) => boolean
  readonly run: (commit: Commit) => Promise<void>
}

/** Chances that a call meets a fault. */
export interface FaultRates {
  readonly before: number
  readonly after: number
  readonly delay: number
  /** A statement of the engine fails, as when memory or scratch space runs out. */
  readonly engine: number
  /** A listing lags behind by some writes. */
  readonly stale: number
}

export const CALM: FaultRates = { before: 0, after: 0, delay: 0, engine: 0, stale: 0 }
export const ENGINE_FAULT = 'injected_engine_fault'

export interface WorldOptions {
  readonly traces?: boolean
  /** Disturbances, by number, that don't happen. */
  readonly skips?: ReadonlySet<number>
}

const NOTHING: ReadonlySet<number> = new Set()
const CALL_MS_MAX = 4
const COMMIT_PUT = /^putIfAbsent .*\/([^/]+)\/metadata\/v\d+\.metadata\.json$/
const DELAY_MS_MAX = 3_000

/**
 * Time, chance and order of everything: each call of a process waits here until it is chosen, runs alone to its end,
 * and the next is chosen when nobody has anything left to do but wait. One seed is one course of events.
 */
export class World {
  readonly random: Random
  readonly start_ms = Date.UTC(2026, 5, 1)
  now_ms = this.start_ms
  faults: FaultRates = CALM
  registryAway = false
  /** Until then the store answers nobody, whether it does what it is asked or not. */
  outageUntil_ms = 0
  steps = 0
  /** Faults that wait for a commit. */
  readonly commitFaults: CommitFault[] = []
  readonly #waiting: Call[] = []
  readonly #trace: string[] | undefined
  readonly #skips: ReadonlySet<number>
  #disturbances = 0
  #hash = 0x811c9dc5

  constructor(seed: number, { traces = false, skips = NOTHING }: WorldOptions = {}) {
    this.random = seededRandom(seed)
    this.#trace = traces ? [] : undefined
    this.#skips = skips
  }

  /** Disturbances so far, those that were left out included. */
  get disturbances(): number {
    return this.#disturbances
  }

  /** Asked before each disturbance, so that a failing course can be told with fewer of them. */
  allows(): boolean {
    return !this.#skips.has(this.#disturbances++)
  }

  /** A digest of all that happened so far. */
  get hash(): string {
    return (this.#hash >>> 0).toString(16)
  }

  get trace(): readonly string[] {
    return this.#trace ?? []
  }

  chance(probability: number): boolean {
    return this.random.unit() < probability
  }

  /** An integer from 0 up to, but not including, `limit`. */
  below(limit: number): number {
    return Math.floor(this.random.unit() * limit)
  }

  oneOf<T>(items: readonly T[]): T {
    return items[this.below(items.length)] as T
  }

  tell(text: string): void {
    const line = `${this.steps} +${this.now_ms - this.start_ms}ms ${text}`
    for (let i = 0; i < line.length; i++) this.#hash = Math.imul(this.#hash ^ line.charCodeAt(i), 0x01000193)
    this.#trace?.push(line)
  }

  call<T>(caller: Caller, kind: CallKind, name: string, run: () => Promise<T>, due_ms = this.now_ms): Promise<T> {
    return new Promise<T>((resolve, fail) => {
      this.#waiting.push({ caller, kind, name, due_ms, run, answer: (value) => resolve(value as T), fail })
    })
  }

  /** Brings calls that wait for a time forward to now. */
  wake(calls: (call: Call) => boolean): void {
    for (const call of this.#waiting) if (calls(call)) call.due_ms = Math.min(call.due_ms, this.now_ms)
  }

  /** Takes a process's calls away; those that are given back as `landing` still take effect, unseen. */
  abandon(caller: Caller, lands: (call: Call) => number | undefined): void {
    for (let i = this.#waiting.length - 1; i >= 0; i--) {
      const call = this.#waiting[i] as Call
      if (call.caller !== caller) continue
      this.#waiting.splice(i, 1)
      const due_ms = lands(call)
      if (due_ms === undefined) continue
      const late = { name: `late call of ${caller.name}`, frozenUntil_ms: 0 }
      const unseen = { answer: () => undefined, fail: () => undefined }
      this.#waiting.push({ ...call, ...unseen, caller: late, kind: 'sleep', due_ms })
    }
  }

  /** Lets one call happen; false when none is left. */
  async step(): Promise<boolean> {
    await quiet()
    if (this.#waiting.length === 0) return false
    const startOf = (call: Call): number => Math.max(call.due_ms, call.caller.frozenUntil_ms)
    let ready = this.#waiting.filter((call) => startOf(call) <= this.now_ms)
    if (ready.length === 0) {
      this.now_ms = Math.min(...this.#waiting.map(startOf))
      ready = this.#waiting.filter((call) => startOf(call) <= this.now_ms)
    }
    const call = this.oneOf(ready)
    const table = COMMIT_PUT.exec(call.name)?.[1]
    const commit = table === undefined ? undefined : { caller: call.caller, table }
    if (commit && (await this.#inject('before', commit))) return true
    this.#waiting.splice(this.#waiting.indexOf(call), 1)
    this.now_ms += this.below(CALL_MS_MAX)
    this.steps++
    await this.#happen(call)
    if (commit) await this.#inject('after', commit)
    return true
  }

  async #inject(when: CommitFault['when'], commit: Commit): Promise<boolean> {
    const at = this.commitFaults.findIndex((one) => one.when === when && one.wants(commit))
    const [fault] = at < 0 ? [] : this.commitFaults.splice(at, 1)
    await fault?.run(commit)
    return fault !== undefined
  }

  async #happen(call: Call): Promise<void> {
    const drawn = this.#faultOf(call)
    const fault = drawn && this.allows() ? drawn : undefined
    if (fault === 'delay') {
      call.due_ms = this.now_ms + this.below(DELAY_MS_MAX)
      this.#waiting.push(call)
      return
    }
    this.tell(`${call.caller.name}: ${call.name}${fault ? ` (${fault})` : ''}`)
    if (fault === 'engine') return call.fail(new AssayError(ENGINE_FAULT, 'no space left'))
    if (fault === 'before') return call.fail(outage(call))
    try {
      const value = await call.run()
      if (fault === 'after') call.fail(outage(call))
      else call.answer(value)
    } catch (error) {
      call.fail(error)
    }
  }

  #faultOf({ kind }: Call): 'before' | 'after' | 'delay' | 'engine' | undefined {
    if (kind === 'sleep') return undefined
    const lot = this.random.unit()
    const { before, after, delay, engine } = this.faults
    if (kind === 'engine') return lot < engine ? 'engine' : undefined
    if (this.now_ms < this.outageUntil_ms) return lot < 0.5 ? 'before' : 'after'
    if (lot < before) return 'before'
    if (lot < before + after) return 'after'
    return lot < before + after + delay ? 'delay' : undefined
  }
}

function outage({ name }: Call): OutageError {
  return new OutageError('injected_outage', `no answer to ${name}`)
}

/** Resolves when all processes wait for calls: no promise is left to run, no file is being removed. */
async function quiet(): Promise<void> {
  do await setImmediate()
  while (process.getActiveResourcesInfo().some((resource) => resource.startsWith('FSReq')))
}
