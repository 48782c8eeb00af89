import type { ObjectEntry } from '@assay/object-store'
import { TestStore } from '../support/memory-lake.js'

/** Mutations that a listing may not show yet. */
const LAG_MAX = 4

/** What becomes of a write whose writer is told that it is done. */
export type WriteFate =
  | { readonly kind: 'lost' }
  | { readonly kind: 'short'; readonly length: number }
  | { readonly kind: 'misdirected'; readonly to: string }

/** The store that all processes of a run share: it remembers its newest writes, so that a listing can lag behind. */
export class SimStore extends TestStore {
  readonly #recent: { readonly key: string; readonly before: ObjectEntry | undefined }[] = []
  /** Called before an object goes. */
  onDelete: ((key: string) => Promise<void>) | undefined
  /** Called when an object was made that was not there. */
  onCreate: ((key: string, bytes: Uint8Array) => void) | undefined
  /** Asked of each write; without an answer it is done. */
  onWrite: ((key: string, bytes: Uint8Array) => Promise<WriteFate> | undefined) | undefined
  /** What objects held, or were told to hold, that the disk has lost or changed since. */
  readonly #intact = new Map<string, Uint8Array>()

  override async put(key: string, bytes: Uint8Array): Promise<void> {
    const fate = await this.onWrite?.(key, bytes)
    if (fate) return this.#mistake(fate, key, bytes)
    await this.#remember(key)
    this.#intact.delete(key)
    await super.put(key, bytes)
  }

  async #mistake(fate: WriteFate, key: string, bytes: Uint8Array): Promise<void> {
    this.#intact.set(key, new Uint8Array(bytes))
    if (fate.kind === 'short') await super.put(key, bytes.subarray(0, fate.length))
    else if (fate.kind === 'misdirected') await this.damage(fate.to, bytes)
  }

  /** The disk has something else there, or nothing. */
  async damage(key: string, bytes: Uint8Array | undefined): Promise<void> {
    const before = this.#intact.get(key) ?? (await this.get(key))
    if (before) this.#intact.set(key, before)
    if (bytes) await super.put(key, bytes)
    else await super.delete(key)
  }

  /** Every object is as it was told to be, as from a copy. */
  async restore(): Promise<void> {
    for (const [key, bytes] of this.#intact) await super.put(key, bytes)
    this.#intact.clear()
  }

  /** Objects that are not what they were told to be. */
  get damaged(): readonly string[] {
    return [...this.#intact.keys()]
  }

  override async putIfAbsent(key: string, bytes: Uint8Array): Promise<'created' | 'exists'> {
    const outcome = await super.putIfAbsent(key, bytes)
    if (outcome === 'created') this.onCreate?.(key, bytes)
    return outcome
  }

  override async delete(key: string): Promise<void> {
    await this.onDelete?.(key)
    await this.#remember(key)
    this.#intact.delete(key)
    await super.delete(key)
  }

  async #remember(key: string): Promise<void> {
    const size_bytes = await this.size_bytes(key)
    this.#recent.push({ key, before: size_bytes === undefined ? undefined : { key, size_bytes, modified_ms: 0 } })
    if (this.#recent.length > LAG_MAX) this.#recent.shift()
  }

  /** The listing as it was so many writes ago. */
  async listBehind(prefix: string, lag: number): Promise<ObjectEntry[]> {
    const entries = new Map<string, ObjectEntry>()
    for await (const entry of this.list(prefix)) entries.set(entry.key, entry)
    for (const { key, before } of this.#recent
      .slice(this.#recent.length - Math.min(lag, this.#recent.length))
      .reverse()) {
      if (!key.startsWith(prefix)) continue
      if (before) entries.set(key, before)
      else entries.delete(key)
    }
    return [...entries.values()].sort((a, b) => (a.key < b.key ? -1 : 1))
  }
}
