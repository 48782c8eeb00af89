import { setTimeout as delay } from 'node:timers/promises'
import { runWorkers } from '@assay/lake'

/** Half the second, so that every layer is ready when the next records come. */
const INTERVAL_MS = 500
/** Real time without a commit after which the clock is moved on a little, for a worker that sleeps on it. */
const STALLED_MS = 500
const STEP_MS = 100
/** Once silver has its commit, gold sleeps for a moment to gather: so many steps are taken at once. */
const GATHER_STEPS = 3
const GATHER_QUIET_MS = 5
const STUCK_MS = 60_000

/** The workers of a lake on a stepped clock, given their time second by second. */
export class SteppedPipeline {
  commits = {}
  #lake
  #clock
  #stop = new AbortController()
  #running
  #failure
  #taken = 0
  #produced = 0
  #quietSince_ms = 0
  #gatherSteps = 0

  constructor(lake, clock) {
    this.#lake = lake
    this.#clock = clock
    this.#running = runWorkers(
      lake,
      { drain: false, adopt: false, interval_ms: INTERVAL_MS, onEvent: (event) => this.#note(event) },
      this.#stop.signal,
    ).catch((error) => {
      this.#failure = error
    })
  }

  get goldCommits() {
    return this.commits.gold ?? 0
  }

  /** Produces, lets a second pass, and waits until gold has all of it. */
  async second(topic, batch) {
    this.#produced += batch.count
    await this.#lake.log.produce(topic, batch)
    this.#clock.advance(1000 - (this.#clock.now_ms() % 1000))
    const before_ms = performance.now()
    this.#quietSince_ms = before_ms
    this.#gatherSteps = 0
    while (this.#taken < this.#produced) {
      if (this.#failure) throw this.#failure
      const now_ms = performance.now()
      if (now_ms - before_ms > STUCK_MS) throw new Error(`gold stands at ${this.#taken} of ${this.#produced} records`)
      if (now_ms - this.#quietSince_ms > (this.#gatherSteps > 0 ? GATHER_QUIET_MS : STALLED_MS)) {
        this.#quietSince_ms = now_ms
        this.#gatherSteps -= 1
        this.#clock.advance(STEP_MS)
      }
      await delay(1)
    }
  }

  async stop() {
    this.#stop.abort()
    await this.#running
  }

  #note(event) {
    if (event.kind === 'outage') this.#failure = event.error
    if (event.kind !== 'committed') return
    this.#quietSince_ms = performance.now()
    if (event.worker.startsWith('silver')) this.#gatherSteps = GATHER_STEPS
    this.commits[event.worker] = (this.commits[event.worker] ?? 0) + 1
    if (event.worker === 'gold') this.#taken += event.counts.records
  }
}
