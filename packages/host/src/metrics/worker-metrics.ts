import type { Layer } from '@assay/lake'
import type { WorkerEvent } from '@assay/pipeline'
import { Counter, Gauge, Histogram, type Registry } from 'prom-client'

const SECONDS = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120]
const TYPE_PREFIX = 'rejected_'

/** Counts of a batch that are counted up under another name than their own. */
const RECORD_COUNTERS: Readonly<Record<Layer, Readonly<Record<string, readonly [name: string, help: string]>>>> = {
  bronze: {
    records: ['records', 'Records copied from the log.'],
    bytes: ['bytes', 'Bytes of the values of those records.'],
  },
  silver: {
    records: ['records', 'Bronze rows judged.'],
    valid: ['valid_records', 'Of those, rows that passed every rule.'],
  },
  gold: {
    records: ['records', 'Silver rows compared with all of history.'],
    written: ['written_records', 'Of those, trades that were new.'],
    duplicates: ['duplicates', 'Of those, trades that gold had already.'],
  },
}

/** What the workers of a layer tell by their events, as metrics. Gold works on all exchanges: its metrics name none. */
export class WorkerMetrics {
  readonly #layer: Layer
  readonly #counts = new Map<string, Counter>()
  readonly #commits: Counter
  readonly #refused: Counter
  readonly #outages: Counter
  readonly #duration: Histogram
  readonly #deadLetters: Counter | undefined
  readonly #keySet: Gauge | undefined

  constructor(registry: Registry, layer: Layer, exchanges: readonly string[]) {
    this.#layer = layer
    const registers = [registry]
    const labelNames = layer === 'gold' ? [] : ['exchange']
    const counter = (name: string, help: string): Counter => {
      const made = new Counter({ name: `assay_${layer}_${name}_total`, help, labelNames, registers })
      // A series that begins with its first event hides that event from rates.
      if (layer !== 'gold') for (const exchange of exchanges) made.inc({ exchange }, 0)
      return made
    }
    for (const [count, [name, help]] of Object.entries(RECORD_COUNTERS[layer])) {
      this.#counts.set(count, counter(name, help))
    }
    this.#commits = counter('commits', 'Batches committed.')
    this.#refused = counter('refused_commits', 'Batches dropped because another worker had changed what they stood on.')
    this.#outages = counter('outages', 'Turns that ended because the store, the log or the registry was away.')
    this.#duration = new Histogram({
      name: `assay_${layer}_commit_duration_seconds`,
      help: 'Time from the start of a batch until it was committed.',
      labelNames,
      buckets: SECONDS,
      registers,
    })
    if (layer === 'silver') {
      this.#deadLetters = new Counter({
        name: 'assay_silver_dead_letters_total',
        help: 'Bronze rows that broke a rule, by the `error_type` of it.',
        labelNames: ['exchange', 'error_type'],
        registers,
      })
    }
    if (layer === 'gold') {
      const help = 'Memory of the set of trade ids; ASSAY_KEY_SET_BYTES is its limit.'
      this.#keySet = new Gauge({ name: 'assay_gold_key_set_bytes', help, registers })
    }
  }

  onEvent(event: WorkerEvent): void {
    const labels = this.#labels(event.worker)
    switch (event.kind) {
      case 'committed':
        this.#commits.inc(labels)
        this.#duration.observe(labels, event.duration_ms / 1000)
        for (const [name, count] of Object.entries(event.counts)) this.#count(name, count, labels)
        return
      case 'refused':
        this.#refused.inc(labels)
        return
      case 'outage':
        this.#outages.inc(labels)
    }
  }

  #count(name: string, count: number, labels: Record<string, string>): void {
    this.#counts.get(name)?.inc(labels, count)
    if (name.startsWith(TYPE_PREFIX)) {
      this.#deadLetters?.inc({ ...labels, error_type: name.slice(TYPE_PREFIX.length) }, count)
    }
    if (name === 'key_set_bytes') this.#keySet?.set(count)
  }

  /** Workers are named by layer and exchange. */
  #labels(worker: string): Record<string, string> {
    return this.#layer === 'gold' ? {} : { exchange: worker.slice(this.#layer.length + 1) }
  }
}
