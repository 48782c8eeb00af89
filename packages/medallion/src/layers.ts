import { bronzeLayer } from './bronze/layer.js'
import { candlesLayer } from './candles/layer.js'
import { goldLayer } from './gold/layer.js'
import { silverLayer } from './silver/layer.js'

/** Every layer, upstream first. */
export const LAYERS = [bronzeLayer, silverLayer, goldLayer, candlesLayer] as const

export type LayerName = (typeof LAYERS)[number]['name']
