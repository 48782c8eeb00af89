// Writes docs/metrics.md from the metrics in the code. Run it after a build.
import { writeFile } from 'node:fs/promises'
import { systemClock } from '@assay/core'
import { metricsPage } from '@assay/host'
import { FeedMetrics } from '../services/feed/dist/feed-metrics.js'

await writeFile(
  new URL('metrics.md', import.meta.url),
  metricsPage(systemClock, (registry) => new FeedMetrics(registry, [])),
)
