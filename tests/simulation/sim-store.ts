import type { ObjectEntry } from '@assay/object-store'
import { TestStore } from '../support/memory-lake.js'

/** Mutations that a listing may not show yet. */
const LAG_MAX = 4

/** The store that all processes of a run share: it remembers its newest writes, so that a listing can lag behind. */
export class SimStore extends TestStore {
  readonly #recent: { readonly key: string; readonly before: ObjectEntry | undefined }[] = []
  /** Called before an object goes. */
  onDelete: ((key: string) => Promise<void>) | undefined
  /** Called when an object was made that was not there. */
  onCreate: ((key: string, bytes: Uint8Array) => void) | undefined

  override async put(key: string, bytes: Uint8Array): Promise<void> {
    await this.#remember(key)
    await super.put(key, bytes)
  }

  override async putIfAbsent(key: string, bytes: Uint8Array): Promise<'created' | 'exists'> {
    const outcome = await super.putIfAbsent(key, bytes)
    if (outcome === 'created') this.onCreate?.(key, bytes)
    return outcome
  }

  override async delete(key: string): Promise<void> {
    await this.onDelete?.(key)
    await this.#remember(key)
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
