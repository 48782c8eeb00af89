import { OutageError } from '@assay/core'
import type { ObjectEntry, ObjectStore } from './store.js'

/** One call of a store's method; `index` counts from 0 over all methods. `key` is the prefix of a listing. */
export interface StoreCall {
  readonly index: number
  readonly method: Exclude<keyof ObjectStore, 'location' | 'isLocationOf'>
  readonly key: string
}

/**
 * `error_before`: nothing is done and the call fails. `error_after`: all is done and the call fails all the same,
 * as when the response gets lost. Both fail with an `OutageError` (`injected_fault`).
 */
export type Fault = 'none' | 'error_before' | 'error_after'

/** Decides the fate of a call. A plan that returns a promise holds the call back until it resolves. */
export type FaultPlan = (call: StoreCall) => Fault | Promise<Fault>

/** Wraps a store and fails the calls that a plan picks, for tests that fail every call site in turn. */
export class FaultyStore implements ObjectStore {
  /** How many calls there were. */
  calls = 0
  readonly #inner: ObjectStore
  readonly #plan: FaultPlan

  constructor(inner: ObjectStore, plan: FaultPlan) {
    this.#inner = inner
    this.#plan = plan
  }

  location(key: string): string {
    return this.#inner.location(key)
  }

  isLocationOf(location: string, key: string): Promise<boolean> {
    return this.#inner.isLocationOf(location, key)
  }

  get(key: string): Promise<Uint8Array | undefined> {
    return this.#run('get', key, () => this.#inner.get(key))
  }

  size_bytes(key: string): Promise<number | undefined> {
    return this.#run('size_bytes', key, () => this.#inner.size_bytes(key))
  }

  put(key: string, bytes: Uint8Array): Promise<void> {
    return this.#run('put', key, () => this.#inner.put(key, bytes))
  }

  putIfAbsent(key: string, bytes: Uint8Array): Promise<'created' | 'exists'> {
    return this.#run('putIfAbsent', key, () => this.#inner.putIfAbsent(key, bytes))
  }

  create(key: string, bytes: Uint8Array): Promise<void> {
    return this.#run('create', key, () => this.#inner.create(key, bytes))
  }

  putFile(key: string, localPath: string): Promise<void> {
    return this.#run('putFile', key, () => this.#inner.putFile(key, localPath))
  }

  localPath(key: string): Promise<string> {
    return this.#run('localPath', key, () => this.#inner.localPath(key))
  }

  scratchDirectory(): Promise<string> {
    return this.#run('scratchDirectory', '', () => this.#inner.scratchDirectory())
  }

  /** With `error_after` the listing breaks off when all entries but the end have been given. */
  async *list(prefix: string): AsyncGenerator<ObjectEntry> {
    const call = this.#count('list', prefix)
    const fault = await this.#plan(call)
    if (fault === 'error_before') throw injected(call, fault)
    yield* this.#inner.list(prefix)
    if (fault === 'error_after') throw injected(call, fault)
  }

  delete(key: string): Promise<void> {
    return this.#run('delete', key, () => this.#inner.delete(key))
  }

  async #run<T>(method: StoreCall['method'], key: string, step: () => Promise<T>): Promise<T> {
    const call = this.#count(method, key)
    const fault = await this.#plan(call)
    if (fault === 'error_before') throw injected(call, fault)
    const result = await step()
    if (fault === 'error_after') throw injected(call, fault)
    return result
  }

  #count(method: StoreCall['method'], key: string): StoreCall {
    const call = { index: this.calls, method, key }
    this.calls += 1
    return call
  }
}

function injected(call: StoreCall, fault: Fault): OutageError {
  return new OutageError('injected_fault', `${fault} at call ${call.index}: ${call.method} ${call.key}`)
}
