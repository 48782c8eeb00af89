/** Least-recently-used cache of immutable things, bounded by the sum of their sizes. */
export class BoundedCache<V> {
  readonly #limit_bytes: number
  readonly #entries = new Map<string, { readonly value: V; readonly size_bytes: number }>()
  #size_bytes = 0

  constructor(limit_bytes: number) {
    this.#limit_bytes = limit_bytes
  }

  get(key: string): V | undefined {
    const entry = this.#entries.get(key)
    if (!entry) return undefined
    this.#entries.delete(key)
    this.#entries.set(key, entry)
    return entry.value
  }

  /** Adds an entry; one that is larger than the whole cache is not kept. */
  set(key: string, value: V, size_bytes: number): void {
    this.#remove(key)
    if (size_bytes > this.#limit_bytes) return
    this.#entries.set(key, { value, size_bytes })
    this.#size_bytes += size_bytes
    for (const oldest of this.#entries.keys()) {
      if (this.#size_bytes <= this.#limit_bytes) return
      this.#remove(oldest)
    }
  }

  #remove(key: string): void {
    const entry = this.#entries.get(key)
    if (!entry) return
    this.#entries.delete(key)
    this.#size_bytes -= entry.size_bytes
  }
}
