interface Held<Item> {
  readonly due_us: number
  /** Counts up: of two that are due at the same time, the first is sent first. */
  readonly number: number
  readonly item: Item
}

/** Records that are made and wait to be sent, the next that is due on top of a binary heap. */
export class HeldBack<Item> {
  private readonly heap: Held<Item>[] = []
  private added = 0

  get count(): number {
    return this.heap.length
  }

  add(item: Item, due_us: number): void {
    const held = { due_us, number: this.added++, item }
    let at = this.heap.length
    while (at > 0) {
      const parent = (at - 1) >>> 1
      const above = this.heap[parent] as Held<Item>
      if (!isBefore(held, above)) break
      this.heap[at] = above
      at = parent
    }
    this.heap[at] = held
  }

  /** Takes the first of those that are due at `now_us` or before, or undefined if there is none. */
  take(now_us: number): { readonly item: Item; readonly due_us: number } | undefined {
    const first = this.heap[0]
    if (first === undefined || first.due_us > now_us) return undefined
    const last = this.heap.pop() as Held<Item>
    if (this.heap.length > 0) this.sink(last)
    return first
  }

  private sink(held: Held<Item>): void {
    const { heap } = this
    let at = 0
    for (;;) {
      const left = 2 * at + 1
      if (left >= heap.length) break
      const right = left + 1
      const child = right < heap.length && isBefore(heap[right] as Held<Item>, heap[left] as Held<Item>) ? right : left
      if (!isBefore(heap[child] as Held<Item>, held)) break
      heap[at] = heap[child] as Held<Item>
      at = child
    }
    heap[at] = held
  }
}

function isBefore(one: Held<unknown>, other: Held<unknown>): boolean {
  return one.due_us < other.due_us || (one.due_us === other.due_us && one.number < other.number)
}
