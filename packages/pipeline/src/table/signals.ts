/** Tells waiting workers of this process that a table has a new commit. */
export class CommitSignals {
  readonly #waiting = new Map<string, Set<() => void>>()
  readonly #counts = new Map<string, number>()

  notify(table: string): void {
    this.#counts.set(table, this.count(table) + 1)
    const waiting = this.#waiting.get(table)
    this.#waiting.delete(table)
    for (const wake of waiting ?? []) wake()
  }

  /** Commits of the table that were told of so far. */
  count(table: string): number {
    return this.#counts.get(table) ?? 0
  }

  /** Resolves at the first commit of the table after the `count`, at the time limit, or on abort. */
  async wait(table: string, count: number, sleep: Promise<void>): Promise<void> {
    if (this.count(table) !== count) return
    let wake = (): void => undefined
    const woken = new Promise<void>((resolve) => {
      wake = resolve
    })
    const waiting = this.#waiting.get(table) ?? new Set()
    this.#waiting.set(table, waiting.add(wake))
    await Promise.race([woken, sleep])
    waiting.delete(wake)
  }
}
