/** A clock that stands still until it is advanced; sleepers wake when their time has come. */
export class SteppedClock {
  #now_ms
  #sleepers = new Set()

  constructor(start_ms) {
    this.#now_ms = start_ms
  }

  now_ms() {
    return this.#now_ms
  }

  monotonic_ms() {
    return this.#now_ms
  }

  sleep(ms, signal) {
    if (signal?.aborted || ms <= 0) return Promise.resolve()
    /** @type {Promise<void>} */
    const slept = new Promise((resolve) => {
      const sleeper = { due_ms: this.#now_ms + ms, wake: () => {} }
      sleeper.wake = () => {
        this.#sleepers.delete(sleeper)
        signal?.removeEventListener('abort', sleeper.wake)
        resolve()
      }
      signal?.addEventListener('abort', sleeper.wake)
      this.#sleepers.add(sleeper)
    })
    return slept
  }

  advance(ms) {
    this.#now_ms += ms
    for (const sleeper of [...this.#sleepers]) if (sleeper.due_ms <= this.#now_ms) sleeper.wake()
  }
}
