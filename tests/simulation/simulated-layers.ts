import { LAYERS, type Layer, type LayerName } from '@assay/medallion'

/**
 * The project's layers, upstream first, without workers of extras: no feed says here that it listens, so that they would
 * only ask the log again and again, and what happens to a worker would seldom happen to one of the others.
 */
export const SIMULATED_LAYERS: readonly Layer[] = LAYERS.map((layer) => ({
  ...layer,
  workers: (exchanges) => layer.workers(exchanges).filter(({ isOptional }) => !isOptional),
}))

/** Those of these names. */
export function simulatedLayers(names: readonly LayerName[]): Layer[] {
  return SIMULATED_LAYERS.filter(({ name }) => names.some((one) => one === name))
}
