/** Tells waiting workers of this process that a table has a new commit. */
export class CommitSignals {
  readonly #waiting = new Map<string, Set<() => void>>()

  notify(table: string): void {
    const waiting = this.#waiting.get(table)
    this.#waiting.delete(table)
    for (const wake of waiting ?? []) wake()
  }

  /** Resolves at the next commit of the table, at the time limit, or on abort. */
  async wait(table: string, sleep: Promise<void>): Promise<void> {
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
