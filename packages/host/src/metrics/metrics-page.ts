import type { Clock } from '@assay/core'
import { markdownTable } from '@assay/lake'
import { LAYERS } from '@assay/medallion'
import { Registry } from 'prom-client'
import { LaneMetrics } from './lane-metrics.js'
import { StoreMetrics } from './store-metrics.js'
import { WorkerMetrics } from './worker-metrics.js'

const HEAD = `# Metrics of the services

Each service serves its own at \`/metrics\`, in Prometheus' text format, beside those of any Node process
(\`process_…\`, \`nodejs_…\`). Those of the feed, of bronze and of silver carry the label \`exchange\`; gold works on all exchanges
at once. Positions and lags of a lane carry \`exchange\`, \`topic\` and \`partition\` in every layer.

This page is made from the code: \`npm run build && node docs/write-metrics.mjs\`.
`

/** The reference page of the metrics, in Markdown: those of the layers' services, and what `addOthers` registers. */
export function metricsPage(clock: Clock, addOthers: (registry: Registry) => void): string {
  const registry = new Registry()
  addOthers(registry)
  new StoreMetrics(registry)
  for (const layer of LAYERS) {
    new WorkerMetrics(registry, layer, [])
    new LaneMetrics(registry, layer, clock)
  }
  const rows = registry.getMetricsAsArray().map(({ name, type, help }) => [`\`${name}\``, String(type), help])
  return `${HEAD}\n${markdownTable(['name', 'type', 'means'], rows)}`
}
