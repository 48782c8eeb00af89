import { createHash } from 'node:crypto'
import { type Clock, OutageError, type Random, readJson, UsageError } from '@assay/core'
import type { ObjectEntry, ObjectStore } from '../store.js'
import { probeConditionalPuts, removeProbeLeftOvers } from './probe.js'

/** Objects that say which store let exactly one of many writers win, one for each way to reach it. */
const PROOFS_PREFIX = 'assay-store-proofs/'
/** A store may be replaced or reconfigured behind the same address. */
const PROVEN_FOR_MS = 30 * 24 * 60 * 60 * 1000
const FORMAT = 1

interface ProofOptions {
  readonly rounds: number
  /** What names the store, for people and to tell it from others. */
  readonly identity: () => Readonly<Record<string, string>>
  readonly clock: Clock
  readonly random: Random
}

/**
 * A store whose conditional puts are proven before the first of them counts: what only reads never writes. The proof is
 * kept in the store itself, so that others need not repeat it for thirty days. Throws `store_not_atomic`.
 */
export class ProvenStore implements ObjectStore {
  readonly #store: ObjectStore
  readonly #options: ProofOptions
  #proven: Promise<void> | undefined

  constructor(store: ObjectStore, options: ProofOptions) {
    this.#store = store
    this.#options = options
  }

  location(key: string): string {
    return this.#store.location(key)
  }

  isLocationOf(location: string, key: string): Promise<boolean> {
    return this.#store.isLocationOf(location, key)
  }

  get(key: string): Promise<Uint8Array | undefined> {
    return this.#store.get(key)
  }

  size_bytes(key: string): Promise<number | undefined> {
    return this.#store.size_bytes(key)
  }

  put(key: string, bytes: Uint8Array): Promise<void> {
    return this.#store.put(key, bytes)
  }

  async putIfAbsent(key: string, bytes: Uint8Array): Promise<'created' | 'exists'> {
    await this.#prove()
    return this.#store.putIfAbsent(key, bytes)
  }

  async create(key: string, bytes: Uint8Array): Promise<void> {
    await this.#prove()
    return this.#store.create(key, bytes)
  }

  async putFile(key: string, localPath: string): Promise<void> {
    await this.#prove()
    return this.#store.putFile(key, localPath)
  }

  localPath(key: string): Promise<string> {
    return this.#store.localPath(key)
  }

  scratchDirectory(): Promise<string> {
    return this.#store.scratchDirectory()
  }

  list(prefix: string): AsyncIterable<ObjectEntry> {
    return this.#store.list(prefix)
  }

  delete(key: string): Promise<void> {
    return this.#store.delete(key)
  }

  /** Once a process; what failed is done again with the next write. */
  async #prove(): Promise<void> {
    if (this.#options.rounds === 0) return
    this.#proven ??= this.#proveNow()
    const proving = this.#proven
    try {
      await proving
    } catch (error) {
      if (this.#proven === proving) this.#proven = undefined
      throw error
    }
  }

  async #proveNow(): Promise<void> {
    const { rounds, identity, clock, random } = this.#options
    const named = identity()
    const hash = createHash('sha256').update(JSON.stringify(named)).digest('hex')
    const key = `${PROOFS_PREFIX}${hash.slice(0, 32)}.json`
    const now_ms = clock.now_ms()
    // Whoever was killed in a probe may have been followed at once by one who proved the store for a month.
    await removeProbeLeftOvers(this.#store, now_ms)
    if (isInForce(await this.#store.get(key), now_ms)) return
    try {
      await probeConditionalPuts(this.#store, { rounds, random })
    } catch (error) {
      throw withoutConditions(error)
    }
    const proof = { format: FORMAT, ...named, proven_ms: now_ms }
    await this.#store.put(key, Buffer.from(`${JSON.stringify(proof, undefined, 2)}\n`))
  }
}

function isInForce(bytes: Uint8Array | undefined, now_ms: number): boolean {
  if (!bytes) return false
  try {
    const proof: unknown = readJson(Buffer.from(bytes).toString('utf8'))
    if (typeof proof !== 'object' || proof === null || !('format' in proof) || !('proven_ms' in proof)) return false
    const { format, proven_ms } = proof
    if (format !== FORMAT || typeof proven_ms !== 'number') return false
    return proven_ms <= now_ms && now_ms - proven_ms < PROVEN_FOR_MS
  } catch {
    return false
  }
}

/** A server without conditional puts will not get them by being waited for. */
function withoutConditions(error: unknown): unknown {
  if (!(error instanceof OutageError) || error.code !== 'store_lacks_feature') return error
  return new UsageError(error.code, error.message, error.hint === undefined ? {} : { hint: error.hint })
}
