export { candleStage } from './candle-stage.js'
export { CANDLE_SIZES, MINUTE_US } from './measures/sizes.js'
export { readCandleState } from './tables/candle-state.js'
export { CANDLES_TABLE, LATE_TRADES_TABLE, MEASURES, REVISED, REVISIONS_TABLE } from './tables/candle-tables.js'
