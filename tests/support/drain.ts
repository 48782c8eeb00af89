import { type Lake, runWorkers } from '@assay/lake'
import type { LayerName } from '@assay/medallion'
import type { BatchLimits, WorkerEvent } from '@assay/pipeline'
import type { RuleSet } from '@assay/rules'
import { layersNamed } from './layers.js'

export interface DrainOptions {
  readonly layers?: readonly LayerName[]
  readonly limits?: Partial<BatchLimits>
  readonly adopt?: boolean
  readonly rules?: RuleSet
  readonly keySet_bytes?: number
}

const LIMITS: BatchLimits = { maxRows: 10_000, maxBytes: 8 * 2 ** 20, maxPartitions: 64 }

/** Runs the workers until nothing is left; gives what they told. */
export async function drain(lake: Lake, options: DrainOptions = {}): Promise<WorkerEvent[]> {
  const events: WorkerEvent[] = []
  await runWorkers(lake, runOptions(events, options, true), new AbortController().signal)
  return events
}

/** Runs the workers until the signal; gives what they told. */
export async function runUntil(lake: Lake, signal: AbortSignal, options: DrainOptions = {}): Promise<WorkerEvent[]> {
  const events: WorkerEvent[] = []
  await runWorkers(lake, runOptions(events, options, false), signal)
  return events
}

function runOptions(events: WorkerEvent[], options: DrainOptions, drains: boolean) {
  const { layers, keySet_bytes, rules } = options
  return {
    drain: drains,
    adopt: options.adopt ?? false,
    interval_ms: 0,
    limits: { ...LIMITS, ...options.limits },
    onEvent: (event: WorkerEvent) => void events.push(event),
    ...(layers && { layers: layersNamed(layers) }),
    ...(rules && { rules }),
    ...(keySet_bytes !== undefined && { keySet_bytes }),
  }
}

/** How many commits each worker made. */
export function commitsOf(events: readonly WorkerEvent[]): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const { kind, worker } of events) if (kind === 'committed') counts[worker] = (counts[worker] ?? 0) + 1
  return counts
}
