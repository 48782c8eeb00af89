import { runWorkers } from '@assay/lake'
import type { Layer } from '@assay/medallion'
import type { WorkerEvent } from '@assay/pipeline'
import type { MemoryLake } from '../support/memory-lake.js'
import { SIMULATED_LAYERS } from './simulated-layers.js'
import type { Simulation } from './simulation.js'
import { StorageLog } from './storage-log.js'

const EVENTS_MAX = 30
/** A lane may have to be let go on twice: after a cut, and again where retention overtook that. */
const ROUNDS = 2
/** On a disk that does what disks do each of a lane's batches may be damaged by itself. */
const STORAGE_ROUNDS = 40

export async function drainAll({ log, external }: Simulation, lake: MemoryLake): Promise<void> {
  for (let round = 0; round < (log instanceof StorageLog ? STORAGE_ROUNDS : ROUNDS); round++) {
    // Layer by layer, so that nothing is left to chance.
    for (const layer of SIMULATED_LAYERS) await drainLayer(lake, layer)
    if (!(await external.acceptStops(lake))) return
  }
}

export async function drainLayer(lake: MemoryLake, layer: Layer): Promise<void> {
  const stop = new AbortController()
  let events = 0
  let cause: unknown
  const onEvent = (event: WorkerEvent): void => {
    if (event.kind === 'outage') cause = event.error
    if (++events === EVENTS_MAX) stop.abort()
  }
  const options = { layers: [layer], drain: true, adopt: false, interval_ms: 0, onEvent }
  await runWorkers(lake, options, stop.signal)
  if (stop.signal.aborted) throw new Error(`${layer.name} does not come to an end`, { cause })
}
