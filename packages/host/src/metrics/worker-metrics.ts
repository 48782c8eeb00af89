import type { Layer, LayerWorker } from '@assay/medallion'
import type { WorkerEvent } from '@assay/pipeline'
import { Counter, Gauge, Histogram, type Registry } from 'prom-client'

const SECONDS = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120]

type Labels = Readonly<Record<string, string>>

/** What the workers of a layer tell by their events, as metrics; those of a worker for all exchanges name none. */
export class WorkerMetrics {
  readonly #counters = new Map<string, Counter>()
  readonly #breakdowns = new Map<string, { readonly counter: Counter; readonly label: string }>()
  readonly #gauges = new Map<string, Gauge>()
  readonly #commits: Counter
  readonly #refused: Counter
  readonly #outages: Counter
  readonly #duration: Histogram
  readonly #labels: ReadonlyMap<string, Labels>

  constructor(registry: Registry, { name: layer, metrics }: Layer, workers: readonly LayerWorker[]) {
    const registers = [registry]
    const labelNames = workers.some(({ exchange }) => exchange) ? ['exchange'] : []
    this.#labels = new Map(workers.map(({ name, exchange }) => [name, exchange ? { exchange: exchange.name } : {}]))
    const counter = (name: string, help: string): Counter => {
      const made = new Counter({ name: `assay_${layer}_${name}_total`, help, labelNames, registers })
      // A series that begins with its first event hides that event from rates.
      for (const labels of this.#labels.values()) made.inc({ ...labels }, 0)
      return made
    }
    for (const [count, { name, help }] of Object.entries(metrics.counters)) {
      this.#counters.set(count, counter(name, help))
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
    for (const [breakdown, { name, label, help }] of Object.entries(metrics.breakdowns)) {
      const names = [...labelNames, label]
      const made = new Counter({ name: `assay_${layer}_${name}_total`, help, labelNames: names, registers })
      this.#breakdowns.set(breakdown, { counter: made, label })
    }
    for (const [count, { name, help }] of Object.entries(metrics.gauges)) {
      this.#gauges.set(count, new Gauge({ name: `assay_${layer}_${name}`, help, registers }))
    }
  }

  onEvent(event: WorkerEvent): void {
    const labels = { ...this.#labels.get(event.worker) }
    switch (event.kind) {
      case 'committed':
        this.#commits.inc(labels)
        this.#duration.observe(labels, event.duration_ms / 1000)
        for (const [name, count] of Object.entries(event.counts)) {
          this.#counters.get(name)?.inc(labels, count)
          this.#gauges.get(name)?.set(count)
        }
        for (const [name, counts] of Object.entries(event.breakdowns ?? {})) this.#break(name, counts, labels)
        return
      case 'refused':
        this.#refused.inc(labels)
        return
      case 'outage':
        this.#outages.inc(labels)
    }
  }

  #break(name: string, counts: Readonly<Record<string, number>>, labels: Labels): void {
    const found = this.#breakdowns.get(name)
    if (!found) return
    for (const [value, count] of Object.entries(counts)) {
      found.counter.inc({ ...labels, [found.label]: value }, count)
    }
  }
}
