import { LAYERS, type Layer, type LayerName } from '@assay/medallion'

export const LAYER_NAMES: readonly LayerName[] = LAYERS.map(({ name }) => name)

/** The project's layers of these names, upstream first. */
export function layersNamed(names: readonly LayerName[]): Layer[] {
  return LAYERS.filter(({ name }) => names.includes(name))
}
